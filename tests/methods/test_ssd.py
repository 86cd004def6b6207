"""SSD, against NumPy on a linear model."""

import json

import numpy as np
import pytest
import torch
from helpers.backbones import LINEAR
from helpers.linear_gradients import data, gradients, parameters
from helpers.runs import same, weights

from medunlearn.methods.ssd import dampening_factor

FORGET = "--data.forget.rate=0.25"
EXACT = ("--trainer.precision=32-true", "--trainer.deterministic=true")


@pytest.fixture
def ssd(fit):
    """Return a function that dampens one trained model, and the run of that model."""
    original = fit.once("Train", "t", "--model.init_args.lr=0.003", epochs=4, backbone=LINEAR)

    def run(name, *options):
        options = [f"--model.init_args.{option}" for option in ("original=t", *options)]
        return fit("SSD", name, FORGET, *EXACT, *options, epochs=0, backbone=LINEAR)

    return run, original


@pytest.mark.parametrize(("alpha", "dampening"), [(1.5, 1.0), (0.5, 0.3), (2.5, 2.0)])
def test_the_update_is_numpys(ssd, npz, alpha, dampening):
    run, original = ssd
    run = run("s", f"alpha={alpha}", f"dampening={dampening}")
    theta, (features, labels, forget) = parameters(original), data(npz, run)
    squares = gradients(theta, features, labels) ** 2
    of_forget, of_all = squares[forget].mean(0), squares.mean(0)
    factor = np.where(of_forget > alpha * of_all, np.minimum(dampening * of_all / of_forget, 1), 1)
    assert 0 < (factor < 1).sum() < len(theta)
    np.testing.assert_allclose(parameters(run), factor * theta, rtol=1e-5, atol=1e-9)
    assert (np.abs(parameters(run)) <= np.abs(theta)).all(), "no weight grows"
    assert json.loads((run / "metrics.json").read_text())["facts"] == {"dampened": (factor < 1).sum()}


def test_the_update_is_not_that_of_squared_batch_means(ssd, npz):
    """As public code has it: of other sizes on F than on D, 8 and 32 images here."""
    run, original = ssd
    run = run("s", "alpha=1.5")
    theta, (features, labels, forget) = parameters(original), data(npz, run)
    each = gradients(theta, features, labels)
    of_forget, of_all = each[forget].mean(0) ** 2, each.mean(0) ** 2
    public = np.where(of_forget > 1.5 * of_all, np.minimum(of_all / of_forget, 1), 1) * theta
    assert np.abs(parameters(run) - public).max() > 0.1 * np.abs(theta).max()


@pytest.mark.parametrize("alpha", [".inf", "4", "10"])
def test_from_n_over_n_f_on_nothing_changes(ssd, alpha):
    """F is a quarter of D, so I_F is at most four times I_D."""
    run, original = ssd
    assert same(weights(run("s", f"alpha={alpha}")), weights(original))


def test_factor_where_forget_set_and_all_images_are_the_same():
    fisher = torch.rand(50, dtype=torch.float64)
    assert (dampening_factor(fisher, fisher, 1.0, 0.1) == 1).all()


def test_factor_of_weights_without_a_gradient_is_one():
    forget, of_all = torch.tensor([0.0, 0.0, 3.0]), torch.tensor([0.0, 2.0, 0.0])
    assert dampening_factor(forget, of_all, float("inf"), 1.0).tolist() == [1, 1, 1]
    assert dampening_factor(forget, of_all, 0.0, 1.0).tolist() == [1, 1, 0]
