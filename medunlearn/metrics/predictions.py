"""A model's predictions on every image, by part; all metrics derive from them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np

PARTS = ("forget", "retain", "test", "val")
ARRAYS = ("probs", "labels", "index")
"""The arrays that every part has in `predictions.npz`, as in `forget_probs`; `LOGITS` is there in newer runs."""
LOGITS = "logits"


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
    """(N,) int64, ascending: index of each row's image in its split."""
    logits: np.ndarray | None = None
    """(N, C) float32: logits; None for runs that saved only probabilities."""

    def take(self, rows: np.ndarray) -> "Part":
        """Return the outputs on some of the images.

        Args:
            rows: Which, as indices or as booleans (N,).

        Example:
            >>> part = Part(np.array([[0.9, 0.1], [0.3, 0.7]]), labels=np.array([0, 1]), rows=np.array([4, 6]))
            >>> part.take(part.labels == 1).rows
            array([6])
        """
        logits = None if self.logits is None else self.logits[rows]
        return Part(self.probs[rows], self.labels[rows], self.rows[rows], logits)

    def joined(self, other: "Part") -> "Part":
        """Return the outputs on these images followed by those of another part, with logits if both have them.

        Example:
            >>> part = Part(np.array([[0.9, 0.1]]), labels=np.array([0]), rows=np.array([4]))
            >>> part.joined(part._replace(rows=np.array([6]))).rows
            array([4, 6])
        """
        logits = None if self.logits is None or other.logits is None else np.concatenate([self.logits, other.logits])
        probs, labels, rows = (np.concatenate(pair) for pair in zip(self[:3], other[:3], strict=True))
        return Part(probs, labels, rows, logits)


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
        """Return the names of the arrays that are in every `predictions.npz`.

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
        found = {part: dict(zip((*ARRAYS, LOGITS), getattr(self, part), strict=True)) for part in PARTS}
        return {f"{part}_{name}": array for part in PARTS for name, array in found[part].items() if array is not None}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Self:
        """Return the predictions in `predictions.npz`.

        Args:
            arrays: By name, such as `forget_probs` (N, C), `forget_labels` (N,), `forget_index` (N,), and
                `forget_logits` (N, C) where they were kept.

        Raises:
            KeyError: If an array is missing.

        Example:
            >>> part = Part(np.array([[0.9, 0.1]]), labels=np.array([0]), rows=np.array([7]))
            >>> Predictions.from_arrays(Predictions(part, part, part, part).to_arrays()).val.rows
            array([7])
        """

        def part(name: str) -> Part:
            probs, labels, index = (arrays[f"{name}_{kind}"] for kind in ARRAYS)
            return Part(probs, labels, index, arrays.get(f"{name}_{LOGITS}"))

        return cls(**{name: part(name) for name in PARTS})

    def split_by(self, forget_indices: np.ndarray, dropped: Mapping[str, np.ndarray] | None = None) -> Self:
        """Return the same predictions with the training images split by another forget set.

        This measures a model that was trained before the forget set existed, without running it again.

        Args:
            forget_indices: The forget set as indices into the training set, shape (F,).
            dropped: Indices of `val` and `test` images to leave out.

        Example:
            >>> train = Part(np.full((4, 2), 0.5), labels=np.array([0, 1, 0, 1]), rows=np.arange(4))
            >>> none = train.take(np.arange(0))
            >>> original = Predictions(forget=none, retain=train, test=train, val=train)
            >>> original.split_by(np.array([1, 2])).forget.labels
            array([1, 0])
        """
        train = self.forget.joined(self.retain)
        train = train.take(np.argsort(train.rows, kind="stable"))
        chosen = np.isin(train.rows, forget_indices)
        kept = {part: getattr(self, part) for part in ("test", "val")}
        for part, rows in (dropped or {}).items():
            kept[part] = kept[part].take(~np.isin(kept[part].rows, rows))
        return type(self)(train.take(chosen), train.take(~chosen), **kept)

    def without_test(self) -> Self:
        """Return the same predictions without those on test images.

        Example:
            >>> part = Part(np.array([[0.9, 0.1]]), labels=np.array([0]), rows=np.array([7]))
            >>> len(Predictions(part, part, part, part).without_test().test.labels)
            0
        """
        return replace(self, test=self.test.take(np.arange(0)))
