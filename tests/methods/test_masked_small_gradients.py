"""Masked small gradients: which weights are reinitialised, what is left, and how the others are slowed."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.backbones import TINY, TinyNet
from helpers.convolutions import NESTED, NestedNet, gradients
from helpers.runs import same, weights

from medunlearn import InputError, MaskedSmallGradients
from medunlearn.methods import Classifier
from medunlearn.methods.masked_small_gradients import smallest

OPTIONS = ("--data.forget.rate=0.25", "--model.init_args.original=t", "--trainer.precision=32-true")


def kept(run):
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["kept"]


def difference(network, run, npz):
    """Return the gradient over the forget set minus that over the seed's draw of retained images, as float64."""
    with np.load(npz) as arrays:
        images = torch.from_numpy(arrays["train_images"]).permute(0, 3, 1, 2).double() / 255
        labels = torch.from_numpy(arrays["train_labels"]).flatten().long()
    network.load_state_dict(weights(Path("t")))
    network.double().eval()
    forget = torch.tensor(json.loads((run / "split.json").read_text())["indices"])
    retain = torch.from_numpy(np.setdiff1d(np.arange(32), forget))
    drawn = retain[torch.randperm(24, generator=torch.Generator().manual_seed(0))[:8]]
    one, other = (gradients(network, images[rows], labels[rows], "sum") for rows in (forget, drawn))
    return {name: (one[name] - other[name]).abs().numpy() for name in one}


@pytest.mark.parametrize(("backbone", "network"), [(TINY, TinyNet), (NESTED, NestedNet)])
def test_smallest_gradients_are_drawn_anew_and_nothing_else_changes(fit, npz, backbone, network):
    """No bias is reinitialised, and no statistics move while the gradients are taken."""
    trained = fit("Train", "t", epochs=1, backbone=backbone)
    run = fit("MaskedSmallGradients", "s", *OPTIONS, epochs=0, backbone=backbone)
    before, after, redrawn = weights(trained), weights(run), kept(run)
    kernels = {name for name, value in before.items() if value.ndim == 4}
    assert redrawn.keys() == kernels
    for name, value in before.items():
        if name not in kernels:
            assert torch.equal(after[name], value), name
    magnitudes = difference(network(4), run, npz)
    for name in kernels:
        chosen, count = redrawn[name], int(0.3 * before[name].numel())
        assert int(chosen.sum()) == count
        assert torch.equal(after[name] != before[name], chosen)
        order = np.argsort(magnitudes[name].ravel(), kind="stable")
        limit = magnitudes[name].ravel()[order[count]]
        assert magnitudes[name][chosen.numpy()].max() <= limit + 1e-5
        certain = order[:count][magnitudes[name].ravel()[order[:count]] < limit - 1e-5]
        assert chosen.numpy().ravel()[certain].all(), "every one that is smaller by more than rounding"
    files = [sorted(str(path.relative_to(each)) for path in each.rglob("*")) for each in (run, trained)]
    assert files[0] == files[1]
    assert json.loads((run / "metrics.json").read_text())["runtime"]["preparation"] > 0


def test_weights_are_drawn_with_kaimings_deviation(fit):
    fit.original("t", epochs=1)
    run = fit("MaskedSmallGradients", "s", *OPTIONS, "--model.init_args.redrawn_share=1", epochs=0)
    for name in kept(run):
        value = weights(run)[name]
        assert value.std() * np.sqrt(value.shape[0] * 9 / 2) == pytest.approx(1, abs=0.12)
        assert abs(value.mean()) < 0.2 * value.std()
    again = fit("MaskedSmallGradients", "again", *OPTIONS, "--model.init_args.redrawn_share=1", epochs=0)
    other = fit(
        "MaskedSmallGradients", "o", *OPTIONS, "--model.init_args.redrawn_share=1", "--seed_everything=1", epochs=0
    )
    assert same(weights(run), weights(again))
    assert not same(weights(run), weights(other))


@pytest.mark.parametrize("rate", [0.25, 0.75])
def test_as_many_retained_images_are_looked_at_as_there_are(fit, monkeypatch, rate):
    """At a rate above one half all of them are."""
    fit.original("t", epochs=1)
    rows = []
    take = MaskedSmallGradients._mean_gradient
    monkeypatch.setattr(
        MaskedSmallGradients, "_mean_gradient", lambda self, *of: rows.append(of[1].tolist()) or take(self, *of)
    )
    run = fit("MaskedSmallGradients", "s", *OPTIONS[1:], f"--data.forget.rate={rate}", epochs=0)
    forget = json.loads((run / "split.json").read_text())["indices"]
    assert rows[0] == forget
    assert len(rows[1]) == len(set(rows[1])) == 8
    assert not set(rows[1]) & set(forget)


def test_neutral_values_are_fine_tuning_bit_for_bit(fit):
    fit.original("t", epochs=1)
    options = (*OPTIONS, "--trainer.deterministic=true", "--model.init_args.lr=0.1")
    neutral = ("--model.init_args.redrawn_share=0", "--model.init_args.kept_factor=1")
    run = fit("MaskedSmallGradients", "s", *options, *neutral)
    assert same(weights(run), weights(fit("FineTune", "f", *options)))
    assert not same(weights(run), weights(fit("MaskedSmallGradients", "o", *options, neutral[0])))


@pytest.fixture
def stepped(monkeypatch):
    """Return the gradients at each step of an optimiser, as the optimiser meets them."""
    found = []

    def watched(step):
        def watching(self, *args, **kwargs):
            closure = args[0] if args else kwargs.get("closure")
            if closure is not None:
                with torch.enable_grad():
                    closure()
            found.append([each.grad.clone() for each in self.param_groups[0]["params"]])
            return step(self)

        return watching

    for kind in (torch.optim.SGD, torch.optim.AdamW):
        monkeypatch.setattr(kind, "step", watched(kind.step))
    return found


@pytest.mark.parametrize(
    ("method", "accumulated", "clip"),
    [
        ("MaskedSmallGradients", 1, None),
        ("MaskedSmallGradients", 3, None),
        ("MaskedSmallGradients", 3, 0.05),
        ("helpers.convolutions.AdamSmallGradients", 2, 0.05),
    ],
)
def test_kept_weights_get_a_tenth_of_their_gradient_once(fit, stepped, monkeypatch, method, accumulated, clip):
    """Whatever the optimiser, the batches of a step, and the clipping, which sees what is left."""
    fit.original("t", epochs=1)
    stepped.clear()
    batches, step = [], Classifier.losses
    monkeypatch.setattr(Classifier, "losses", lambda self, batch: batches.append(batch) or step(self, batch))
    options = [f"--trainer.accumulate_grad_batches={accumulated}"]
    options += [f"--trainer.gradient_clip_val={clip}"] if clip else []
    run = fit(method, "s", *OPTIONS, *options, f"--trainer.limit_train_batches={accumulated}", epochs=1)
    redrawn = kept(run)
    network = TinyNet(4)
    names = [name for name, _ in network.named_parameters()]
    start = fit("MaskedSmallGradients", "start", *OPTIONS, epochs=0)
    network.load_state_dict(weights(start))
    network.train()
    expected = dict.fromkeys(names, 0.0)
    for batch in batches[:accumulated]:
        for name, gradient in gradients(network, batch.images, batch.labels).items():
            expected[name] = expected[name] + gradient / accumulated
    for name, chosen in redrawn.items():
        expected[name] = torch.where(chosen, 1.0, 0.1) * expected[name]
    if clip:
        norm = torch.cat([gradient.flatten() for gradient in expected.values()]).norm()
        assert norm > clip
        expected = {name: gradient * clip / norm for name, gradient in expected.items()}
    for name, gradient in zip(names, stepped[0], strict=True):
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-6)


def test_each_of_two_optimisers_slows_its_own_weights():
    method = MaskedSmallGradients(4, original="t", backbone=TINY)
    method.kept = {
        name: torch.zeros_like(value, dtype=torch.bool)
        for name, value in method.backbone.named_parameters()
        if value.ndim == 4
    }
    for parameter in method.backbone.parameters():
        parameter.grad = torch.ones_like(parameter)
    first, rest = method.backbone.conv1, [method.backbone.conv2, method.backbone.conv3, method.backbone.fc]
    for modules in ([first], rest):
        weights_of = [parameter for module in modules for parameter in module.parameters()]
        method.on_before_optimizer_step(torch.optim.SGD(weights_of, lr=1))
    tenth = torch.tensor(0.1)
    for name, factor in (("conv1", tenth), ("conv2", tenth), ("conv3", tenth), ("conv4", 1), ("fc", 1), ("bn1", 1)):
        gradient = getattr(method.backbone, name).weight.grad
        assert torch.equal(gradient, torch.ones_like(gradient) * factor), name


def test_step_is_sgds_with_slowed_weights_and_full_weight_decay(fit, monkeypatch):
    fit.original("t", epochs=1)
    batches, step = [], Classifier.losses
    start = fit("MaskedSmallGradients", "start", *OPTIONS, epochs=0)
    monkeypatch.setattr(Classifier, "losses", lambda self, batch: batches.append(batch) or step(self, batch))
    run = fit("MaskedSmallGradients", "s", *OPTIONS, "--trainer.limit_train_batches=1", epochs=1)
    network = TinyNet(4)
    network.load_state_dict(weights(start))
    found = gradients(network.train(), batches[0].images, batches[0].labels)
    for name, parameter in network.named_parameters():
        factor = np.where(kept(run)[name].numpy(), 1.0, 0.1) if name in kept(run) else 1.0
        before = parameter.detach().numpy().astype(np.float64)
        expected = before - 0.004 * (factor * found[name].numpy() + 5e-4 * before)
        np.testing.assert_allclose(weights(run)[name].numpy(), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.55, 1.0])
def test_smallest_values_are_numpys(share):
    values = np.random.default_rng(0).integers(0, 9, (5, 4, 3, 3)).astype(np.float32)
    order = np.argsort(values.ravel(), kind="stable")[: int(share * 180 + 1e-9)]
    found = smallest(torch.from_numpy(values), share).numpy()
    assert np.array_equal(np.flatnonzero(found), np.sort(order))


@pytest.mark.parametrize("name", ["redrawn_share", "kept_factor"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "x"])
def test_a_share_or_factor_out_of_range_is_refused(name, value):
    with pytest.raises(InputError, match=f"{name}={value!r}: give a share from 0 to 1"):
        MaskedSmallGradients(4, original="t", backbone=TINY, **{name: value})


def test_settings_are_those_of_its_recipe():
    method = MaskedSmallGradients(4, original="t", backbone=TINY)
    assert (method.lr, method.lr_schedule, method.images(0)) == (0.004, "cosine", "retain")
    assert (method.redrawn_share, method.kept_factor) == (0.3, 0.1)
    assert MaskedSmallGradients.trainer_arguments == {"max_epochs": 5}
