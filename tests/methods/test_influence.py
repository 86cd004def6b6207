"""Influence unlearning, against NumPy on a linear model."""

import json

import numpy as np
import pytest
from helpers.backbones import LINEAR
from helpers.linear_gradients import data, gradients, parameters
from helpers.runs import same, weights

FORGET = "--data.forget.rate=0.25"
EXACT = ("--trainer.precision=32-true", "--trainer.deterministic=true")


@pytest.fixture
def influence(fit):
    """Return a function that unlearns from one trained model, and the run of that model."""
    original = fit("Train", "t", "--model.init_args.lr=0.003", epochs=4, backbone=LINEAR)

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


def test_a_damping_that_is_lost_beside_the_gradients_is_refused(influence, capsys, monkeypatch):
    run, _ = influence

    def lost(*_):
        raise ValueError

    monkeypatch.setattr("medunlearn.methods.influence.damped_solution", lost)
    run("s", "damping=1e-300", status=2)
    assert "model.init_args.damping=1e-300: too small for float64; raise it" in capsys.readouterr().err
