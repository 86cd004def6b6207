"""Predictions, curves and weights that charts read from run directories."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.fake_runs import CLASSES, chain, change, write

from medunlearn.__main__ import main
from medunlearn.errors import InputError
from medunlearn.metrics import Part
from medunlearn.report import load
from medunlearn.report.experiments import Cell
from medunlearn.report.readings import changed_weights, class_error, confidence, curves, logged_points, predictions
from medunlearn.report.sections import sections
from medunlearn.runs import RunDir

pytestmark = pytest.mark.usefixtures("undrawn")


def test_shares_of_changed_weights_are_those_by_hand():
    from medunlearn.report.readings import changed_weights

    train, retrain, salun = chain()
    (section,) = sections(load([train, retrain, salun]))
    cell = section.cells[-1]
    shares = changed_weights(cell)
    assert shares["fc"] == pytest.approx(100 * 2 / (512 * CLASSES + CLASSES))
    assert {name for name, share in shares.items() if share} == {"fc"}


def test_changed_weights_are_read_from_what_runs_write_without_building_the_network():
    import torch

    from medunlearn.models import ResNet18, save_weights
    from medunlearn.report.readings import changed_weights

    train, retrain, salun = chain()
    model = ResNet18(CLASSES)
    save_weights(model, RunDir(train).weights)
    with torch.no_grad():
        model.layer1[0].conv1.weight[0] += 1
    save_weights(model, RunDir(salun).weights)
    (section,) = sections(load([train, retrain, salun]))
    shares = changed_weights(section.of_role("unlearned")[0])
    assert len(shares) > 40
    assert {name: share for name, share in shares.items() if share} == {"layer1.0.conv1": pytest.approx(100 / 64)}
    RunDir(salun).weights.write_bytes(b"PK")
    with pytest.raises(InputError, match=r"model\.ckpt cannot be read as weights"):
        changed_weights(section.of_role("unlearned")[0])


def test_per_class_error_is_that_by_hand():
    from medunlearn.report.readings import class_error, predictions

    (section,) = sections(load(chain()))
    found = {label: seeds[0] for label, seeds in predictions(section).items()}
    assert list(found) == ["Original", "Retrain", "SalUn"]
    assert found["Original"].forget.rows.tolist() == [0, 10, 20, 30], "the original on the forget set of the others"
    part = found["SalUn"].forget
    for number in range(CLASSES):
        rows = [row for row in range(len(part.labels)) if part.labels[row] == number]
        wrong = [row for row in rows if list(part.probs[row]).index(max(part.probs[row])) != number]
        assert class_error([part], number) == (100 * len(wrong) / len(rows) if rows else None)


def test_points_of_the_last_of_many_resumes_count():
    from medunlearn.report.readings import logged_points

    run = RunDir(chain()[2])
    for version in range(1, 12):
        (run.logs / f"version_{version}").mkdir()
        (run.logs / f"version_{version}" / "metrics.csv").write_text(f"epoch,unlearning/UA\n1,{version}")
    assert [values["UA"] for _, values in logged_points(run)] == [2, 11]


@pytest.mark.parametrize("name", ["predictions.npz", "checkpoints/model.ckpt"])
def test_an_altered_original_is_refused_whether_it_is_named_or_not(capsys, name):
    train, retrain, salun = chain()
    change(train, files=RunDir(train).hashes())
    write(retrain, salun)
    with Path(train, name).open("ab") as file:
        file.write(b"more")
    write(retrain, salun, status=2)
    printed = capsys.readouterr().err
    assert f"report={train}: {name} is not the file that the run wrote" in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize("extra", [[], ["--out", "report"]])
def test_a_run_is_not_shown_beside_an_original_that_was_made_again(capsys, extra):
    train, retrain, salun = chain()
    metrics = RunDir(salun).read_metrics("run")
    started_from = {"original_sha256": RunDir(train).weights_sha256()}
    RunDir(salun).write_json(RunDir(salun).metrics, metrics | started_from)
    assert main(["report", train, retrain, salun, *extra]) == 0
    RunDir(train).weights.write_bytes(b"another model")
    assert main(["report", train, retrain, salun, *extra]) == 2
    assert f"{salun}: it started from another model than {train} holds now" in capsys.readouterr().err
    assert main(["report", retrain, salun, *extra]) == (2 if extra else 0), "only the figures need the original"


def log(run, text):
    folder = RunDir(run).logs / "version_0"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.csv").write_text(text)


def test_class_error_counts_images_over_seeds_and_not_seeds():
    wrong = Part(np.array([[0.1, 0.9]] * 3), np.zeros(3, int), np.arange(3))
    right = Part(np.array([[0.9, 0.1]]), np.zeros(1, int), np.arange(1))
    assert class_error([wrong, right], 0) == 75
    assert class_error([wrong, right], 1) is None


def test_confidence_is_the_true_classs_probability():
    probs = np.random.default_rng(0).dirichlet(np.ones(3), 5)
    labels = np.array([2, 0, 1, 1, 2])
    found = confidence(Part(probs, labels, np.arange(5)))
    assert found.tolist() == [probs[row, label] for row, label in enumerate(labels)]


def test_logged_points_of_an_epoch_run_again_are_the_last_ones():
    log("r", "epoch,unlearning/UA,unlearning/RA\n0,5,90\n1,6,91\n1,7,\n2,,\n,8,\n")
    assert logged_points(RunDir("r")) == [(0, {"UA": 5, "RA": 90}), (1, {"UA": 7, "RA": 91})]


@pytest.mark.parametrize("line", ["0,101", "0,-1", "0,nan", "0,x", "-1,5", "x,5", "inf,5", "1e12,5"])
def test_logged_points_out_of_range_are_refused(line):
    log("r", f"epoch,unlearning/UA\n{line}\n")
    with pytest.raises(InputError, match=r"report=r: .*metrics\.csv holds no curves; delete it, or run"):
        logged_points(RunDir("r"))


def test_curves_are_mean_and_range_over_the_seeds_that_have_a_point():
    log("a", "epoch,unlearning/UA\n0,2\n1,4\n")
    log("b", "epoch,unlearning/UA\n0,5\n")
    (section,) = sections(load(chain()))
    cell = Cell("Own", pd.DataFrame({"run": ["a", "b", "without"], "split_sha256": ["other"] * 3}))
    found = curves(section, cell)
    assert found == {"UA": ([1, 2], [3.5, 4], [2, 4], [5, 4])}


def test_changed_weights_of_another_network_are_refused_and_missing_ones_left_out():
    import torch

    train, _, salun = chain()
    path = RunDir(salun).weights
    saved = torch.load(path, weights_only=True)
    saved["state_dict"]["fc.bias"] = torch.zeros(9)
    torch.save(saved, path)
    (section,) = sections(load([train, salun]))
    (cell,) = section.of_role("unlearned")
    with pytest.raises(InputError, match=f"{salun}: its weights are of another network than {train}'s; run it again"):
        changed_weights(cell)
    path.unlink()
    assert changed_weights(cell) == {}


def test_predictions_leave_out_runs_that_keep_none():
    train, retrain, salun = chain()
    RunDir(retrain).predictions.unlink()
    (section,) = sections(load([train, retrain, salun]))
    assert list(predictions(section)) == ["Original", "SalUn"]
