"""What methods that change weights once leave behind, and what they refuse."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.runs import same, weights

from medunlearn import InputError
from medunlearn.methods import SSD, FisherForgetting, Influence
from medunlearn.methods.one_shot import OneShot

METHODS = ("SSD", "Influence", "FisherForgetting")
FORGET = "--data.forget.rate=0.25"
ORIGINAL = "--model.init_args.original=t"


def metrics(run):
    return json.loads(Path(run, "metrics.json").read_text())


def files(run):
    return sorted(str(path.relative_to(run)) for path in run.rglob("*") if path.is_file())


@pytest.mark.parametrize("method", METHODS)
def test_run_without_an_epoch_leaves_every_file_and_its_preparation_is_its_run_time(fit, method):
    trained = fit.original("t", epochs=1)
    run = fit(method, "s", FORGET, ORIGINAL, epochs=0)
    assert files(run) == files(trained)
    found = metrics(run)
    assert found["epochs"] == 0
    assert found["runtime"]["preparation"] > 0
    assert found["RTE"] * 60 == pytest.approx(found["runtime"]["preparation"] + found["runtime"].get("training", 0))
    assert found["RTE"] * 60 == pytest.approx(found["runtime"]["preparation"], rel=0.2)
    assert 0 < found["parameters"]["changed"] <= found["parameters"]["total"]
    assert all(isinstance(value, float | int) for value in found["facts"].values())
    before, after = weights(trained), weights(run)
    assert all(torch.equal(before[name], after[name]) for name in before if "running" in name or "num_" in name)


@pytest.mark.parametrize("method", METHODS)
def test_zero_epochs_is_the_default(fit, method, npz):
    fit.original("t", epochs=1)
    assert metrics(fit(method, "s", FORGET, ORIGINAL, "--trainer.max_epochs=null"))["epochs"] == 0


@pytest.mark.parametrize("method", METHODS)
def test_a_run_ended_before_it_was_measured_is_resumed_without_preparing_again(fit, monkeypatch, method):
    fit.original("t", epochs=1)
    run = fit(method, "s", FORGET, ORIGINAL, epochs=0)
    whole, facts = weights(run), metrics(run)["facts"]
    (run / "metrics.json").unlink()
    monkeypatch.setattr(f"medunlearn.methods.{method}.prepare", lambda self: 1 / 0)
    resumed = fit(method, "s", FORGET, ORIGINAL, "--resume=true", epochs=0)
    assert same(weights(resumed), whole)
    assert metrics(resumed)["facts"] == facts


@pytest.mark.parametrize("method", METHODS)
def test_block_changes_nothing_but_rounding(fit, method):
    fit.original("t", epochs=1)
    found = [weights(fit(method, f"s{n}", FORGET, ORIGINAL, f"--model.init_args.block={n}", epochs=0)) for n in (3, 16)]
    for name, value in found[0].items():
        torch.testing.assert_close(value, found[1][name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_epochs_are_refused(fit, capsys, method):
    fit.original("t", epochs=1)
    fit(method, "s", FORGET, ORIGINAL, epochs=2, status=2)
    says = f"trainer.max_epochs=2: {method} changes the weights once and trains for no epoch; give 0"
    assert says in capsys.readouterr().err
    assert not Path("s").exists()


def test_what_a_method_cannot_run_under_is_refused_before_a_run_is_overwritten(fit, capsys):
    fit.original("t", epochs=1)
    fit("SSD", "s", FORGET, ORIGINAL, epochs=0)
    before = Path("s/metrics.json").read_bytes()
    for method, epochs, options, says in (
        ("SSD", 2, (), "max_epochs=2"),
        ("SSD", 0, ("lr=0.1",), "lr=0.1"),
        ("SSD", 0, ("mask_ratio=1e-9",), "mask_ratio=1e-09"),
        ("FineTune", -1, (), "lr_schedule=cosine"),
        ("L1Sparse", 2, ("l1_free_epochs=2",), "l1_free_epochs=2"),
        ("SalUnSoft", -1, (), "beta=1e-05"),
    ):
        given = [f"--model.init_args.{option}" for option in options]
        fit(method, "s", FORGET, ORIGINAL, "--overwrite=true", *given, epochs=epochs, status=2)
        assert f"{says}: " in capsys.readouterr().err
        assert Path("s/metrics.json").read_bytes() == before


@pytest.mark.parametrize("option", ["lr=0.1", "lr_schedule=cosine", "momentum=0.5", "freeze_statistics=true"])
def test_arguments_of_training_are_refused(fit, capsys, option):
    fit.original("t", epochs=1)
    fit("SSD", "s", FORGET, ORIGINAL, f"--model.init_args.{option}", epochs=0, status=2)
    error = capsys.readouterr().err
    assert f"model.init_args.{option.replace('true', 'True')}: SSD trains for no epoch, so it would change" in error
    assert not Path("s").exists()


def test_a_model_that_diverged_names_the_argument_that_made_it(fit, capsys):
    """No learning rate is used, so to lower it would change nothing."""
    fit.original("t", epochs=1)
    large = ("--model.init_args.largest=1e38", "--model.init_args.alpha=1e300")
    run = fit("FisherForgetting", "s", FORGET, ORIGINAL, *large, epochs=0, status=2)
    error = capsys.readouterr().err
    assert "model.init_args.largest: the model has diverged, its weights or outputs are not finite; lower it" in error
    run = fit("Influence", "i", FORGET, ORIGINAL, "--model.init_args.scale=1e300", epochs=0, status=2)
    error = capsys.readouterr().err
    assert "model.init_args.scale: the model has diverged" in error
    assert "learning rate" not in error
    assert not (run / "metrics.json").exists()


@pytest.mark.parametrize(
    ("method", "arguments", "says"),
    [
        (OneShot, {"block": 0}, "block=0: give a whole number of 1 or more"),
        (SSD, {"alpha": -1}, "alpha=-1: give a number of 0 or more"),
        (SSD, {"alpha": float("nan")}, "alpha=nan: give a number of 0 or more"),
        (SSD, {"dampening": 0}, "dampening=0: give a number above 0"),
        (Influence, {"scale": -1}, "scale=-1: give a number of 0 or more"),
        (Influence, {"damping": 0}, "damping=0: give a number above 0"),
        (Influence, {"samples": 0}, "samples=0: give a whole number of 1 or more"),
        (FisherForgetting, {"alpha": np.inf}, "alpha=inf: give a number of 0 or more"),
        (FisherForgetting, {"largest": -1}, "largest=-1: give a number of 0 or more"),
        (FisherForgetting, {"labels": "true"}, "labels=true: choose one of drawn, all"),
    ],
)
def test_values_out_of_range_are_refused(method, arguments, says):
    with pytest.raises(InputError, match=says):
        method(4, original="t", backbone="helpers.backbones.TinyNet", **arguments)
