"""A finished run is measured again to the figures of its `metrics.json`, whatever measures it."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from helpers.runs import FORGET, QUIET, refused, weights, write_npz
from helpers.stages import start

from medunlearn.__main__ import main
from medunlearn.callbacks.finished_run import FinishedRun
from medunlearn.data.synthetic import synthetic_data

MIXED = "--trainer.precision=bf16-mixed"
CSV = ("--trainer.logger=CSVLogger", "--trainer.logger.save_dir=logs")


def stated(run):
    return json.loads((run / "metrics.json").read_text())


def logged(folder="logs"):
    """Return what the newest CSV logger below a folder holds, by name."""
    path = max(Path(folder).rglob("metrics.csv"), key=lambda path: path.stat().st_mtime_ns)
    rows = list(csv.DictReader(path.open()))
    return {
        name: float(value) for row in rows for name, value in row.items() if value and name not in ("step", "epoch")
    }


def expected(run, command):
    metrics = stated(run)
    found, prefix = (metrics["validation"], "validation/") if command == "validate" else (metrics, "")
    return {f"{prefix}{name}": found[name] for name in ("UA", "RA", "TA", "MIA") if found[name] is not None}


@pytest.fixture
def unlearned(fit):
    """Return a run whose training was in bf16, on parts whose sizes are odd: figures of many digits."""
    sizes = {"train": 43, "val": 7, "test": 13}
    file = write_npz(Path("odd.npz").absolute(), counts=sizes)
    fit("Train", "runs/train", MIXED, file=file)
    return fit(
        "SalUn", "runs/salun", "--data.forget.rate=0.2", "--model.init_args.original=runs/train", MIXED, file=file
    )


@pytest.mark.parametrize("command", ["test", "validate"])
@pytest.mark.parametrize("config", [True, False], ids=["config", "run_dir alone"])
def test_figures_of_a_finished_run_are_those_of_its_metrics_to_the_last_digit(unlearned, capsys, command, config):
    named = f"--config={unlearned / 'config.yaml'}" if config else f"--run_dir={unlearned}"
    capsys.readouterr()
    assert main([command, named, *CSV]) == 0
    printed, figures = capsys.readouterr().out, expected(unlearned, command)
    assert len(figures) == 4
    assert all(str(value) in printed and name in printed for name, value in figures.items())
    assert "accuracy" not in printed
    assert {name: value for name, value in logged().items() if name != "val/loss"} == figures


@pytest.mark.parametrize("command", ["test", "validate"])
def test_measures_of_a_forget_set_are_left_out_where_there_is_none(fit, command):
    run = fit.original("a", epochs=1)
    assert stated(run)["UA"] is None
    assert main([command, f"--run_dir={run}", *QUIET, *CSV]) == 0
    figures = expected(run, command)
    assert len(figures) == 2
    assert {name: value for name, value in logged().items() if name != "val/loss"} == figures


def test_predictions_of_a_finished_run_are_its_own_bit_for_bit(unlearned):
    assert main(["predict", f"--run_dir={unlearned}"]) == 0
    with np.load(unlearned / "predict.npz") as new, np.load(unlearned / "predictions.npz") as old:
        for name in ("probs", "labels", "index", "logits"):
            assert np.array_equal(new[name], old[f"test_{name}"])
            assert new[name].dtype == old[f"test_{name}"].dtype


def test_another_precision_is_taken_where_the_command_line_has_it(unlearned, monkeypatch):
    seen = []
    log = FinishedRun.on_test_epoch_end
    monkeypatch.setattr(
        FinishedRun,
        "on_test_epoch_end",
        lambda self, trainer, module: (seen.append(trainer.precision), log(self, trainer, module)),
    )
    assert main(["test", f"--run_dir={unlearned}"]) == 0
    assert main(["test", f"--run_dir={unlearned}", MIXED]) == 0
    assert seen == ["32-true", "bf16-mixed"]
    assert main(["predict", f"--run_dir={unlearned}", MIXED]) == 0
    with np.load(unlearned / "predict.npz") as new, np.load(unlearned / "predictions.npz") as old:
        assert not np.array_equal(new["probs"], old["test_probs"])


@pytest.mark.parametrize("command", ["test", "validate", "predict"])
def test_a_precision_of_other_weights_is_refused(fit, capsys, command):
    fit.original("a", epochs=1)
    line = refused(capsys, command, "--run_dir=a", "--trainer.precision=64-true")
    reason = "a finished run is measured with its weights in 32 bits, as it was trained"
    assert line == f"trainer.precision=64-true: {reason}; use 32-true, bf16-mixed or 16-mixed"


def test_limits_of_the_fit_do_not_limit_the_measurement(fit):
    run = fit.once("Train", "a", FORGET, "--trainer.limit_val_batches=0", epochs=1)
    assert main(["validate", f"--run_dir={run}", *QUIET, *CSV]) == 0
    assert {name: value for name, value in logged().items() if name != "val/loss"} == expected(run, "validate")


@pytest.mark.parametrize("command", ["test", "validate"])
def test_other_images_than_the_runs_have_an_accuracy_alone(fit, capsys, command):
    """Which of them the model was trained on cannot be known."""
    run = fit.once("Retrain", "a", FORGET, epochs=1)
    data = synthetic_data(size=8, counts={"train": 32, "val": 8, "test": 12}, seed=5)
    other = write_npz(Path("other.npz"), test_images=data.test.images, val_images=data.val.images)
    assert main([command, f"--run_dir={run}", f"--data.file={other}", *QUIET, *CSV]) == 0
    assert logged().keys() - {"val/loss"} == {"TA" if command == "test" else "validation/TA"}
    assert "UA, RA and MIA are left out: these are not the run's images" in capsys.readouterr().err


def test_another_forget_set_than_the_runs_is_said(fit, capsys):
    original = fit.original("t", epochs=1)
    salun = fit("SalUn", "s", FORGET, "--model.init_args.original=t", epochs=1)
    assert main(["test", f"--run_dir={original}", FORGET, *QUIET, *CSV]) == 0
    assert "The forget set is not that of t, so UA, RA and MIA are not comparable" in capsys.readouterr().err
    assert logged() == stated(salun)["before"], "the original as it was measured before unlearning"


def test_validation_of_a_fit_measures_nothing_of_a_finished_run(fit, monkeypatch):
    run = fit("Train", "a", FORGET, *CSV, epochs=1)
    found = logged()
    assert found["val/accuracy"] * 100 == pytest.approx(found["validation/TA"])
    assert found["UA"] == json.loads((run / "metrics.json").read_text())["UA"], "the result of the fit, once"
    assert weights(run)


@pytest.mark.parametrize("command", ["test", "validate"])
def test_figures_on_two_processes_are_those_on_one(unlearned, command):
    several = ["--trainer.devices=2", "--trainer.strategy=ddp", "--trainer.accelerator=cpu", *CSV]
    done = start(Path.cwd(), "-m", "medunlearn", command, f"--run_dir={unlearned}", *several)
    assert done.returncode == 0, done.stderr[-2000:]
    figures = expected(unlearned, command)
    assert all(str(value) in done.stdout for value in figures.values())
    assert {name: value for name, value in logged().items() if name != "val/loss"} == figures


def test_a_run_made_without_test_images_is_measured_on_them_afterwards(fit, npz, capsys):
    fit.original("runs/train", epochs=1)
    forget = ("--data.forget.rate=0.25", "--model.init_args.original=runs/train")
    run = fit("SalUn", "runs/untested", *forget, "--data.test=false", epochs=1)
    whole = fit("SalUn", "runs/tested", *forget, epochs=1)
    assert stated(run)["TA"] is None and stated(run)["n"]["test"] == 0
    assert all(bool((weights(run)[name] == value).all()) for name, value in weights(whole).items())
    assert "data.test=false: test measures on test images" in refused(capsys, "test", f"--run_dir={run}")
    capsys.readouterr()
    assert main(["test", f"--run_dir={run}", "--data.test=true"]) == 0
    told = capsys.readouterr()
    assert all(str(stated(whole)[name]) in told.out for name in ("UA", "RA", "TA", "MIA"))
    assert "not the run's images" not in told.err and "is not that of" not in told.err


def test_an_original_from_before_a_hash_was_kept_is_known_by_its_labels(fit, npz, capsys):
    train = fit.original("runs/train", epochs=1)
    content = {key: value for key, value in stated(train).items() if key != "training_sha256"}
    (train / "metrics.json").write_text(json.dumps(content))
    forget = ("--data.forget.rate=0.25", "--model.init_args.original=runs/train", "--data.test=false")
    fit("SalUn", "runs/salun", *forget, epochs=1)
    arrays = dict(np.load(npz))
    other = Path("other.npz").absolute()
    np.savez(other, **arrays | {"val_labels": arrays["val_labels"][::-1]})
    capsys.readouterr()
    fit("SalUn", "runs/other", *forget, epochs=1, file=other, status=2)
    assert "original=runs/train: it was run on other data" in capsys.readouterr().err
