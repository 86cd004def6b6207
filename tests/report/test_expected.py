"""Runs against the figures that were measured before."""

import numpy as np
import pytest
import yaml
from helpers.fake_runs import chain, change

from medunlearn.metrics import prediction_interval
from medunlearn.report import load
from medunlearn.report.expected import Expectation, compared
from medunlearn.report.frame import records
from medunlearn.report.table import comparison

EXPERIMENT = {"method": "SalUn", "forgotten": "10 %", "augmentation": "Default"}
FIGURES_OF_CHAIN = {"UA": (4.2, 0.3), "RA": (97.0, 0.2), "TA": (94.4, 0.1), "MIA": (9.5, 0.5), "AG": (0.9, 0.1)}


def known(**changes):
    values = {"experiment": EXPERIMENT, "settings": {"lr": 0.013}, "data_sha256": "ab", "seeds": 3}
    return Expectation(**(values | {"figures": FIGURES_OF_CHAIN} | changes))


@pytest.fixture
def runs():
    found = chain()
    for run in found:
        change(run, data_sha256="ab")
    return found


def test_prediction_intervals_hold_95_percent_of_further_values():
    values = np.random.default_rng(0).normal(3.0, 2.0, (20_000, 4))
    limits = [prediction_interval(row[:3].mean(), row[:3].std(ddof=1), 3) for row in values]
    held = np.mean([low <= row[3] <= high for row, (low, high) in zip(values, limits, strict=True)])
    assert held == pytest.approx(0.95, abs=0.005)


def test_a_run_within_all_intervals_is_inside(runs):
    lines = compared(records(load(runs)), [known()]).splitlines()
    assert lines[1:] == [f"{runs[2]}: inside: UA, RA, TA, MIA, AG"]


def test_a_run_outside_is_named_with_figure_and_interval(runs):
    figures = FIGURES_OF_CHAIN | {"MIA": (1.0, 0.5)}
    _, line = compared(records(load(runs)), [known(figures=figures)]).splitlines()
    assert line == f"{runs[2]}: outside: MIA 9.00, expected 0.00 to 3.48"


@pytest.mark.parametrize(
    "changes",
    [
        {"data_sha256": "other"},
        {"experiment": EXPERIMENT | {"forgotten": "50 %"}},
        {"experiment": EXPERIMENT | {"augmentation": "NoAug"}},
        {"experiment": EXPERIMENT | {"method": "Retrain"}},
        {"settings": {"lr": 0.02}},
        {"settings": {"not a setting": 1}},
    ],
    ids=lambda changes: str(changes),
)
def test_another_experiment_is_not_compared(runs, changes):
    assert compared(records(load(runs)), [known(**changes)]) == ""


def test_another_seed_is_compared():
    runs = chain(seed=4)
    for run in runs:
        change(run, data_sha256="ab")
    assert "inside: UA" in compared(records(load(runs)), [known()])


def test_the_printed_comparison_says_whether_runs_are_as_expected(runs, monkeypatch, tmp_path):
    figures = {key: list(value) for key, value in FIGURES_OF_CHAIN.items()}
    content = {"data_sha256": "ab", "runs": [EXPERIMENT | figures | {"settings": {"lr": 0.013}, "seeds": 3}]}
    file = tmp_path / "configs/tuned/cells/expected.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump(content))
    monkeypatch.setattr("medunlearn.report.expected.shipped_configs", lambda: tmp_path / "configs")
    assert f"{runs[2]}: inside: UA, RA, TA, MIA, AG" in comparison(runs)
    change(runs[2], data_sha256="cd")
    assert "inside: UA" not in comparison(runs)
