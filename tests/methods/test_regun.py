"""ReGUn: the mean answer that forgotten images are pulled to, and the weights of both terms."""

import json

import numpy as np
import pytest
import torch
from helpers.backbones import TINY
from helpers.one_step import check_same, gradients, network, one_step

from medunlearn import InputError
from medunlearn.methods import Classifier, ReGUn
from medunlearn.methods.held_out import HeldOut
from medunlearn.methods.regun import mean_answers

OPTIONS = ("--data.forget.rate=0.25", "--model.init_args.original=t")


def mixed(original, labels):
    """Return the mean over held-out images, weighted so that their classes are as often as among `labels`."""
    with np.load(original / "predictions.npz") as arrays:
        probs, val_labels = arrays["val_probs"].astype(float), arrays["val_labels"]
    return np.mean([probs[val_labels == label].mean(0) for label in labels], axis=0)


@pytest.mark.parametrize("mixture", ["classes", "prior"])
def test_a_step_pulls_forgotten_images_to_the_mean_answer_and_retained_ones_to_their_labels(fit, monkeypatch, mixture):
    original = fit.original("t", epochs=1)
    options = [f"--model.init_args.{each}" for each in (f"mixture={mixture}", "forget_weight=0.8", "retain_weight=0.3")]
    _, batch, before, moved = one_step(fit, monkeypatch, "ReGUn", *options)
    forget = batch.forget
    assert (int(forget.sum()), len(forget)) == (4, 8)
    with np.load(original / "predictions.npz") as arrays:
        prior = arrays["val_probs"].astype(float).mean(0)
    q = torch.from_numpy(mixed(original, batch.labels[forget].tolist()) if mixture == "classes" else prior)
    student = network(before)
    log_p = student(batch.images).log_softmax(1)
    pull = (q * (q.log() - log_p[forget])).sum(1).mean()
    entropy = -log_p[torch.arange(8), batch.labels][~forget].mean()
    check_same(moved, gradients(student, 0.8 * pull + 0.3 * entropy))


def test_without_weight_on_the_forget_set_a_step_is_fine_tuning_on_the_retained_half(fit, monkeypatch):
    """By `retain_weight`, to 1e-3 of each gradient or 2e-6: a float32 step against float64, not bit for bit."""
    fit.original("t", epochs=1)
    for weight in (1, 0.25):
        options = ("--model.init_args.forget_weight=0", f"--model.init_args.retain_weight={weight}")
        _, batch, before, moved = one_step(fit, monkeypatch, "ReGUn", *options, run=f"s{weight}")
        student = network(before)
        retained = ~batch.forget
        loss = torch.nn.functional.cross_entropy(student(batch.images[retained]), batch.labels[retained])
        check_same(moved, gradients(student, weight * loss))


def test_an_epoch_lasts_as_long_as_the_forget_set(fit, monkeypatch):
    """Ten epochs cost what two epochs of fine-tuning do where a tenth is forgotten."""
    fit.original("t", epochs=1)
    met = {}
    step = Classifier.training_step

    def watched(self, batch, number):
        met.setdefault(self.current_epoch, []).append((int(batch.forget.sum()), len(batch.forget)))
        return step(self, batch, number)

    monkeypatch.setattr(Classifier, "training_step", watched)
    run = fit("ReGUn", "s", *OPTIONS)
    assert met == {0: [(4, 8)] * 2, 1: [(4, 8)] * 2}
    assert json.loads((run / "metrics.json").read_text())["trained_on"] == "paired_by_forget"


def test_means_are_of_each_class_and_of_all_where_a_class_has_no_image():
    answers = np.random.default_rng(0).dirichlet(np.ones(3), 6).astype(np.float32)
    labels = np.array([0, 2, 0, 0, 2, 2])
    found = mean_answers(HeldOut(answers, labels, labels), "classes")
    expected = [answers[[0, 2, 3]].mean(0), answers.mean(0), answers[[1, 4, 5]].mean(0)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(
        mean_answers(HeldOut(answers, labels, labels), "prior"), [answers.mean(0)] * 3, rtol=1e-6
    )


def test_a_class_forgotten_as_a_whole_is_pulled_to_what_its_images_are_taken_for(fit):
    fit.original("t", epochs=1)
    run = fit("ReGUn", "s", "--data.forget.classes=[1]", OPTIONS[1])
    means = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["kept"]["means"]
    assert not means[:, 1].any()
    np.testing.assert_allclose(means.sum(1), 1, rtol=1e-5)


def test_defaults_are_those_of_the_paper():
    method = ReGUn(4, original="t", backbone=TINY)
    assert (method.lr, method.momentum, method.weight_decay, method.lr_schedule) == (0.01, 0.9, 0, "constant")
    assert method.trainer_arguments == {"max_epochs": 10}
    assert method.mixture == "classes", "the authors' code mixes uniformly by default"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"mixture": "uniform"}, "mixture=uniform: choose one of classes, prior"),
        ({"forget_weight": -1}, "forget_weight=-1: give a number of 0 or more"),
        ({"retain_weight": float("inf")}, "retain_weight=inf: give a number of 0 or more"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, says):
    with pytest.raises(InputError, match=f"^{says}$"):
        ReGUn(4, original="t", backbone=TINY, **arguments)
