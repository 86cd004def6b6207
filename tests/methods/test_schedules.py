"""The learning rate over a run, against NumPy."""

import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.runs import same, weights

from medunlearn.errors import InputError
from medunlearn.methods import Classifier
from medunlearn.methods.schedules import check_end, cosine_factor, total_steps

FORGET = "--data.forget.rate=0.25"
ORIGINAL = "--model.init_args.original=t"
COSINE = ("--model.init_args.lr_schedule=cosine", "--model.init_args.lr=0.02", "--model.init_args.lr_min=0.004")


@pytest.fixture
def rates(monkeypatch):
    """Return the learning rate of each step, as it is taken."""
    rates = []
    step = torch.optim.SGD.step

    def watched(self, *args, **kwargs):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.SGD, "step", watched)
    return rates


def cosine(steps, high=0.02, low=0.004):
    return low + (high - low) * (1 + np.cos(np.pi * np.arange(steps) / steps)) / 2


def test_cosine_falls_from_one_to_the_least_and_stays_there():
    factor = cosine_factor(lambda: 8, 0.2)
    assert [factor(step) for step in range(8)] == pytest.approx(cosine(8, 1, 0.2).tolist())
    assert factor(4) == pytest.approx(0.6)
    assert factor(8) == factor(20) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("batches", "limit", "accumulated", "expected"),
    [([4, 4], 1.0, 1, 8), ([4, 3], 1.0, 2, 4), ([10, 5], 3, 1, 6), ([10, 5], 0.5, 2, 4), ([], 1.0, 1, 0)],
)
def test_total_steps_are_those_of_the_optimiser(batches, limit, accumulated, expected):
    assert total_steps(batches, limit, accumulated) == expected


def test_a_cosine_needs_an_end():
    for epochs, steps in ((3, -1), (-1, 5), (0, -1)):
        check_end(epochs, steps)
    with pytest.raises(InputError, match=r"lr_schedule=cosine: needs the end of the run; set trainer\.max_epochs"):
        check_end(-1, -1)


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ((), 8),
        (("--trainer.accumulate_grad_batches=3",), 4),
        (("--trainer.limit_train_batches=0.5",), 4),
        (("--trainer.max_steps=5",), 5),
    ],
)
def test_cosine_is_per_step_and_ends_with_the_run(fit, rates, options, steps):
    fit("Train", "t", *COSINE, *options)
    assert rates == pytest.approx(cosine(steps).tolist())


def test_cosine_counts_epochs_of_different_length(fit, rates):
    fit.original("t", epochs=1)
    rates.clear()
    fit("helpers.methods.Phases", "s", FORGET, ORIGINAL, *COSINE, epochs=4)
    assert rates == pytest.approx(cosine(1 + 6 + 3 + 4).tolist())


def test_constant_and_step_are_what_they_say(fit, rates):
    fit("Train", "a", "--model.init_args.milestones=[1]", "--model.init_args.gamma=0.5", epochs=3)
    assert rates == pytest.approx([0.1] * 4 + [0.05] * 8)
    rates.clear()
    fit("Train", "b", "--model.init_args.milestones=[1]", "--model.init_args.lr_schedule=constant", epochs=3)
    assert rates == [0.1] * 12


def test_a_cosine_resumed_within_an_epoch_goes_on_where_it_was(fit, rates, monkeypatch):
    fit.original("t", epochs=1)
    exact = ("--trainer.precision=32-true", "--trainer.deterministic=true")
    options = (FORGET, ORIGINAL, *COSINE, *exact, "--trainer.callbacks+=helpers.methods.AskToEnd")
    whole = fit("FineTune", "whole", *options, epochs=3)
    rates.clear()
    monkeypatch.setenv("ASKED", "0 1 1")
    fit("FineTune", "part", *options, epochs=3, status=128 + signal.SIGTERM)
    assert len(rates) == 5
    monkeypatch.delenv("ASKED")
    fit("FineTune", "part", *options, "--resume=true", epochs=3)
    assert rates == pytest.approx(cosine(9).tolist())
    assert same(weights(whole), weights(Path("part")))


def test_an_unknown_schedule_is_refused():
    with pytest.raises(InputError, match="lr_schedule=linear: choose one of constant, cosine, step"):
        Classifier(4, lr_schedule="linear")
