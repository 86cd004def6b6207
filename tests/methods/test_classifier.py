"""The base of every method, without a run. (In runs: `test_own_method.py`, `test_unlearner.py`.)"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.backbones import TINY
from lightning.pytorch import seed_everything

from medunlearn.contracts import Batch
from medunlearn.errors import InputError
from medunlearn.methods import Classifier


def classifier(kind=Classifier, **arguments):
    return kind(**{"num_classes": 4, "backbone": TINY} | arguments)


def batch_of(count, weight=None):
    rows = torch.arange(count)
    images = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    weight = torch.ones(count) / max(1, count) if weight is None else weight
    return Batch(images, rows % 4, 10 + rows, rows < 2, weight, rows.float(), None)


@pytest.fixture
def logged(monkeypatch):
    """Values that a method logs, by name."""
    values = {}
    monkeypatch.setattr(Classifier, "log", lambda self, name, value, **options: values.update({name: value}))
    return values


def trained(method, **trainer):
    """Give a method a stand-in for the Trainer, whose data have five steps an epoch."""
    usual = {"max_epochs": 4, "max_steps": -1, "limit_train_batches": 1.0, "accumulate_grad_batches": 1}
    data = type("Data", (), {"train_on": lambda *_: None, "steps": lambda *_: 5})()
    method._trainer = SimpleNamespace(**{"datamodule": data} | usual | trainer)
    return method


# Arguments


@pytest.mark.parametrize("name", ["lr", "momentum", "weight_decay", "lr_min", "gamma"])
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), "0.1", None])
def test_number_out_of_range_is_refused_by_name_and_value(name, value):
    with pytest.raises(InputError) as caught:
        classifier(**{name: value})
    assert str(caught.value) == f"{name}={value!r}: give a number of 0 or more"


@pytest.mark.parametrize("name", ["lr", "momentum", "weight_decay", "lr_min", "gamma"])
def test_number_may_be_zero(name):
    assert getattr(classifier(**{name: 0}), name) == 0


def test_schedule_that_does_not_exist_is_refused_with_the_choice():
    with pytest.raises(InputError, match=r"lr_schedule=linear: choose one of .*cosine"):
        classifier(lr_schedule="linear")


# Loss


def test_losses_are_the_negative_logarithm_of_the_true_class():
    method, batch = classifier().eval(), batch_of(6)
    logits = method(batch.images).detach().double().numpy()
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = -np.log(probs[np.arange(6), batch.labels.numpy()])
    np.testing.assert_allclose(method.losses(batch).detach().numpy(), expected, rtol=1e-5)


def test_losses_are_in_float32_under_autocast():
    method = classifier()
    with torch.autocast("cpu", torch.bfloat16):
        assert method(batch_of(4).images).dtype == torch.bfloat16
        assert method.losses(batch_of(4)).dtype == torch.float32


def test_losses_are_against_the_targets_of_a_method():
    class Shifted(Classifier):
        def targets(self, batch):
            return (batch.labels + 1) % 4

    batch = batch_of(6)
    shifted, plain = classifier(Shifted).eval(), classifier().eval()
    shifted.load_state_dict(plain.state_dict())
    assert torch.equal(shifted.losses(batch), plain.losses(batch._replace(labels=(batch.labels + 1) % 4)))


def test_training_step_is_the_weighted_sum_of_losses_and_the_penalty(logged):
    class Penalised(Classifier):
        def losses(self, batch):
            return batch.rows.float()

        def penalty(self):
            return torch.tensor(100.0)

    weight = torch.tensor([0.5, 0.25, 0.0])
    loss = classifier(Penalised).training_step(batch_of(3, weight), 0)
    assert float(loss) == 0.5 * 10 + 0.25 * 11 + 100
    assert float(logged["train/loss"]) == float(loss)


@pytest.mark.parametrize("shape", [(), (1,), (3, 1), (2,)])
def test_training_step_refuses_losses_of_another_shape(logged, shape):
    class Wrong(Classifier):
        def losses(self, batch):
            return torch.zeros(shape)

    with pytest.raises(
        InputError, match=r"losses: Wrong.losses must return one loss per image, a tensor of shape \(3,\)"
    ):
        classifier(Wrong).training_step(batch_of(3), 0)
    assert logged == {}


# Validation, test, prediction


def test_validation_is_the_mean_over_images_of_batches_of_any_size(logged):
    method = classifier().eval()
    batches = [batch_of(6), batch_of(0), batch_of(3)]
    for number, batch in enumerate(batches):
        method.validation_step(batch, number)
    logits = torch.cat([method(batch.images) for batch in batches]).detach()
    labels = torch.cat([batch.labels for batch in batches])
    losses = -logits.double().log_softmax(1)[torch.arange(9), labels]
    assert float(logged["val/loss"].compute()) == pytest.approx(float(losses.mean()), rel=1e-5)
    assert float(logged["val/accuracy"].compute()) == pytest.approx(float((logits.argmax(1) == labels).sum()) / 9)


def test_test_step_counts_no_image_of_an_empty_share(logged):
    method = classifier().eval()
    for batch in (batch_of(5), batch_of(0)):
        method.test_step(batch, 0)
    right = method(batch_of(5).images).argmax(1) == batch_of(5).labels
    assert float(logged["TA"].compute()) == 100 * int(right.sum()) / 5


def test_prediction_is_softmax_in_float32_with_labels_and_rows():
    method, batch = classifier().eval(), batch_of(5)
    with torch.autocast("cpu", torch.bfloat16):
        found = method.predict_step(batch, 0)
    assert found["probs"].dtype == torch.float32
    torch.testing.assert_close(found["probs"].sum(1), torch.ones(5))
    assert torch.equal(found["probs"].argmax(1), method(batch.images).argmax(1))
    assert torch.equal(found["labels"], batch.labels)
    assert torch.equal(found["index"], batch.rows)


# Optimiser


def rates(method, steps):
    """The learning rate of each step, or of each epoch where the schedule counts epochs."""
    configured = method.configure_optimizers()
    if isinstance(configured, torch.optim.Optimizer):
        return [configured.param_groups[0]["lr"]] * steps
    if isinstance(configured, tuple):
        (optimizer,), (scheduler,) = configured
    else:
        optimizer, scheduler = configured["optimizer"], configured["lr_scheduler"]
        scheduler = scheduler["scheduler"] if isinstance(scheduler, dict) else scheduler
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_optimizer_is_sgd_over_the_network_with_the_arguments():
    method = trained(classifier(lr=0.3, momentum=0.7, weight_decay=0.01, lr_schedule="constant"))
    optimizer = method.configure_optimizers()
    (group,) = optimizer.param_groups
    assert type(optimizer) is torch.optim.SGD
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.3, 0.7, 0.01)
    assert [id(weight) for weight in group["params"]] == [id(weight) for weight in method.backbone.parameters()]


def test_learning_rate_steps_down_after_the_milestones():
    found = rates(trained(classifier(lr=1.0, milestones=[2, 3], gamma=0.5)), 5)
    assert found == pytest.approx([1, 1, 0.5, 0.25, 0.25])


def test_learning_rate_without_milestones_stays():
    assert rates(trained(classifier(lr=1.0, milestones=[])), 3) == [1, 1, 1]


@pytest.mark.parametrize(
    ("trainer", "total"),
    [({}, 20), ({"accumulate_grad_batches": 2}, 12), ({"limit_train_batches": 3}, 12), ({"max_steps": 8}, 8)],
    ids=["all", "accumulated", "limited", "steps"],
)
def test_learning_rate_follows_half_a_cosine_over_all_steps(trainer, total):
    """Five batches an epoch, four epochs; an epoch's last step takes what is left of gathered gradients."""
    found = rates(trained(classifier(lr=1.0, lr_min=0.2, lr_schedule="cosine"), **trainer), total + 1)
    expected = 0.2 + 0.8 * (1 + np.cos(np.pi * np.arange(total + 1) / total)) / 2
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_learning_rate_of_zero_has_no_cosine():
    assert rates(trained(classifier(lr=0, lr_schedule="cosine")), 2) == [0, 0]


# The network, the data and the role


def test_new_backbone_is_the_same_network_with_other_weights():
    method = classifier(in_channels=1)
    new = method.new_backbone()
    assert new.architecture == method.backbone.architecture
    shapes = [[value.shape for value in net.state_dict().values()] for net in (new, method.backbone)]
    assert shapes[0] == shapes[1]
    assert not torch.equal(new.conv1.weight, method.backbone.conv1.weight)
    assert new.conv2.weight.is_contiguous(memory_format=torch.channels_last)


def test_weights_are_those_of_the_seed():
    found = []
    for _ in range(2):
        seed_everything(7, verbose=False)
        found.append(classifier().backbone.conv1.weight)
    assert torch.equal(*found)


@pytest.mark.parametrize("data", [None, object()])
def test_data_without_a_forget_set_are_refused(data):
    with pytest.raises(TypeError, match=r"`trainer.fit\(Classifier, datamodule\)` with a MedMNISTDataModule, but got"):
        _ = trained(classifier(), datamodule=data).datamodule


def test_original_belongs_to_unlearners_only():
    class Wrong(Classifier):
        original = "t"

    with pytest.raises(TypeError, match="Expected Wrong to derive from Unlearner"):
        trained(classifier(Wrong)).setup("fit")


@pytest.mark.parametrize(
    ("draws", "epochs", "stage", "reload"),
    [
        (["all"] * 4, 4, "fit", 0),
        (["all", "all", "paired", "all"], 4, "fit", 1),
        (["all", "all", "paired", "all"], 2, "fit", 0),
        (["all", "paired"] * 2, 4, "test", 0),
        (["all"] * 4, -1, "fit", 1),
        (None, -1, "fit", 0),
        (None, None, "fit", 0),
    ],
)
def test_setup_has_loaders_built_anew_each_epoch_where_epochs_differ(draws, epochs, stage, reload):
    """Where no number of epochs is given, a method that has draws of its own may differ at any time."""

    class Drawing(Classifier):
        if draws:

            def images(self, epoch):
                return draws[epoch]

    method = trained(classifier(Drawing), max_epochs=epochs, reload_dataloaders_every_n_epochs=0)
    method.setup(stage)
    assert method.trainer.reload_dataloaders_every_n_epochs == reload


# Checkpoints


def test_checkpoint_of_a_compiled_network_holds_plain_names_and_goes_on_compiled_or_not():
    plain, compiled = classifier(), classifier()
    compiled.backbone = torch.compile(compiled.backbone, backend="eager")
    checkpoint = {"state_dict": compiled.state_dict()}
    compiled.on_save_checkpoint(checkpoint)
    assert list(checkpoint["state_dict"]) == list(plain.state_dict())
    for method in (plain, compiled):
        loaded = {"state_dict": dict(checkpoint["state_dict"])}
        method.on_load_checkpoint(loaded)
        method.load_state_dict(loaded["state_dict"])
        first, *_ = method.state_dict().values()
        assert torch.equal(first, plain.state_dict()["backbone.conv1.weight"])
