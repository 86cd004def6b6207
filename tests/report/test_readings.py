"""Predictions, curves and weights that charts read from run directories."""

from pathlib import Path

import pytest
from helpers.fake_runs import CLASSES, chain, change, write

from medunlearn.__main__ import main
from medunlearn.errors import InputError
from medunlearn.report import load
from medunlearn.report.sections import sections
from medunlearn.runs import RunDir


def test_shares_of_changed_weights_by_hand():
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


def test_per_class_error_by_hand():
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
    told = capsys.readouterr().err
    assert f"report={train}: {name} is not the file that the run wrote" in told
    assert told.count("\n") == 1


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
