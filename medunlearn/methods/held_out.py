"""The original's outputs on validation images, which stand in for those of a model that never saw the forget set."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from medunlearn.errors import owned_by
from medunlearn.runs import RunDir
from medunlearn.runs.split import dropped_of

NEEDED = ("val_probs", "val_labels", "val_index", "forget_index", "forget_labels", "retain_index", "retain_labels")
SMALLEST = 1e-30  # avoids 0 / 0 for an image whose whole probability is on forgotten classes


class HeldOut(NamedTuple):
    """The original's outputs on validation images, and the labels of the validation and training images."""

    answers: np.ndarray
    """(V, C) float32: probabilities on validation images."""
    labels: np.ndarray
    """(V,) int64: their true classes."""
    train_labels: np.ndarray
    """(N,) int64: the true classes of the training images."""


def held_out(original: Path, forget: np.ndarray, split: Mapping[str, Any] | None = None) -> HeldOut:
    """Read the outputs that the original's run saved when it was measured; no forward pass is needed.

    Args:
        original: Run directory of the original.
        forget: The forget set as indices into the training set, (F,).
        split: Content of `split.json`; validation images that it drops, of withdrawn patients, are left out.

    Raises:
        FileError: If its predictions are missing or damaged.
    """
    with owned_by("model.init_args", "original"):
        arrays = RunDir(original).read_predictions("original", NEEDED)
    rows = np.concatenate([arrays["forget_index"], arrays["retain_index"]])
    labels = np.empty(len(rows), dtype=np.int64)
    labels[rows] = np.concatenate([arrays["forget_labels"], arrays["retain_labels"]])
    kept = ~np.isin(arrays["val_index"], dropped_of(split or {}).get("val", ()))
    answers = arrays["val_probs"][kept].astype(np.float32)
    retained = np.isin(np.arange(answers.shape[1]), np.delete(labels, forget))
    return HeldOut(without_classes(answers, retained), arrays["val_labels"][kept].astype(np.int64), labels)


def without_classes(answers: np.ndarray, retained: np.ndarray) -> np.ndarray:
    """Return probabilities over the retained classes alone: a model that never saw a class does not predict it.

    Returns the same array where every class is retained.

    Args:
        answers: Probabilities (V, C).
        retained: (C,) bool: whether any image of the class is in the retain set.
    """
    if retained.all():
        return answers
    left = np.where(retained, answers.astype(np.float64) + SMALLEST, 0)
    return np.asarray((left / left.sum(1, keepdims=True)).astype(np.float32))
