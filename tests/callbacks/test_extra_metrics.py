"""Metrics beside UA, RA, TA and MIA: a failing one costs its own value only."""

import json
from decimal import Decimal

import numpy as np
import pytest

from medunlearn.callbacks.extra_metrics import find_extra, measure_extra
from medunlearn.errors import InputError
from medunlearn.metrics import Part, Predictions
from medunlearn.plugins import names

PART = Part(np.eye(2, dtype=np.float32), np.array([0, 1]), np.arange(2))
PREDICTIONS = Predictions(PART, PART, PART, PART)


def measured(value):
    return measure_extra({"own": lambda _: value}, PREDICTIONS)["own"]


@pytest.mark.parametrize("given", [None, [], ()])
def test_extra_metrics_are_none_where_none_are_named(given):
    assert find_extra(given) == {}
    assert measure_extra({}, PREDICTIONS) == {}


def test_extra_metrics_are_a_list_of_names():
    with pytest.raises(InputError, match=r"^extra=forgetting: give a list of names, as in \[forgetting\]$"):
        find_extra("forgetting")


def test_extra_metric_that_does_not_exist_is_refused_by_its_name():
    assert "no_such_metric" not in names("metrics")
    with pytest.raises(InputError, match=r"^extra=no_such_metric: "):
        find_extra(["no_such_metric"])


def test_extra_metrics_are_found_by_name_in_the_order_given(monkeypatch):
    asked = []
    monkeypatch.setattr("medunlearn.callbacks.extra_metrics.find", lambda *given: asked.append(given) or len(asked))
    assert find_extra(["b", "a"]) == {"b": 1, "a": 2}
    assert asked == [("metrics", "b", "extra"), ("metrics", "a", "extra")]


def test_extra_metric_is_given_the_predictions():
    assert measure_extra({"n": lambda found: len(found.forget.labels), "own": id}, PREDICTIONS) == {
        "n": 2.0,
        "own": float(id(PREDICTIONS)),
    }


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1, 1.0),
        (True, 1.0),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3.0),
        (None, None),
        (float("nan"), None),
        (np.float32("inf"), None),
        (-np.inf, None),
        ({}, {}),
        ({"a": np.float64(0.25), 3: None, "b": float("nan")}, {"a": 0.25, "3": None, "b": None}),
        ({"forget": {"mean": 1}}, {"forget": {"mean": 1.0}}),
    ],
)
def test_extra_metric_is_written_as_plain_numbers(value, written, capsys):
    found = measured(value)
    assert found == written
    assert json.loads(json.dumps(found, allow_nan=False)) == written
    assert type(found) in (float, dict, type(None))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("value", ["0.5", [1, 2], np.zeros(2), 1j, Decimal(1), {"a": "x"}, object()])
def test_extra_metric_that_is_no_number_is_null_and_says_so(value, capsys):
    assert measured(value) is None
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "evaluation.extra=own: is null in metrics.json (TypeError: Expected a number or a mapping of"
    )
    assert line.endswith("; fix its plug-in")


def test_extra_metric_that_fails_is_null_in_one_line_and_the_others_are_measured(capsys):
    def fail(_):
        raise ZeroDivisionError("by\nzero \x1b[31m")

    assert measure_extra({"a": lambda _: 1, "fails": fail, "b": lambda _: 2}, PREDICTIONS) == {
        "a": 1.0,
        "fails": None,
        "b": 2.0,
    }
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("evaluation.extra=fails: is null in metrics.json (ZeroDivisionError: by zero \\x1b[31m)")


def test_extra_metric_that_is_interrupted_passes_that_on():
    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_extra({"own": interrupt}, PREDICTIONS)
