"""What a model predicts for every image, by part: all metrics derive from it."""

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np

PARTS = ("forget", "retain", "test", "val")
ARRAYS = ("probs", "labels", "index")
"""The arrays of a part in `predictions.npz`, as in `forget_probs`."""


class Part(NamedTuple):
    """Outputs of a model on one part of the data.

    Example:
        >>> part = Part(np.array([[0.9, 0.1], [0.3, 0.7]]), labels=np.array([0, 1]), rows=np.array([4, 6]))
        >>> part.probs.argmax(axis=1)
        array([0, 1])
    """

    probs: np.ndarray
    """(N, C) float32: softmax outputs."""
    labels: np.ndarray
    """(N,) int64: true labels."""
    rows: np.ndarray
    """(N,) int64, ascending: which image of its split each row is."""


@dataclass(frozen=True)
class Predictions:
    """A model's predictions on every image, without augmentation, from which every metric derives.

    Args:
        forget: On the forget set, which may be empty.
        retain: On the rest of the training set.
        test: On the test set.
        val: On the validation set.

    Example:
        >>> one = Part(np.array([[0.9, 0.1]]), labels=np.array([0]), rows=np.array([0]))
        >>> two = Part(np.array([[0.2, 0.8]]), labels=np.array([1]), rows=np.array([1]))
        >>> Predictions(forget=one, retain=two, test=one, val=two).retain.labels
        array([1])
    """

    forget: Part
    retain: Part
    test: Part
    val: Part

    @staticmethod
    def names() -> list[str]:
        """Return the names of the arrays in `predictions.npz`.

        Example:
            >>> Predictions.names()[:3]
            ['forget_probs', 'forget_labels', 'forget_index']
        """
        return [f"{part}_{name}" for part in PARTS for name in ARRAYS]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays as `predictions.npz` names them: `forget_probs`, `forget_labels`, `forget_index`, ...

        Example:
            >>> part = Part(np.array([[0.9, 0.1]]), labels=np.array([0]), rows=np.array([7]))
            >>> Predictions(part, part, part, part).to_arrays()["test_index"]
            array([7])
        """
        return {
            f"{part}_{name}": array for part in PARTS for name, array in zip(ARRAYS, getattr(self, part), strict=True)
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Self:
        """Return the predictions in `predictions.npz`.

        Args:
            arrays: By name, such as `forget_probs` (N, C), `forget_labels` (N,) and `forget_index` (N,).

        Raises:
            KeyError: If an array is missing.

        Example:
            >>> part = Part(np.array([[0.9, 0.1]]), labels=np.array([0]), rows=np.array([7]))
            >>> Predictions.from_arrays(Predictions(part, part, part, part).to_arrays()).val.rows
            array([7])
        """
        return cls(**{part: Part(*(arrays[f"{part}_{name}"] for name in ARRAYS)) for part in PARTS})

    def split_by(self, forget_indices: np.ndarray) -> Self:
        """Return the same predictions with the training images divided by another forget set.

        So a model that was trained before anything was to be forgotten is measured without running it again.

        Args:
            forget_indices: The forget set as indices into the training set, shape (F,).

        Example:
            >>> train = Part(np.full((4, 2), 0.5), labels=np.array([0, 1, 0, 1]), rows=np.arange(4))
            >>> none = Part(*(array[:0] for array in train))
            >>> original = Predictions(forget=none, retain=train, test=train, val=train)
            >>> original.split_by(np.array([1, 2])).forget.labels
            array([1, 0])
        """
        train = Part(*(np.concatenate(pair) for pair in zip(self.forget, self.retain, strict=True)))
        order = np.argsort(train.rows, kind="stable")
        chosen = np.isin(train.rows, forget_indices)
        forget = Part(*(array[order][chosen[order]] for array in train))
        retain = Part(*(array[order][~chosen[order]] for array in train))
        return type(self)(forget, retain, self.test, self.val)

    def without_test(self) -> Self:
        """Return the same predictions without those on test images.

        Example:
            >>> part = Part(np.array([[0.9, 0.1]]), labels=np.array([0]), rows=np.array([7]))
            >>> len(Predictions(part, part, part, part).without_test().test.labels)
            0
        """
        return replace(self, test=Part(*(array[:0] for array in self.test)))
