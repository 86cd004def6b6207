"""MUNBa: the bisector of two gradients."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.backbones import TinyNet
from helpers.bare import Steps, train, untrained
from helpers.runs import FORGET, weights
from helpers.stages import prepare, stage, start_all

from medunlearn.methods import MUNBa
from medunlearn.methods.munba import bisector

OPTIONS = (FORGET, "--model.init_args.original=t")
PLAIN = ("--model.init_args.momentum=0", "--model.init_args.weight_decay=0", "--model.init_args.lr_schedule=constant")


def in_numpy(first, second):
    """Return a_1 g_1 + a_2 g_2 with a = 1 / (|g| sqrt(1 + cos)), as the paper's closed form has it."""
    first, second = first.astype(np.float64), second.astype(np.float64)
    lengths = np.linalg.norm(first), np.linalg.norm(second)
    root = np.sqrt(1 + first @ second / (lengths[0] * lengths[1]))
    return first / (lengths[0] * root) + second / (lengths[1] * root)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_bisector_is_the_papers_closed_form_and_of_length_sqrt_2_whatever_the_scales(seed, scale):
    first, second = np.random.default_rng(seed).normal(size=(2, 50)).astype(np.float32)
    found = bisector(torch.from_numpy(first), torch.from_numpy(scale * second)).numpy()
    np.testing.assert_allclose(found, in_numpy(first, second), rtol=1e-4, atol=1e-6)
    assert np.linalg.norm(found) == pytest.approx(np.sqrt(2), rel=1e-6)
    assert found @ first > 0 and found @ second > 0, "it serves both"


def test_there_is_no_bisector_of_opposite_gradients_or_of_none():
    gradient = torch.tensor([3.0, -1.0, 2.0])
    for other in (-gradient, -2 * gradient, 0 * gradient):
        assert torch.equal(bisector(gradient, other), torch.zeros(3))
        assert torch.equal(bisector(other, gradient), torch.zeros(3))
    assert bisector(gradient, gradient * torch.nan).isnan().all(), "a model that has diverged shows it"


def gradient(net, images, labels, chosen, weight):
    net.zero_grad()
    losses = F.cross_entropy(net((images - 0.5) / 0.5), labels, reduction="none")
    (losses * weight)[chosen].sum().backward()
    return np.concatenate([each.grad.numpy().ravel() for each in net.parameters()])


@pytest.mark.parametrize(("clip", "length"), [((), 1.0), (("--trainer.gradient_clip_val=10",), np.sqrt(2))])
def test_first_step_is_along_the_bisector(fit, monkeypatch, clip, length):
    """From two backward passes of its own; the public code's clip, the default, makes it a step of length 1."""
    original, seen = weights(fit.original("t", epochs=1)), []

    def watched(self, batch, losses=MUNBa.losses):
        seen.append(batch)
        return losses(self, batch)

    monkeypatch.setattr(MUNBa, "losses", watched)
    options = (*OPTIONS, *PLAIN, *clip, "--trainer.precision=32-true", "--trainer.max_steps=1")
    run = fit("MUNBa", "s", *options, "--model.init_args.lr=0.3")
    (batch,) = seen
    assert (int(batch.forget.sum()), int((~batch.forget).sum())) == (4, 4), "every step holds both sets"
    net = TinyNet(4).train()
    net.load_state_dict(original)
    labels = torch.where(batch.forget, (batch.uniform * 4).long(), batch.labels)
    parts = [gradient(net, batch.images, labels, chosen, batch.weight) for chosen in (~batch.forget, batch.forget)]
    names = [name for name, _ in net.named_parameters()]
    moved = np.concatenate([(weights(run)[name] - original[name]).numpy().ravel() for name in names])
    np.testing.assert_allclose(moved, -0.3 * length * in_numpy(*parts) / np.sqrt(2), rtol=1e-3, atol=2e-6)


def test_every_retained_image_is_paired_and_moves_the_weights(npz, tmp_path):
    """The public code pairs only the first retain batches of an epoch, as many as the forget set has."""
    original, steps = untrained(tmp_path / "model.ckpt"), Steps()
    plain = {"lr": 0.3, "lr_schedule": "constant", "momentum": 0, "weight_decay": 0}
    train("MUNBa", original, npz, 1, batch_size=8, callbacks=(steps,), **plain)
    retained, forgotten = [], []
    for batch, before, moved in steps.moves(0.3):
        retained += batch.rows[~batch.forget].tolist()
        forgotten += batch.rows[batch.forget].tolist()
        net = TinyNet(4).train()
        net.load_state_dict(before)
        labels = torch.where(batch.forget, (batch.uniform * 4).long(), batch.labels)
        parts = [gradient(net, batch.images, labels, chosen, batch.weight) for chosen in (~batch.forget, batch.forget)]
        found = np.concatenate([moved[name].numpy().ravel() for name, _ in net.named_parameters()])
        np.testing.assert_allclose(found, in_numpy(*parts) / np.sqrt(2), rtol=1e-3, atol=1e-5)
    assert sorted([*retained, *set(forgotten)]) == [*range(32)], "each retained image once"
    assert np.bincount(forgotten)[forgotten].tolist() == [3] * 24, "the forget set as often as it takes"


@pytest.mark.parametrize("more", [(), ("--model.init_args.mask_ratio=0.5",), ("--trainer.accumulate_grad_batches=2",)])
def test_scale_of_either_loss_changes_nothing(fit, monkeypatch, more):
    """Also under a mask, whose frozen weights have no say in the angle, and where a step takes several batches."""
    fit.original("t", epochs=1)
    options = (*OPTIONS, *PLAIN, "--trainer.precision=32-true", "--model.init_args.lr=0.05", *more)
    plain = weights(fit("MUNBa", "a", *options))
    original = weights(fit("Train", "u", epochs=1))

    cross_entropy = F.cross_entropy

    def louder(logits, target, reduction="mean"):
        losses = cross_entropy(logits, target, reduction=reduction)
        return losses * factors[: len(losses)] if reduction == "none" else losses

    factors = torch.tensor([1.0] * 4 + [64.0] * 4)  # a batch holds 4 retained images and 4 forgotten ones
    monkeypatch.setattr("medunlearn.methods.classifier.F.cross_entropy", louder)
    found = weights(fit("MUNBa", "b", *options))
    moves = max((plain[name] - original[name]).abs().max().item() for name in plain)
    assert max((plain[name] - found[name]).abs().max().item() for name in plain) < moves / 100


def test_loss_is_finite_and_the_trainer_clips_unless_it_is_given_another_value(fit):
    fit.original("t", epochs=1)
    run = fit("MUNBa", "s", *OPTIONS)
    assert all(value.isfinite().all() for value in weights(run).values())
    assert "gradient_clip_val: 1.0" in (run / "config.yaml").read_text()
    assert json.loads((run / "metrics.json").read_text())["parameters"]["changed"] > 0


@pytest.mark.timeout(600)
def test_two_processes_make_the_step_of_one(tmp_path):
    prepare(tmp_path)
    start_all(tmp_path, "train", [stage(1, "t", "Train")])
    more = (FORGET, "--model.init_args.original=t_1", "--model.init_args.freeze_statistics=true")
    for world in (1, 2):
        start_all(tmp_path, f"munba{world}", [stage(world, "munba", "MUNBa", *more, "--model.init_args.lr=0.1")])
    before, one, two = (weights(tmp_path / run) for run in ("t_1", "munba_1", "munba_2"))
    moves = max((one[name] - before[name]).abs().max().item() for name in one)
    assert max((one[name] - two[name]).abs().max().item() for name in one) < moves / 100
