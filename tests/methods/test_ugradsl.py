"""UGradSL: ascent against negatively smoothed labels."""

import numpy as np
import pytest
import torch
from helpers.linear import LINEAR, PLAIN, UNEVEN, Softmax, mean_within, watch
from helpers.runs import FORGET, same, weights

from medunlearn import InputError
from medunlearn.methods import Classifier, NegGradPlus, UGradSL, UGradSLPlus
from medunlearn.methods.ugradsl import smoothed_cross_entropy

ORIGINAL = "--model.init_args.original=t"
NOT_SMOOTHED = "--model.init_args.smoothing=0"


def test_without_smoothing_the_plus_form_is_neg_grad_plus(fit):
    fit.original("t", epochs=1)
    plain = fit("NegGradPlus", "n", FORGET, ORIGINAL)
    assert same(weights(fit("UGradSLPlus", "a", FORGET, ORIGINAL, NOT_SMOOTHED)), weights(plain))
    assert not same(weights(fit("UGradSLPlus", "b", FORGET, ORIGINAL)), weights(plain))


@pytest.mark.parametrize("rate", [0.25, 0.5])
def test_without_smoothing_it_is_neg_grad_plus_by_the_length_of_the_forget_set(fit, monkeypatch, rate):
    """Where half of the images are to be forgotten, both lengths are one."""
    fit.original("t", epochs=1)
    options = (f"--data.forget.rate={rate}", ORIGINAL)
    run = fit("UGradSL", "a", *options, NOT_SMOOTHED)
    by_retain = fit("NegGradPlus", "n", *options)
    assert same(weights(run), weights(by_retain)) == (rate == 0.5)
    monkeypatch.setattr(NegGradPlus, "pairs", "paired_by_forget")
    assert same(weights(run), weights(fit("NegGradPlus", "m", *options)))


@pytest.mark.parametrize("method", ["UGradSL", "UGradSLPlus"])
def test_with_the_whole_weight_on_the_retain_set_it_is_fine_tuning(fit, method):
    fit.original("t", epochs=1)
    options = (FORGET, ORIGINAL, "--model.init_args.lr=0.02", "--model.init_args.lr_schedule=cosine")
    run = fit(method, "a", *options, "--model.init_args.retain_weight=1")
    assert same(weights(run), weights(fit("FineTune", "f", *options)))


@pytest.mark.parametrize(("method", "steps"), [(UGradSL, 2), (UGradSLPlus, 5)])
@pytest.mark.parametrize("smoothing", [-0.2, -1])
def test_steps_go_up_against_smoothed_labels(fit, npz, monkeypatch, method, steps, smoothing):
    """In NumPy, over two epochs that are as long as the forget set, or as the retain set."""
    t = fit.once("Train", "t", epochs=1, backbone=LINEAR)
    met = watch(monkeypatch, Classifier)
    own = (f"--model.init_args.smoothing={smoothing}", "--model.init_args.lr=0.05")
    own += ("--model.init_args.retain_weight=0.7",)
    run = fit(method.__name__, "s", FORGET, ORIGINAL, *PLAIN, UNEVEN, *own, backbone=LINEAR)
    model = Softmax(t, npz)
    assert len(met) == 2 * steps
    for rows, forget in met:
        smoothed = (1 - smoothing) * model.onehot(rows) + smoothing / 4
        targets = np.where(forget[:, None], smoothed, model.onehot(rows))
        model.step(rows, targets, mean_within(forget, 0.7, -0.3), 0.05)
    model.check(run, t)


def test_gradient_of_smoothed_labels_is_softmax_less_labels():
    rng = np.random.default_rng(0)
    logits = torch.tensor(rng.normal(size=(6, 5)) * 3, requires_grad=True)
    labels, smoothing = torch.tensor([0, 1, 2, 3, 4, 0]), torch.tensor([0, -0.2, -1, -5, 0.1, 0], dtype=torch.float64)
    losses = smoothed_cross_entropy(logits, labels, smoothing)
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    values, alpha = logits.detach().numpy(), smoothing.numpy()[:, None]
    probs = np.exp(values) / np.exp(values).sum(1, keepdims=True)
    targets = (1 - alpha) * np.eye(5)[labels.numpy()] + alpha / 5
    assert targets.sum(1) == pytest.approx(np.ones(6))
    assert losses.detach().numpy() == pytest.approx(-(targets * np.log(probs)).sum(1))
    assert gradient.numpy() == pytest.approx(probs - targets)


@pytest.mark.parametrize("value", [0.1, float("-inf"), float("nan"), "much"])
def test_smoothing_out_of_range_is_refused(value):
    with pytest.raises(InputError, match=f"smoothing={value!r}: give a number of 0 or less"):
        UGradSL(4, original="t", smoothing=value)
