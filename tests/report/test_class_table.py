"""UA and TA by class in the report."""

import numpy as np
import pytest
from helpers.fake_runs import CLASSES, chain, write

from medunlearn.metrics import Predictions, by_class, retained_accuracy
from medunlearn.report import load
from medunlearn.report.class_table import class_table
from medunlearn.report.sections import sections
from medunlearn.runs import RunDir

pytestmark = pytest.mark.usefixtures("undrawn")


def table(*runs):
    (section,) = sections(load(runs))
    return class_table(section)


def held(run):
    return Predictions.from_arrays(RunDir(run).read_predictions("test"))


def forget_class(run, number):
    """Let a run's forget set hold every training image of a class and no other."""
    everything = held(run).split_by(np.arange(number, 40, CLASSES))
    RunDir(run).write_predictions(everything.to_arrays())
    RunDir(run).write_json(RunDir(run).split, {"indices": list(range(number, 40, CLASSES))})


def test_class_table_has_the_figures_of_each_run_by_class_and_counts():
    runs = chain()
    found = table(*runs)
    assert found.methods == ("Original", "Retrain", "SalUn")
    assert [row.name for row in found.rows] == [*"0123", "all"]
    assert [row.forgotten for row in found.rows] == ["2", "0", "2", "0", "4"]
    assert [row.tested for row in found.rows] == ["3"] * 4 + ["12"]
    for place, run in ((1, runs[1]), (2, runs[2])):
        own = by_class(held(run))
        for row in found.rows[:CLASSES]:
            expected = [own[key][row.name] for key in ("UA", "TA")]
            assert list(row.entries[place]) == ["-" if value is None else f"{value:.2f}" for value in expected]


def test_class_table_leaves_a_class_forgotten_as_a_whole_out_of_its_last_row():
    runs = chain()
    for run in runs[1:]:
        forget_class(run, 1)
    found = table(*runs)
    assert found.gone == ("1",)
    assert found.rows[-1].name == "retained classes"
    assert found.rows[-1].tested == "9"
    assert found.rows[-1].entries[2] == ("", f"{retained_accuracy(held(runs[2])):.2f}")
    page = (write(*runs) / "report.html").read_text()
    assert "Forgotten as a whole, with every training image: class 1. The last row leaves it out." in page
    assert "<td>retained classes</td>" in page


def test_class_table_of_seeds_counts_each_forget_set_once_and_puts_images_together():
    runs = [*chain(seed=0), *chain(seed=1)]
    found = table(*runs)
    counts = np.bincount([0, 10 % 4, 20 % 4, 30 % 4, 1, 11 % 4, 20 % 4, 30 % 4], minlength=CLASSES)
    assert [row.forgotten for row in found.rows] == [*map(str, counts), "8"]
    shares = [by_class(held(runs[place]))["TA"]["0"] for place in (2, 5)]
    assert float(found.rows[0].entries[2][1]) == pytest.approx(sum(shares) / 2, abs=0.01)


def test_page_has_a_table_by_class_for_each_section_and_does_without_predictions():
    runs = chain()
    assert "<h3>UA and TA by class</h3>" in (write(*runs) / "report.html").read_text()
    for run in runs:
        RunDir(run).predictions.unlink()
    assert "UA and TA by class" not in (write(*runs, out="other") / "report.html").read_text()


def test_class_table_names_classes_where_the_runs_do_for_each_of_them():
    runs = chain()
    for names, shown in ((["a", "b", "c", "d"], [*"abcd", "all"]), (None, [*"0123", "all"])):
        for run in runs:
            split = RunDir(run).read_split("test")
            RunDir(run).write_json(RunDir(run).split, split | {"class_names": names})
        assert [row.name for row in table(*runs).rows] == shown
