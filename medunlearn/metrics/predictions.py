from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

PARTS = ("forget", "retain", "test", "val")
ARRAYS = ("probs", "labels", "index")
"""The arrays of a part in `predictions.npz`, as in `forget_probs`."""


class Part(NamedTuple):
    """What a model says about one part of the data."""

    probs: np.ndarray
    """(N, C) float32: softmax outputs."""
    labels: np.ndarray
    """(N,) int64: true labels."""
    rows: np.ndarray
    """(N,) int64, ascending: which image of its split each row is."""


@dataclass(frozen=True)
class Predictions:
    """A model's predictions on every image, without augmentation, from which every metric derives."""

    forget: Part
    retain: Part
    test: Part
    val: Part

    @staticmethod
    def names() -> list[str]:
        """Return the names of the arrays in `predictions.npz`."""
        return [f"{part}_{name}" for part in PARTS for name in ARRAYS]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays as `predictions.npz` names them: `forget_probs`, `forget_labels`, `forget_index`, ..."""
        return {
            f"{part}_{name}": array for part in PARTS for name, array in zip(ARRAYS, getattr(self, part), strict=True)
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Self:
        """Return the predictions in `predictions.npz`.

        Raises:
            KeyError: If an array is missing.
        """
        return cls(**{part: Part(*(arrays[f"{part}_{name}"] for name in ARRAYS)) for part in PARTS})

    def split_by(self, forget_indices: np.ndarray) -> Self:
        """Return the same predictions with the training images divided by another forget set.

        So a model that was trained before anything was to be forgotten is measured without running it again.

        Args:
            forget_indices: The forget set as indices into the training set, shape (F,).
        """
        train = Part(*(np.concatenate(pair) for pair in zip(self.forget, self.retain, strict=True)))
        order = np.argsort(train.rows, kind="stable")
        chosen = np.isin(train.rows, forget_indices)
        forget = Part(*(array[order][chosen[order]] for array in train))
        retain = Part(*(array[order][~chosen[order]] for array in train))
        return type(self)(forget, retain, self.test, self.val)
