"""Metrics and notes on a deletion request: by patient, and on retained copies of forgotten images."""

from typing import Any, cast

import numpy as np

from medunlearn.callbacks.unlearning_metrics import UnlearningMetrics
from medunlearn.contracts import UnlearningData
from medunlearn.errors import counted
from medunlearn.metrics import Predictions, attack_calls, by_group, group_arrays

SHOWN = 20
"""Largest number of pairs of copies that `metrics.json` lists."""


def group_rows(data: UnlearningData, predictions: Predictions) -> dict[str, np.ndarray]:
    """Return the arrays of groups for `predictions.npz`; empty without a table of patients."""
    groups = getattr(data, "groups", None)
    return {} if groups is None else group_arrays(predictions, groups.numbers)


def group_figures(data: UnlearningData, evaluation: UnlearningMetrics) -> dict[str, Any]:
    """Return the metrics by patient; empty without a table of patients."""
    groups, predictions = getattr(data, "groups", None), evaluation.predictions
    if groups is None or predictions is None:
        return {}
    outside = getattr(predictions, evaluation.nonmembers)
    called = None
    if len(predictions.forget.labels) and len(outside.labels):
        settings = {"feature": evaluation.feature, "seed": evaluation.seed, "solver": evaluation.solver}
        called = attack_calls(predictions.retain, outside, predictions.forget, **cast(Any, settings))
    return {"by_group": {"by": groups.by, **by_group(predictions, groups.numbers, called)}}


def copies(data: UnlearningData) -> dict[str, Any]:
    """Return the retained copies of forgotten images, in the form of `metrics.json`; empty if there are none."""
    found = getattr(data, "duplicates", None)
    if found is None or not (found.exact or found.near):
        return {}
    pairs = {"exact": found.exact[:SHOWN], "near": found.near[:SHOWN]}
    listed = {name: [[*pair] for pair in value] for name, value in pairs.items()}
    return {"copies": {"exact": len(found.exact), "near": len(found.near), "pairs": listed}}


def copies_note(data: UnlearningData) -> list[str]:
    """Return a note on copies of forgotten images in the retain set."""
    found = copies(data).get("copies")
    if not found:
        return []
    number = found["exact"] + found["near"]
    verb = "has a copy" if number == 1 else "have a copy"
    first = [*found["pairs"]["exact"], *found["pairs"]["near"]][0]
    kinds = f"{found['exact']} exact, {found['near']} near; such as training images {first[0]} and {first[1]}"
    return [
        f"{counted(number, 'forgotten image')} {verb} among the retained ({kinds}): what these teach is not forgotten"
    ]
