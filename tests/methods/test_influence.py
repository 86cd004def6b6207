"""Influence unlearning, against NumPy on a linear model."""

import json

import numpy as np
import pytest
import torch
from helpers.backbones import LINEAR
from helpers.bare import state, train, untrained
from helpers.linear_gradients import data, gradients, parameters
from helpers.runs import same, weights, write_npz

from medunlearn import ForgetSpec

FORGET = "--data.forget.rate=0.25"
EXACT = ("--trainer.precision=32-true", "--trainer.deterministic=true")


@pytest.fixture
def influence(fit):
    """Return a function that unlearns from one trained model, and the run of that model."""
    original = fit.once("Train", "t", "--model.init_args.lr=0.003", epochs=4, backbone=LINEAR)

    def run(name, *options, **kwargs):
        options = [f"--model.init_args.{option}" for option in ("original=t", *options)]
        return fit("Influence", name, FORGET, *EXACT, *options, epochs=0, backbone=LINEAR, **kwargs)

    return run, original


def step(theta, features, labels, forget, damping):
    """Return H^-1 v with H from all retained images, solved in full."""
    each = gradients(theta, features, labels)
    vector = each[forget].sum(0) / len(each) - forget.sum() / (len(each) * (~forget).sum()) * each[~forget].sum(0)
    fisher = each[~forget].T @ each[~forget] / (~forget).sum()
    return np.linalg.solve(damping * np.eye(len(theta)) + fisher, vector)


@pytest.mark.parametrize(("scale", "damping", "block"), [(1, 0.1, 16), (3.0, 10, 5), (0.5, 0.01, 64)])
def test_the_step_is_numpys(influence, npz, scale, damping, block):
    run, original = influence
    run = run("s", f"scale={scale}", f"damping={damping}", f"block={block}")
    theta = parameters(original)
    wanted = scale * step(theta, *data(npz, run), damping)
    np.testing.assert_allclose(parameters(run) - theta, wanted, rtol=1e-3, atol=2e-6 * np.abs(theta).max())
    length = np.linalg.norm(wanted) / np.linalg.norm(theta)
    assert json.loads((run / "metrics.json").read_text())["facts"] == {"step": pytest.approx(length, rel=1e-4)}


def test_the_step_raises_the_loss_of_the_forget_set(influence, npz):
    run, original = influence
    run = run("s", "damping=1")
    features, labels, forget = data(npz, run)
    along = gradients(parameters(original), features, labels)[forget].sum(0) @ (parameters(run) - parameters(original))
    assert along > 0


def test_fewer_images_are_drawn_from_the_seed(influence):
    run, _ = influence
    first, again = weights(run("a", "samples=5")), weights(run("b", "samples=5"))
    assert same(first, again)
    assert not same(first, weights(run("c", "samples=24")))
    assert same(weights(run("d", "samples=24")), weights(run("e", "samples=500"))), "as many as there are"


def test_the_step_of_fewer_images_is_one_of_theirs(influence, npz):
    """The images are not known here, but those with which the equation holds are m of the retained ones."""
    run, original = influence
    run = run("s", "samples=1", "damping=1")
    theta, (features, labels, forget) = parameters(original), data(npz, run)
    each = gradients(theta, features, labels)
    vector = each[forget].sum(0) / len(each) - forget.sum() / (len(each) * (~forget).sum()) * each[~forget].sum(0)
    moved = parameters(run) - theta
    errors = [np.abs(moved + g * (g @ moved) - vector).max() for g in each[~forget]]
    assert sorted(errors)[0] < 1e-5 < 1e-3 < sorted(errors)[1]


def test_no_length_changes_nothing(influence):
    run, original = influence
    assert same(weights(run("s", "scale=0")), weights(original))


@pytest.mark.parametrize(("sure", "stays"), [(200.0, True), (100.0, False)])
def test_forgotten_images_without_a_gradient_change_nothing(tmp_path, sure, stays):
    """Class 4 is forgotten: its images have a probability of exactly 1, unless the model is less sure of them.

    The gradients of the retained images, of which every four are the same with a label each, have a sum of 0.
    """
    rng = np.random.default_rng(0)
    images = 255 * np.repeat(rng.integers(2, size=(8, 8, 8, 3)), 4, axis=0).astype(np.uint8)
    labels = np.where(np.arange(32) < 8, 4, np.arange(32) % 4)
    images[:, 0, 0, :2] = np.where(labels[:, None] == 4, 255, [0, 255])  # -1 and 1 after normalisation, or 1 and 1
    file = write_npz(tmp_path / "five.npz", train_images=images, train_labels=labels[:, None])
    weight = torch.zeros(5, 192)
    weight[4, [0, 64]] = sure  # the same pixel's red and green
    bias = torch.tensor([0.0, 0, 0, 0, -200])
    original = untrained(tmp_path / "model.ckpt", LINEAR, 5, **{"fc.weight": weight, "fc.bias": bias})
    method = train("Influence", original, file, 0, backbone=LINEAR, forget=ForgetSpec(classes=[4]))
    before = torch.load(original, weights_only=True)["state_dict"]
    assert same(state(method), before) == stays
    assert (method.facts()["step"] == 0) == stays


def test_a_damping_that_is_lost_beside_the_gradients_is_refused(influence, capsys, monkeypatch):
    run, _ = influence

    def lost(*_):
        raise ValueError

    monkeypatch.setattr("medunlearn.methods.influence.damped_solution", lost)
    run("s", "damping=1e-300", status=2)
    assert "model.init_args.damping=1e-300: too small for float64; raise it" in capsys.readouterr().err
