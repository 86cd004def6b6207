"""Held-out twins: which validation image each forgotten one has, and the step towards its answer."""

import json

import numpy as np
import pytest
import torch
from helpers.backbones import TINY
from helpers.one_step import check_same, gradients, network, one_step

from medunlearn import InputError
from medunlearn.methods import HeldOutTwins
from medunlearn.methods.held_out_twins import draw_twins

OPTIONS = ("--data.forget.rate=0.25", "--model.init_args.original=t")


def kept(run):
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["kept"]


def forgotten(run):
    return np.array(json.loads((run / "split.json").read_text())["indices"])


def test_twins_are_validation_images_of_the_same_class_with_the_answers_of_the_original(fit, npz):
    original = fit.original("t", epochs=1)
    run = fit("HeldOutTwins", "s", *OPTIONS)
    found, forget = kept(run), forgotten(run)
    with np.load(original / "predictions.npz") as arrays, np.load(npz) as images:
        probs, labels = arrays["val_probs"], images["train_labels"][forget, 0]
        twins = found["twins"].numpy()[forget]
        assert np.array_equal(images["val_labels"][twins, 0], labels)
    assert np.array_equal(found["answers"].numpy(), probs)
    np.testing.assert_allclose(found["answers"].sum(1), 1, rtol=1e-5)
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["facts"]["aimed_UA"] == pytest.approx(100 * (probs[twins].argmax(1) != labels).mean())
    assert metrics["trained_on"] == "all"
    assert metrics["runtime"]["preparation"] >= 0


def test_twins_are_drawn_once_with_the_seed(fit):
    fit.original("t", epochs=1)
    drawn = [
        kept(fit("HeldOutTwins", f"s{n}", *OPTIONS, f"--seed_everything={seed}"))["twins"]
        for n, seed in enumerate((3, 3, 4))
    ]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_twins_of_another_class_are_the_share_that_is_asked_for(share):
    random = np.random.default_rng(1)
    labels, val_labels = random.integers(0, 5, 4000), random.integers(0, 5, 300)
    twins = draw_twins(labels, val_labels, share, seed=2)
    assert (val_labels[twins] != labels).mean() == pytest.approx(share, abs=0.02)
    for label in range(5):
        drawn = twins[(labels == label) & (val_labels[twins] == label)]
        counts = np.bincount(drawn, minlength=300)[val_labels == label]
        assert counts.min() > 0, "any image of the class may come"
    assert np.array_equal(twins, draw_twins(labels, val_labels, share, seed=2))


def test_a_class_without_validation_images_has_its_twins_among_all():
    labels, val_labels = np.repeat([0, 1], 200), np.array([0, 0, 2, 3])
    twins = draw_twins(labels, val_labels, 0.0, seed=0)
    assert set(twins[:200]) == {0, 1}
    assert set(twins[200:]) == {0, 1, 2, 3}


def test_wrong_twins_of_the_only_validation_class_are_among_all():
    assert set(draw_twins(np.zeros(50, dtype=int), np.zeros(3, dtype=int), 0.5, seed=0)) == {0, 1, 2}


def test_a_class_forgotten_as_a_whole_is_no_target(fit, npz):
    fit.original("t", epochs=1)
    run = fit("HeldOutTwins", "s", "--data.forget.classes=[1]", OPTIONS[1])
    answers, forget = kept(run)["answers"], forgotten(run)
    assert not answers[:, 1].any()
    np.testing.assert_allclose(answers.sum(1), 1, rtol=1e-5)
    with np.load(npz) as images:
        assert set(images["val_labels"][kept(run)["twins"][forget], 0]) == {1}, "what its images are taken for"
    assert json.loads((run / "metrics.json").read_text())["facts"]["aimed_UA"] == 100


def test_a_step_goes_towards_the_twins_answers_and_the_true_labels(fit, monkeypatch, npz):
    original = fit.original("t", epochs=1)
    run, batch, before, moved = one_step(fit, monkeypatch, "HeldOutTwins", "--seed_everything=5")
    assert 0 < batch.forget.sum() < 8
    with np.load(original / "predictions.npz") as arrays:
        probs = torch.from_numpy(arrays["val_probs"]).double()
    targets = torch.eye(4, dtype=torch.float64)[batch.labels]
    for place in torch.nonzero(batch.forget):
        targets[place] = probs[kept(run)["twins"][batch.rows[place]]]
    student = network(before)
    log_s = student(batch.images).log_softmax(1)
    check_same(moved, gradients(student, -(targets * log_s).sum(1).mean()))


@pytest.mark.parametrize("value", [-0.1, 1, float("nan")])
def test_a_share_out_of_range_is_refused(value):
    with pytest.raises(InputError, match=f"^wrong_share={value!r}: give a share of 0 or more and below 1$"):
        HeldOutTwins(4, original="t", backbone=TINY, wrong_share=value)
