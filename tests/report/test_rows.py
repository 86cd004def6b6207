"""Rows: intervals where few images are behind a figure, and marks of remarks."""

import pytest
from helpers.fake_runs import chain, change

from medunlearn.metrics import wilson
from medunlearn.report import load
from medunlearn.report.sections import sections

SMALL = {"forget": 30, "retain": 270, "test": 199, "val": 8}


def rows(*runs):
    (section,) = sections(load(runs))
    return {row.label: row for row in section.rows() if not row.published}


def test_rows_have_intervals_of_few_images_alone():
    runs = chain(seed=0)
    assert rows(*runs)["SalUn"].intervals == ("", "", "", "")
    for run in runs[1:]:
        change(run, n=SMALL)
    found = rows(*runs)["SalUn"]
    expected = ["{:.1f} to {:.1f}".format(*wilson(value, n)) for value, n in ((4, 30), (94.5, 199), (9, 30))]
    assert found.intervals == (expected[0], "", *expected[1:]), "270 retained images are enough"
    assert rows(*runs)["Original"].intervals[0] == "{:.1f} to {:.1f}".format(*wilson(1, 30))


@pytest.mark.parametrize("seeds", [1, 2])
def test_rows_are_marked_where_their_runs_have_remarks(seeds):
    chains = [chain(seed=seed) for seed in range(seeds)]
    for runs in chains:
        change(runs[1], notes=["few images"])
        change(runs[2], notes=["nothing moved", "few images"])
    runs = [run for each in chains for run in each]
    found = rows(*runs)
    assert [found[label].mark for label in ("Original", "Retrain", "SalUn")] == ["", "1", "1, 2"]
    (section,) = sections(load(runs))
    assert section.remarks[1] == ["few images", "nothing moved"]


def test_remarks_of_one_seed_alone_name_it():
    first, second = chain(seed=0), chain(seed=1)
    change(second[2], notes=["nothing moved"])
    (section,) = sections(load([*first, *second]))
    assert section.remarks[1] == ["seed 1: nothing moved"]
