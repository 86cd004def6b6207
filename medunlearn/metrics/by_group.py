"""Metrics by patient, or by another group of images: each patient has equal weight, however many images it has."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from medunlearn.metrics.predictions import PARTS, Predictions

SPLIT_OF = {"forget": "train", "retain": "train", "test": "test", "val": "val"}


def group_arrays(predictions: Predictions, numbers: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the group number of each image by part, named as in `predictions.npz`: `forget_group` (F,), ...

    Args:
        predictions: A model's predictions.
        numbers: By split (train, val, test), the group number of each image in the order of the split, (N,) int64.

    Example:
        >>> from medunlearn.metrics import Part
        >>> part = Part(np.array([[0.9, 0.1]]), labels=np.array([0]), rows=np.array([1]))
        >>> found = group_arrays(Predictions(part, part, part, part), {"train": np.array([7, 8])})
        >>> found["forget_group"], "test_group" in found
        (array([8]), False)
    """
    known = {part: numbers.get(split) for part, split in SPLIT_OF.items()}
    return {f"{part}_group": each[getattr(predictions, part).rows] for part, each in known.items() if each is not None}


def groups_by_split(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the group number of each image in the order of its split, from the arrays of `predictions.npz`.

    Args:
        arrays: With `forget_index`, `forget_group`, ... as `group_arrays` names them; -1 where an image is in no part.

    Returns:
        By split (train, val, test), (N,) int64; empty where groups are not known.

    Example:
        >>> arrays = {"forget_index": np.array([1]), "forget_group": np.array([8])}
        >>> groups_by_split(arrays | {"retain_index": np.array([0, 2]), "retain_group": np.array([7, 9])})
        {'train': array([7, 8, 9])}
    """
    found = dict[str, np.ndarray]()
    for split in dict.fromkeys(SPLIT_OF.values()):
        known = [part for part in SPLIT_OF if SPLIT_OF[part] == split and f"{part}_group" in arrays]
        rows = [arrays[f"{part}_index"] for part in known]
        if known and sum(map(len, rows)):
            found[split] = np.full(max(each.max(initial=0) for each in rows) + 1, -1, dtype=np.int64)
            for part, places in zip(known, rows, strict=True):
                found[split][places] = arrays[f"{part}_group"]
    return found


def by_group(predictions: Predictions, numbers: Mapping[str, np.ndarray], called: np.ndarray | None) -> dict[str, Any]:
    """Return UA, recognition and MIA by group, in %, and the numbers of groups by part.

    UA is computed in each group and averaged over groups. `recognised` is the share of groups with at least one
    forgotten image that is still classified correctly: for a patient with many images this is nearly certain under any
    good model, also a Retrain, so compare it with a Retrain's. MIA is the share of groups in which the attack calls at
    least half of the forgotten images non-members. Values are None where nothing is forgotten.

    Args:
        predictions: The model's predictions on every part.
        numbers: As for `group_arrays`.
        called: Which forgotten images the membership attack calls non-members, (F,) bool; None if it was not run.

    Example:
        >>> from medunlearn.metrics import Part
        >>> probs = np.array([[0.9, 0.1], [0.2, 0.8], [0.2, 0.8]])
        >>> part = Part(probs, labels=np.array([0, 0, 0]), rows=np.arange(3))
        >>> found = by_group(Predictions(part, part, part, part), {"train": np.array([4, 4, 5])}, None)
        >>> found["UA"], found["recognised"], found["n"]["forget"]
        (75.0, 50.0, 2)
    """
    groups = group_arrays(predictions, numbers)
    counts = {part: len(np.unique(groups[f"{part}_group"])) for part in PARTS if f"{part}_group" in groups}
    forget = predictions.forget
    if not len(forget.labels) or "forget_group" not in groups:
        return {"UA": None, "recognised": None, "MIA": None, "n": counts}
    wrong = _shares(groups["forget_group"], forget.probs.argmax(1) != forget.labels)
    unseen = None if called is None else _shares(groups["forget_group"], called)
    return {
        "UA": 100 * float(wrong.mean()),
        "recognised": 100 * float((wrong < 1).mean()),
        "MIA": None if unseen is None else 100 * float((unseen >= 0.5).mean()),
        "n": counts,
    }


def _shares(groups: np.ndarray, holds: np.ndarray) -> np.ndarray:
    """Return the share of True in `holds` for each group, (G,)."""
    numbers = np.unique(groups, return_inverse=True)[1]
    return np.bincount(numbers, weights=holds) / np.bincount(numbers)
