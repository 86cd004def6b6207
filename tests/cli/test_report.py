"""Which runs `medunlearn report` takes, and what it refuses."""

import shutil
from pathlib import Path

import pytest
from helpers.fake_runs import chain

from medunlearn.__main__ import main
from medunlearn.metrics.legend import LEGEND
from medunlearn.report.figures import Drawn


def reported(capsys, *argv):
    assert main(["report", *argv]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| runs")]
    return [line.split("|")[1].strip() for line in lines]


def refused(capsys, *argv):
    assert main(["report", *argv]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_a_directory_of_runs_stands_for_them(capsys):
    train, retrain, salun = chain()
    folder = str(Path(train).parent)
    Path(folder, "data.npz").touch()
    assert reported(capsys, folder) == [train, retrain, salun]
    assert reported(capsys, salun, folder, f"./{folder}/../0/train") == [train, salun, retrain], "no run twice"
    assert "report=runs: holds no finished run; give directories that" in refused(capsys, "runs"), (
        "only direct children"
    )
    shutil.copytree(salun, "runs/other")
    assert "runs/other" in reported(capsys, folder, "runs/other")
    assert reported(capsys, "runs") == ["runs/other"]


def test_an_unfinished_run_is_refused_with_the_command_that_goes_on(capsys):
    _, _, salun = chain()
    Path(salun, "metrics.json").unlink()
    go_on = f"medunlearn fit --config {salun}/config.yaml --resume true"
    message = f"report={salun}: the run there is unfinished; go on with `{go_on}`, or leave it out"
    for argv in ((salun,), (salun, "--out", "out"), (str(Path(salun).parent),)):
        assert message in refused(capsys, *argv)
    Path(salun, "config.yaml").unlink()
    assert "is unfinished; run that stage again, or leave it out" in refused(capsys, salun)


def test_a_path_without_runs_is_refused(capsys):
    said = "report=nowhere: no run there; make it with `medunlearn fit --config configs/NAME.yaml --run_dir nowhere`"
    assert said in refused(capsys, "nowhere")
    Path("empty").mkdir()
    assert "report=empty: holds no finished run; give directories that" in refused(capsys, "empty")
    Path("file").touch()
    assert "report=file: holds no finished run; give directories that" in refused(capsys, "file")
    assert "cannot be read" in refused(capsys, "x" * 5000)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--bogus"], "--bogus: `medunlearn report` has no such option"),
        (["--bogus", "3", "--out", "out"], "--bogus: `medunlearn report` has no such option"),
        (["--out"], "argument --out: expected one argument"),
    ],
)
def test_wrong_options_are_refused_in_one_line(capsys, options, message):
    assert message in refused(capsys, "runs/a", *options)


def test_runs_may_stand_before_and_after_an_option(capsys):
    train, retrain, salun = chain()
    assert main(["report", train, retrain, "--out", "out", salun]) == 0
    assert "SalUn" in Path("out/results.csv").read_text()


def test_help_explains_the_columns_and_their_direction(capsys):
    with pytest.raises(SystemExit):
        main(["report", "--help"])
    shown = capsys.readouterr().out
    for name, column in LEGEND.items():
        (line,) = [line for line in shown.splitlines() if line.startswith(f"{name} ")]
        assert column.better in line
        assert column.meaning in line


def test_one_figure_is_no_plural(capsys, monkeypatch):
    monkeypatch.setattr("medunlearn.report.render.draw_figures", lambda *_: [Drawn("gap_by_preset", "", None)])
    (Path("out") / "x").mkdir(parents=True)
    (Path("out") / "gap_by_preset.png").touch()
    assert main(["report", *chain(), "--out", "out"]) == 0
    assert "results.csv and 1 figure\n" in capsys.readouterr().out
