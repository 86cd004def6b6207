"""The frame: one row a run, and the untouched originals."""

import math
import os
import shutil
from pathlib import Path

import pytest
from helpers.fake_runs import chain, change, fake

from medunlearn.__main__ import main
from medunlearn.errors import InputError
from medunlearn.report import COLUMNS, load
from medunlearn.report.frame import EXPERIMENT
from medunlearn.runs import RunDir


def test_frame_has_a_row_a_run_and_one_for_each_original_on_each_forget_set():
    runs = [*chain(seed=0), *chain(seed=1)]
    frame = load(runs)
    assert list(frame.columns) == list(COLUMNS)
    assert frame.run.tolist() == [*runs, runs[0], runs[3]]
    assert frame.measured_by.tolist() == ["", "", "", "", "", "", runs[2], runs[5]]
    assert frame.role.tolist() == ["original", "retrained", "unlearned"] * 2 + ["original"] * 2
    untouched = frame.iloc[-2]
    assert (untouched.label, untouched.UA, untouched.AG, untouched.RTE) == ("Original", 1.0, 3.0, 20.0)
    assert math.isnan(frame.UA[0])


def test_mean_and_deviation_over_seeds_are_one_groupby():
    frame = load(run for seed, shift in enumerate((0.0, 2.0, -1.0)) for run in chain(seed, shift))
    table = frame.groupby(EXPERIMENT)[["AG", "RTE"]].agg(["mean", "std", "count"])
    row = table.loc["bloodmnist", "10 %", "Default", "SalUn"]
    gaps = [0.875, 1.375, 0.625]
    mean = sum(gaps) / 3
    assert row["AG", "mean"] == pytest.approx(mean)
    assert row["AG", "std"] == pytest.approx(math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / 2))
    assert (row["RTE", "mean"], row["AG", "count"]) == (pytest.approx(1.9), 3)


def test_an_original_is_known_by_its_hash_wherever_it_lies(monkeypatch, capsys):
    """Runs made with relative paths, reported from another folder, moved, or copied beside each other."""
    train, retrain, salun = chain()
    change(salun, original_sha256=RunDir(train).weights_sha256(), original="runs/0/train")
    shown = ["1.00 (4.00)", "99.00 (1.00)", "96.00 (1.00)", "4.00 (6.00)", "3.00", "20.00"]

    def row(*runs):
        assert main(["report", *map(str, runs)]) == 0
        lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(f"| {runs[0]} ")]
        return [cell.strip() for cell in lines[0].strip("|").split("|")][2:]

    assert row(train, retrain, salun) == shown
    Path("elsewhere").mkdir()
    here = [Path(run).resolve() for run in (train, retrain, salun)]
    monkeypatch.chdir("elsewhere")
    assert row(*here) == shown
    moved = [Path(shutil.move(run, f"moved_{run.name}")).resolve() for run in here]
    os.chdir("/")
    assert row(*moved) == shown
    frame = load(moved)
    assert frame.original[2] == str(moved[0]), "where the figures find its weights"
    assert frame.RTE.iloc[-1] == 20.0


def test_two_references_make_two_rows_of_one_original():
    train, retrain, salun = chain()
    own = fake("runs/own", "MyRetrain", (15.0, 98, 95, 10))
    other = fake("runs/other", "Other", (4.0, 97.0, 94.5, 9.0), before=(1, 99, 96, 4), original=train)
    change(salun, reference=retrain, AG=0.875)
    change(other, reference=own, AG=3.375)
    frame = load([train, retrain, own, salun, other])
    untouched = frame[frame.measured_by != ""]
    assert untouched.AG.tolist() == [3.0, 5.5]
    assert untouched.label.tolist() == [f"Original (against {retrain})", f"Original (against {own})"]


def test_departures_from_the_defaults_are_named_also_where_older_runs_do_not_say():
    train, _, _ = chain()
    more = {"before": (1, 99, 96, 4), "original": train}
    new = fake("runs/new", "SalUn", (1.0, 99, 96, 5), relabel="none", **more)
    assert load([new]).label[0] == "SalUn (relabel none)"
    old = fake("runs/old", "SalUn", (1.0, 99, 96, 5), relabel="none", **more)
    plain = fake("runs/plain", "SalUn", (1.0, 99, 96, 5), relabel="random", **more)
    change(old, departures=None)
    assert load([old, plain]).label[:2].tolist() == ["SalUn (relabel none)", "SalUn"], (
        "the default is known from another"
    )
    change(plain, departures=None)
    assert load([old]).label[0] == "SalUn", "nothing is known of its defaults"
    assert len(set(load([old, plain]).label[:2])) == 2


def test_a_run_without_a_configuration_is_read():
    train, retrain, salun = chain()
    Path(salun, "config.yaml").unlink()
    frame = load([train, retrain, salun])
    assert (frame.forgotten[2], frame.augmentation[2], frame.AG[2]) == ("4,000 images", "", 0.875)


@pytest.mark.parametrize("departures", [3, ["lr"], {"a\nb": 1}])
def test_departures_of_another_form_are_refused(departures):
    _, _, salun = chain()
    change(salun, departures=departures)
    with pytest.raises(InputError, match="departures"):
        load([salun])
