"""SalUn-soft: the pull to the original after each step."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.backbones import TINY
from helpers.runs import same, weights

from medunlearn import InputError, SalUnSoft
from medunlearn.methods.salun_soft import pulled

OPTIONS = ("--data.forget.rate=0.25", "--model.init_args.original=t", "--trainer.deterministic=true")


def bits(values):
    return values.detach().view(torch.int32)


def soft_threshold(weights, original, beta):
    """Return the proximal step of beta |w - original| in NumPy's float64."""
    away = weights.astype(np.float64) - original
    return original + np.sign(away) * np.maximum(np.abs(away) - beta, 0)


@pytest.mark.parametrize("beta", [0.0, 1e-3, 0.1, 10.0])
def test_pull_is_the_soft_threshold(beta):
    generator = np.random.default_rng(0)
    original = generator.normal(size=1000).astype(np.float32)
    moved = original + generator.normal(scale=0.1, size=1000).astype(np.float32)
    found = pulled(torch.from_numpy(moved), torch.from_numpy(original), beta).numpy()
    np.testing.assert_allclose(found, soft_threshold(moved, original, beta), rtol=0, atol=1e-6)
    near = np.abs(moved - original) <= beta
    assert np.array_equal(found[near].view(np.int32), original[near].view(np.int32))


def test_pull_keeps_the_sign_of_a_zero():
    zero = torch.tensor([-0.0, 0.0])
    assert torch.equal(bits(pulled(zero + 1e-9, zero, 1e-3)), bits(zero))


@pytest.mark.parametrize("schedule", ["mixed", "sequential"])
def test_without_a_pull_it_is_random_labels_bit_for_bit(fit, schedule):
    fit.original("t", epochs=1)
    options = (*OPTIONS, f"--model.init_args.schedule={schedule}")
    soft = fit("SalUnSoft", "a", *options, "--model.init_args.beta=0")
    assert same(weights(soft), weights(fit("RandomLabels", "b", *options)))
    assert not same(weights(soft), weights(fit("SalUnSoft", "c", *options, "--model.init_args.beta=1e-3")))


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_pull_beyond_every_step_leaves_the_original_bit_for_bit(fit, schedule):
    """Also at the last step, whose pull is the weakest."""
    fit.original("t", epochs=1)
    run = fit("SalUnSoft", "s", *OPTIONS, "--model.init_args.beta=1e9", f"--model.init_args.lr_schedule={schedule}")
    before, after = weights(Path("t")), weights(run)
    moving = [name for name in before if "running" in name or "num_batches" in name]
    assert all(torch.equal(bits(after[name]), bits(before[name])) for name in before if name not in moving)
    assert not any(torch.equal(after[name], before[name]) for name in moving), "statistics are no weights"
    assert json.loads((run / "metrics.json").read_text())["parameters"]["changed"] == 0


@pytest.fixture
def steps(monkeypatch):
    """Return the weights before and after each pull, by number of the step."""
    found, pull = {}, SalUnSoft.after_step

    def watched(self):
        before = {name: value.numpy().copy() for name, value in self.backbone.named_parameters()}
        pull(self)
        after = {name: value.numpy().copy() for name, value in self.backbone.named_parameters()}
        found[self.trainer.global_step] = (before, after)

    monkeypatch.setattr(SalUnSoft, "after_step", lambda self: watched_without_gradients(self))

    def watched_without_gradients(self):
        with torch.no_grad():
            for parameter in self.backbone.parameters():
                parameter.requires_grad_(False)
            watched(self)
            for parameter in self.backbone.parameters():
                parameter.requires_grad_(True)

    return found


@pytest.mark.parametrize("interrupted", [False, True])
def test_every_pull_is_towards_the_original_and_weaker_than_the_last(fit, steps, monkeypatch, interrupted):
    """The released code measures from the weights at the beginning of each epoch, and of a resumed run."""
    fit.original("t", epochs=1)
    options = (*OPTIONS, "--model.init_args.beta=2e-4", "--trainer.callbacks+=helpers.methods.AskToEnd")
    if interrupted:
        monkeypatch.setenv("ASKED", "0 1 1")
        fit("SalUnSoft", "s", *options, status=128 + signal.SIGTERM, epochs=3)
        monkeypatch.delenv("ASKED")
        options = (*options, "--resume=true")
    run = fit("SalUnSoft", "s", *options, epochs=3)
    original = {name: value.numpy() for name, value in weights(Path("t")).items()}
    assert sorted(steps) == list(range(12)), "32 images, 8 a step, 3 epochs"
    shares = []
    for step, (before, after) in steps.items():
        for name, moved in before.items():
            expected = soft_threshold(moved, original[name], 2e-4 * (1 - step / 12))
            np.testing.assert_allclose(after[name], expected, rtol=0, atol=2e-7)
        shares.append(np.mean([np.mean(after[name] == original[name]) for name in after]))
    assert 0 < shares[-1] < shares[0], "some weights are the original's, fewer as the pull falls"
    assert all(np.array_equal(weights(run)[name].numpy(), value) for name, value in steps[11][1].items())


def test_frozen_weights_stay_frozen_under_the_pull(fit):
    fit.original("t", epochs=1)
    run = fit("SalUnSoft", "s", *OPTIONS, "--model.init_args.mask_ratio=0.3")
    content, before = torch.load(run / "checkpoints" / "model.ckpt", weights_only=True), weights(Path("t"))
    for name, free in content["saliency_mask"].items():
        assert torch.equal(bits(content["state_dict"][name])[~free], bits(before[name])[~free])


@pytest.mark.parametrize("beta", [-1.0, float("inf"), float("nan"), "x"])
def test_a_pull_out_of_range_is_refused(beta):
    with pytest.raises(InputError, match=f"beta={beta!r}: give a number of 0 or more"):
        SalUnSoft(4, original="t", backbone=TINY, beta=beta)


def test_a_run_without_a_known_end_is_refused(fit, capsys):
    fit.original("t", epochs=1)
    fit("SalUnSoft", "s", *OPTIONS, epochs=-1, status=2)
    says = "model.init_args.beta=1e-05: falls to 0 at the end of the run; set trainer.max_epochs"
    assert capsys.readouterr().err.splitlines()[-1] == f"medunlearn: error: {says}"
