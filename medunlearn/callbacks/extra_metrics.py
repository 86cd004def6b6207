"""Metrics in addition to UA, RA, TA and MIA: found by name, computed from predictions, written to `metrics.json`.

Such a metric is a callable `(Predictions) -> float | dict[str, float | None]`, registered as a plug-in in the group
`medunlearn.metrics`.
"""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

from medunlearn.errors import InputError, owned_by
from medunlearn.metrics import Predictions
from medunlearn.plugins import find

ExtraMetric = Callable[[Predictions], Any]
ARGUMENT = "extra"
PART = "evaluation"


def find_extra(names: Sequence[str] | None) -> dict[str, ExtraMetric]:
    """Return metrics by name.

    Raises:
        InputError: If there is no such metric, or it cannot be imported.
    """
    if isinstance(names, str):
        raise InputError(f"{ARGUMENT}={names}: give a list of names, as in [{names}]", PART)
    with owned_by(PART, ARGUMENT):
        return {name: find("metrics", name, ARGUMENT) for name in names or ()}


def measure_extra(metrics: Mapping[str, ExtraMetric], predictions: Predictions) -> dict[str, Any]:
    """Return the value of each metric; None, with the reason on stderr, if it fails: the trained model is kept."""
    return {name: _measure(name, metric, predictions) for name, metric in metrics.items()}


def _measure(name: str, metric: ExtraMetric, predictions: Predictions) -> Any:
    try:
        return _plain(metric(predictions))
    except Exception as error:  # plug-in code may raise anything
        problem = f"{ARGUMENT}={name}: is null in metrics.json ({type(error).__name__}: {error}); fix its plug-in"
        print(InputError(problem, PART).for_command_line, file=sys.stderr)  # in one line
        return None


def _plain(value: Any) -> Any:
    """Return a number or a mapping of numbers in a form that JSON can hold; non-finite numbers become None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if value is None or (isinstance(value, Real) and not math.isfinite(value)):
        return None
    if not isinstance(value, Real):
        raise TypeError(f"Expected a number or a mapping of numbers, but got {type(value).__name__}")
    return float(value)
