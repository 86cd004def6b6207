"""Gradient ascent on the forget set."""

import numpy as np
import pytest
from helpers.linear import LINEAR, PLAIN, UNEVEN, Softmax, forget_set, watch
from helpers.runs import FORGET

from medunlearn.methods import Classifier

ORIGINAL = "--model.init_args.original=t"


@pytest.mark.parametrize(("batch", "steps"), [("--data.batch_size=8", 2), ("--data.batch_size=3", 6)])
def test_each_step_goes_up_the_mean_loss_of_the_forget_set_alone(fit, npz, monkeypatch, batch, steps):
    """In NumPy; code that negates the gradients before they are computed goes down instead."""
    t = fit.once("Train", "t", epochs=1, backbone=LINEAR)
    met = watch(monkeypatch, Classifier)
    options = (FORGET, ORIGINAL, *PLAIN, batch, "--model.init_args.lr=0.1")
    run = fit("GradientAscent", "s", *options, backbone=LINEAR)
    model = Softmax(t, npz)
    assert len(met) == steps
    for rows, forget in met:
        assert forget.all() and set(rows) <= set(forget_set(run))
        model.step(rows, model.onehot(rows), np.full(len(rows), -1 / len(rows)), 0.1)
    model.check(run, t)


def test_a_diverged_ascent_is_one_line_with_the_remedy(fit, capsys):
    fit.original("t", epochs=1)
    fit("GradientAscent", "s", FORGET, ORIGINAL, "--model.init_args.lr=1e30", UNEVEN, epochs=5, status=2)
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("medunlearn: error: ")]
    assert len(error) == 1
    assert "lr: the model has diverged, its weights or outputs are not finite; lower the learning rate" in error[0]
