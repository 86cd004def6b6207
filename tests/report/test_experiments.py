"""Experiments: which runs are its seeds, and their mean and deviation."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.fake_runs import chain, change, fake, write

from medunlearn.errors import InputError
from medunlearn.report.experiments import Cell, Statistic, experiments

pytestmark = pytest.mark.usefixtures("undrawn")


def test_an_experiment_that_comes_twice_is_refused(capsys):
    train, retrain, salun = chain()
    again = fake("runs/again", "SalUn", (1.0, 99, 96, 5), before=(1, 99, 96, 4), original=train)
    write(train, retrain, salun, again, status=2)
    assert "are the same experiment, seed 0; give one of them" in capsys.readouterr().err
    assert not Path("out").exists()


def test_seeds_of_other_settings_are_no_seeds_of_one_experiment(capsys):
    first = chain(seed=0)
    write(*first, *chain(seed=1)[:1], fake("runs/other", "Retrain", (9.0, 98, 95, 10), seed=1, lr=0.5), status=2)
    assert "would be seeds of one experiment, but lr is 0.1 and 0.5" in capsys.readouterr().err


def test_forget_sets_of_other_sizes_are_no_seeds_of_one_experiment(capsys):
    first, second = chain(seed=0), chain(seed=1)
    for run in second[1:]:
        change(run, n={"forget": 6, "retain": 34, "test": 12, "val": 8})
    write(*first, *second, status=2)
    assert "one experiment, but the number of forgotten images is 4000 and 6" in capsys.readouterr().err


def frame(**columns):
    size = len(next(iter(columns.values())))
    usual = {"label": "Own", "measured_by": "", "note": "", "n_forget": 4, "role": "unlearned"}
    rows = {name: [value] * size for name, value in usual.items()} | {"settings": [{} for _ in range(size)]}
    rows |= {"run": [f"r/{number}" for number in range(size)], "seed": list(range(size))}
    return pd.DataFrame(rows | columns)


def test_statistic_of_one_seed_has_no_deviation_and_of_several_the_samples():
    values = [3.0, 5.5, 4.25]
    assert Cell("Own", frame(UA=values[:1])).over_seeds("UA") == Statistic(3.0, None)
    found = Cell("Own", frame(UA=values)).over_seeds("UA")
    assert found == pytest.approx((np.mean(values), np.std(values, ddof=1)))
    assert str(found) == "4.25 ± 1.25"
    assert str(Statistic(0.005, None)) == f"{0.005:.2f}"


def test_statistic_is_missing_where_one_seed_lacks_the_value():
    assert Cell("Own", frame(UA=[3.0, float("nan")])).over_seeds("UA") is None


def test_cell_tells_the_first_note_and_whether_it_is_an_untouched_model():
    cell = Cell("Own", frame(note=["", "second", "third"]))
    assert (cell.note, cell.untouched, cell.role) == ("second", False, "unlearned")
    assert Cell("Own", frame(note=["", ""])).note == ""
    assert Cell("Original", frame(measured_by=["", "r/9"])).untouched


def test_experiments_are_one_a_label_in_order_of_appearance_with_seeds_in_order():
    found = experiments(frame(label=["b", "a", "b", "a"], seed=[3, 0, 1, 2]))
    assert [(cell.label, cell.seeds) for cell in found] == [("b", [1, 3]), ("a", [0, 2])]


@pytest.mark.parametrize(
    ("first", "second", "difference"),
    [
        ({"lr": 0.1}, {"lr": 0.2}, "lr is 0.1 and 0.2"),
        ({}, {"lr": 0.2}, "lr is None and 0.2"),
        ({"lr": 0.1}, {}, "lr is 0.1 and None"),
    ],
)
def test_experiments_refuse_seeds_of_other_settings(first, second, difference):
    with pytest.raises(InputError) as error:
        experiments(frame(settings=[first, second], measured_by=["", "r/9"]))
    assert str(error.value) == (
        f"report: r/0 and r/9 would be seeds of one experiment, but {difference}; give runs of one setting"
    )


def test_experiments_compare_every_seed_not_only_the_first_two():
    with pytest.raises(InputError, match=r"r/1 and r/2 .* lr is 1 and 2"):
        experiments(frame(settings=[{"lr": 1}, {"lr": 1}, {"lr": 2}]))
