"""Random labels: which label an image gets."""

import numpy as np
import pytest
import torch
from helpers.linear import LINEAR, PLAIN, UNEVEN, Softmax, forget_set, watch
from helpers.runs import FORGET, same, weights

from medunlearn.contracts import Batch
from medunlearn.errors import InputError
from medunlearn.methods import Classifier, RandomLabels
from medunlearn.methods.random_labels import relabelled, uniform_cross_entropy


def batch_of(labels, uniform):
    rows = torch.arange(len(labels))
    return Batch(rows, labels, rows, rows >= 0, rows.float(), uniform, None)


@pytest.mark.parametrize(("relabel", "classes"), [("random", 5), ("random_other", 5), ("none", 5)])
def test_labels_are_uniform_over_the_classes_that_may_come(relabel, classes):
    labels = torch.arange(5000) % classes
    uniform = torch.rand(5000, generator=torch.Generator().manual_seed(0))
    found = relabelled(batch_of(labels, uniform), classes, relabel).numpy()
    shift = (found - labels.numpy()) % classes
    counts = np.bincount(shift, minlength=classes) / 5000
    expected = {"random": [0.2] * 5, "random_other": [0] + [0.25] * 4, "none": [1, 0, 0, 0, 0]}[relabel]
    assert counts == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(("name", "value"), [("relabel", "wrong"), ("schedule", "both")])
def test_unknown_choices_are_refused(name, value):
    with pytest.raises(InputError, match=f"{name}={value}: choose one of "):
        RandomLabels(4, original="t", **{name: value})


# The uniform answer


def test_random_labels_have_the_gradient_of_the_uniform_answer_on_average():
    """In NumPy, of a linear model's weights: 20,000 draws of each label are near p - 1 / C, as the loss has it."""
    rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    inputs, weight = rng.normal(size=(3, 6)), rng.normal(size=(4, 6))
    logits = inputs @ weight.T
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    slope = np.zeros((3, 4))
    for label in range(3):
        uniform = torch.rand(20_000, generator=generator)
        drawn = relabelled(batch_of(torch.zeros(20_000, dtype=torch.int64), uniform), 4, "random").numpy()
        slope[label] = probs[label] - np.eye(4)[drawn].mean(0)
    parameter = torch.tensor(weight, requires_grad=True)
    uniform_cross_entropy(torch.tensor(inputs) @ parameter.T).sum().backward()
    assert parameter.grad.numpy() == pytest.approx((probs - 1 / 4).T @ inputs)
    assert slope.T @ inputs == pytest.approx(parameter.grad.numpy(), abs=0.03)


@pytest.mark.parametrize("schedule", ["mixed", "sequential"])
def test_uniform_steps_are_those_of_numpy(fit, npz, monkeypatch, schedule):
    t = fit.once("Train", "t", epochs=1, backbone=LINEAR)
    met = watch(monkeypatch, Classifier)
    own = ("--model.init_args.relabel=uniform", f"--model.init_args.schedule={schedule}", "--model.init_args.lr=0.05")
    run = fit("RandomLabels", "s", FORGET, "--model.init_args.original=t", *PLAIN, UNEVEN, *own, backbone=LINEAR)
    model = Softmax(t, npz)
    for rows, forget in met:
        targets = np.where(forget[:, None], 1 / 4, model.onehot(rows))
        model.step(rows, targets, np.full(len(rows), 1 / len(rows)), 0.05)
    model.check(run, t)


@pytest.mark.parametrize("method", ["RandomLabels", "SalUn"])
def test_steps_on_drawn_labels_are_those_of_numpy_under_a_mask_too(fit, npz, monkeypatch, method):
    t = fit.once("Train", "t", epochs=1, backbone=LINEAR)
    met, step = [], Classifier.training_step
    monkeypatch.setattr(
        Classifier, "training_step", lambda self, batch, n: (met.append(batch), step(self, batch, n))[1]
    )
    run = fit(method, "s", FORGET, "--model.init_args.original=t", *PLAIN, "--model.init_args.lr=0.05", backbone=LINEAR)
    model = Softmax(t, npz)
    free = salient(model, np.array(forget_set(run)), 0.5 if method == "SalUn" else 1)
    for batch in met:
        rows, forget, before = batch.rows.numpy(), batch.forget.numpy(), (model.weight, model.bias)
        drawn = np.eye(4)[np.floor(batch.uniform.numpy() * 4).astype(int)]
        targets = np.where(forget[:, None], drawn, model.onehot(rows))
        model.step(rows, targets, np.full(len(rows), 1 / len(rows)), 0.05)
        model.weight, model.bias = (
            np.where(mask, new, old) for mask, new, old in zip(free, (model.weight, model.bias), before, strict=True)
        )
    model.check(run, t)


def salient(model, rows, ratio):
    """Return which weights and biases have the largest gradients of the loss on some images, in absolute value."""
    logits = model.images[rows] @ model.weight.T + model.bias
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    slope = probs - model.onehot(rows)
    sizes = [np.abs(slope.T @ model.images[rows]), np.abs(slope.sum(0))]
    whole = np.sort(np.concatenate([each.ravel() for each in sizes]))
    least = whole[len(whole) - int(ratio * len(whole))]
    return [each >= least for each in sizes]


def test_uniform_answers_work_under_a_mask(fit):
    fit.original("t", epochs=1)
    options = (FORGET, "--model.init_args.original=t")
    run = fit("SalUn", "s", *options, "--model.init_args.relabel=uniform")
    other = fit("RandomLabels", "r", *options, "--model.init_args.relabel=uniform", "--model.init_args.mask_ratio=0.5")
    assert same(weights(run), weights(other))
    assert not same(weights(run), weights(fit("SalUn", "p", *options)))
