"""CoUn: two views, and the contrast between them."""

import numpy as np
import pytest
import torch
from helpers.backbones import TINY
from helpers.runs import FORGET, refused, same, weights
from helpers.stages import prepare, stage, start_all

from medunlearn.errors import InputError
from medunlearn.methods import Classifier, CoUn
from medunlearn.methods.coun import info_nce

ORIGINAL = ("--model.init_args.original=t_1",)
OPTIONS = (FORGET, "--model.init_args.original=t")


def in_numpy(first, second, temperature):
    """Return InfoNCE of each image, by loops over all views."""
    views = np.concatenate([first, second]).astype(np.float64)
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    count, losses = len(first), []
    for i in range(2 * count):
        exponentials = [np.exp(views[i] @ views[k] / temperature) for k in range(2 * count)]
        losses.append(-np.log(exponentials[(i + count) % (2 * count)] / (sum(exponentials) - exponentials[i])))
    return (np.array(losses[:count]) + np.array(losses[count:])) / 2


@pytest.mark.parametrize("temperature", [0.1, 0.5])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_info_nce_is_simclrs(count, temperature):
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, count, 5)).astype(np.float32)
    found = info_nce(torch.from_numpy(first), torch.from_numpy(second), temperature)
    np.testing.assert_allclose(found, in_numpy(first, second, temperature), rtol=2e-5, atol=1e-6)
    turned = info_nce(torch.from_numpy(second), torch.from_numpy(3 * first), temperature)
    torch.testing.assert_close(turned, found, rtol=1e-4, atol=1e-6)


def test_weight_of_0_is_fine_tuning_bit_for_bit(fit):
    fit.original("t", epochs=1)
    plain = fit("FineTune", "a", *OPTIONS)
    without = fit("CoUn", "b", *OPTIONS, "--model.init_args.weight=0")
    contrasted = fit("CoUn", "c", *OPTIONS)
    assert same(weights(plain), weights(without))
    assert not same(weights(plain), weights(contrasted))


def test_loss_is_that_of_the_first_view_plus_the_weighted_contrast(fit, monkeypatch):
    """Recomputed from a hand-written forward pass; both views differ, and the first is the one of fine-tuning."""
    fit.original("t", epochs=1)
    seen = []

    def watched(self, batch, number, step=Classifier.training_step):
        seen.append((batch, [value.clone() for value in self.backbone.state_dict().values()]))
        loss = step(self, batch, number)
        seen[-1] += (loss.item(),)
        return loss

    monkeypatch.setattr(Classifier, "training_step", watched)
    options = (*OPTIONS, "--model.init_args.weight=0.5", "--model.init_args.temperature=0.2")
    fit("CoUn", "c", *options, "--trainer.precision=32-true", epochs=1)
    contrasted = list(seen)
    seen.clear()
    fit("FineTune", "a", *OPTIONS, "--trainer.precision=32-true", epochs=1)
    assert len(contrasted) == len(seen) == 3
    for (batch, state, loss), (plain, _, _) in zip(contrasted, seen, strict=True):
        assert not batch.forget.any()
        assert torch.equal(batch.images, plain.images)
        assert plain.second is None
        assert batch.second.shape == batch.images.shape
        assert not torch.equal(batch.second, batch.images)
        net = CoUn(4, original="t", backbone=TINY).backbone.train()
        net.load_state_dict(dict(zip(net.state_dict(), state, strict=True)))
        features = [features_of(net, images) for images in (batch.images, batch.second)]
        logits = features[0] @ net.fc.weight.detach().numpy().T + net.fc.bias.detach().numpy()
        logits -= logits.max(1, keepdims=True)
        chosen = logits[np.arange(len(logits)), batch.labels] - np.log(np.exp(logits).sum(1))
        expected = -chosen.mean() + 0.5 * in_numpy(*features, 0.2).mean()
        assert loss == pytest.approx(expected, rel=1e-4)


def features_of(net, images):
    with torch.no_grad():
        x = (images - 0.5) / 0.5
        for number in (1, 2, 3, 4):
            x = torch.relu(getattr(net, f"bn{number}")(getattr(net, f"conv{number}")(x)))
        return x.mean((2, 3)).numpy()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weight": -1}, "weight=-1: give a number of 0 or more"),
        ({"weight": float("inf")}, "weight=inf: give a number of 0 or more"),
        ({"temperature": 0}, "temperature=0: give a number above 0"),
        ({"backbone": "squeezenet1_1", "image_size": 32}, "backbone=squeezenet1_1: this method needs the features"),
    ],
)
def test_values_out_of_range_are_refused(arguments, message):
    with pytest.raises(InputError, match=f"^{message}"):
        CoUn(**{"num_classes": 4, "original": "t", "backbone": TINY} | arguments)


def test_images_that_are_not_augmented_have_no_two_views(fit, npz, capsys):
    fit.original("t", epochs=1)
    command = ("fit", "--model=CoUn", "--run_dir=c", f"--data.file={npz}", f"--model.init_args.backbone={TINY}")
    line = refused(capsys, *command, *OPTIONS, "--data.augmentation=NoAug")
    assert line.startswith("data.augmentation=NoAug: this method compares two augmented views of each image")
    fit("CoUn", "d", *OPTIONS, "--data.augmentation=NoAug", "--model.init_args.weight=0")


@pytest.mark.timeout(600)
def test_negatives_are_those_of_the_global_batch_on_two_processes(tmp_path):
    """24 retained images in batches of 23 and 1: the shares differ in size, and one of the last batch is empty."""
    prepare(tmp_path)
    start_all(tmp_path, "train", [stage(1, "t", "Train")])
    more = ("--data.batch_size=23", "--model.init_args.freeze_statistics=true", "--model.init_args.lr=0.1")
    for world in (1, 2):
        start_all(tmp_path, f"coun{world}", [stage(world, "coun", "CoUn", *OPTIONS[:1], *ORIGINAL, *more)])
    before, one, two = (weights(tmp_path / run) for run in ("t_1", "coun_1", "coun_2"))
    moves = max((one[name] - before[name]).abs().max().item() for name in one)
    gaps = max((one[name] - two[name]).abs().max().item() for name in one)
    assert gaps < moves / 1000
