"""UA and TA by class, and TA over the classes that are not wholly forgotten."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from medunlearn.metrics.predictions import Part, Predictions
from medunlearn.metrics.unlearning import accuracy

COUNTED = ("forget", "retain", "test")


def by_class(predictions: Predictions) -> dict[str, dict[str, Any]]:
    """Return UA and TA of each class, in %, and the numbers of images, by class number as text.

    UA is None for a class without forgotten images, TA for one without test images.

    Args:
        predictions: The model's predictions on every part, of C classes.

    Example:
        >>> right = Part(np.eye(2, dtype=np.float32), labels=np.array([0, 1]), rows=np.arange(2))
        >>> one = right.take(np.arange(1))
        >>> found = by_class(Predictions(forget=one, retain=right, test=right, val=right))
        >>> found["UA"], found["TA"], found["n"]["retain"]
        ({'0': 0.0, '1': None}, {'0': 100.0, '1': 100.0}, {'0': 1, '1': 1})
    """
    classes = range(predictions.test.probs.shape[1])
    return {
        "UA": {str(each): _error(predictions.forget, each) for each in classes},
        "TA": {str(each): accuracy(_of_classes(predictions.test, [each])) for each in classes},
        "n": {part: _counts(getattr(predictions, part), len(classes)) for part in COUNTED},
    }


def forgotten_classes(n: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return the classes of which every training image is in the forget set.

    Args:
        n: Number of images by part and class, as `by_class` returns it.

    Example:
        >>> forgotten_classes({"forget": {"0": 4, "1": 4, "2": 0}, "retain": {"0": 0, "1": 9, "2": 9}})
        ['0']
    """
    return [each for each, count in n["forget"].items() if count and not n["retain"][each]]


def wholly_forgotten(predictions: Predictions) -> set[int]:
    """Return the same classes as `forgotten_classes`, as numbers, from predictions.

    Args:
        predictions: A model's predictions on every part.

    Example:
        >>> part = Part(np.eye(2, dtype=np.float32), labels=np.array([0, 1]), rows=np.arange(2))
        >>> zero = part.take(np.arange(1))
        >>> wholly_forgotten(Predictions(forget=part, retain=zero, test=part, val=part))
        {1}
    """
    return {int(each) for each in np.setdiff1d(predictions.forget.labels, predictions.retain.labels)}


def retained_accuracy(predictions: Predictions) -> float | None:
    """Return TA in % over test images of classes that are not forgotten as a whole; None where there are none.

    Equal to TA where no class is forgotten as a whole.

    Args:
        predictions: The model's predictions on every part.

    Example:
        >>> probs = np.array([[0.9, 0.1], [0.8, 0.2]], dtype=np.float32)
        >>> test = Part(probs, labels=np.array([0, 1]), rows=np.arange(2))
        >>> zero, one = (test.take(np.array([at])) for at in (0, 1))
        >>> retained_accuracy(Predictions(forget=one, retain=zero, test=test, val=test))
        100.0
    """
    kept = np.setdiff1d(predictions.test.labels, list(wholly_forgotten(predictions)))
    return accuracy(_of_classes(predictions.test, kept))


def _of_classes(part: Part, classes: Any) -> Part:
    return part.take(np.isin(part.labels, classes))


def _error(part: Part, number: int) -> float | None:
    share = accuracy(_of_classes(part, [number]))
    return None if share is None else 100 - share


def _counts(part: Part, classes: int) -> dict[str, int]:
    counts = np.bincount(part.labels, minlength=classes)[:classes]
    return {str(number): int(count) for number, count in enumerate(counts)}
