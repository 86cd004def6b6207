"""The proxy gap: an estimate of the Average Gap to a Retrain, from validation images alone.

In practice there is no Retrain to compare with. For a Retrain the forget set is unseen data, so its metrics can be
predicted from the original's on images that the original has not seen either.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from medunlearn.metrics.learning_curve import NO_LOSS, Loss
from medunlearn.metrics.membership import Feature, Solver, attack_calls
from medunlearn.metrics.predictions import Part, Predictions
from medunlearn.metrics.unlearning import accuracies, accuracy

HALVINGS = 7
"""Number of random halvings of the validation set for the attack; odd, so that the median is one of the values."""


def proxy_gap(
    predictions: Predictions,
    original: Predictions,
    feature: Feature = "confidence",
    seed: int = 0,
    solver: Solver = "interior_point",
    loss: Loss | None = None,
) -> dict[str, float | None]:
    """Return the distances of a model's UA, RA, TA and MIA to those predicted for a Retrain, and their mean as `gap`.

    All are in percentage points. The predictions are:

    - UA: the original's error on validation images, weighted by the class frequencies of the forget set;
    - RA: the original's RA;
    - TA, here the accuracy on the validation set: the original's;
    - MIA: the share of validation images that the same attack calls non-members: it learns from one half of them and
      is shown the other, both under the model itself; see `attack_shares`.

    A class that is forgotten as a whole does not exist for a Retrain: its images count as errors. At high forget rates
    a Retrain is worse than the original because it has less data: `loss` corrects the predictions for that; without it
    they are not corrected. The test set is not used.

    Args:
        predictions: The model's predictions on every part.
        original: The original's, with the same forget set.
        feature: What the membership attack sees of the model's output.
        seed: Seed of the halves and of the attack's samples: it learns from the first half of
            `numpy.random.default_rng(seed).permutation(V)`, of which `attack_sample` draws as many as members.
        solver: How the attack's machine is solved; see `membership_inference`.
        loss: How much worse a Retrain is for having fewer images; see `LearningCurve.loss_for`.

    Returns:
        `UA`, `RA`, `TA`, `MIA` and `gap`; None where the forget set is empty or there are too few validation images.

    Example:
        >>> right = Part(np.eye(2, dtype=np.float32), labels=np.array([0, 1]), rows=np.arange(2))
        >>> wrong = right._replace(labels=np.array([1, 0]))
        >>> original = Predictions(forget=right, retain=right, test=right, val=right)
        >>> proxy_gap(Predictions(forget=wrong, retain=right, test=right, val=right), original)["UA"]
        100.0
    """
    found = accuracies(replace(predictions, test=predictions.val))
    predicted = proxy_targets(original, feature, seed, solver, loss)
    parts = {key: _distance(found[key], predicted[key]) for key in ("UA", "RA", "TA")}
    forget, unseen = attack_shares(predictions, feature, seed, solver)
    parts["MIA"] = _distance(forget, predicted.get("MIA", unseen))
    known = [each for each in parts.values() if each is not None]
    return {**parts, "gap": sum(known) / len(known) if len(known) == len(parts) else None}


def proxy_targets(
    original: Predictions,
    feature: Feature = "confidence",
    seed: int = 0,
    solver: Solver = "interior_point",
    loss: Loss | None = None,
) -> dict[str, float | None]:
    """Return the metrics predicted for a Retrain, in %: `UA`, `RA`, and `TA` on the validation set.

    If `loss.attack` is given, also `MIA`: the share of validation images that the attack calls non-members under the
    original, plus `loss.attack`.

    Args:
        original: The original's predictions, with the forget set.
        feature: As in `proxy_gap`, as are the others.
        seed: As there.
        solver: As there.
        loss: How much worse a Retrain is for having fewer images.

    Example:
        >>> right = Part(np.eye(2, dtype=np.float32), labels=np.array([0, 1]), rows=np.arange(2))
        >>> original = Predictions(forget=right, retain=right, test=right, val=right)
        >>> proxy_targets(original, loss=Loss(val=6.0, train=3.0))
        {'UA': 6.0, 'RA': 97.0, 'TA': 94.0}
    """
    moved = loss or NO_LOSS
    predicted = {
        "UA": _moved(_predicted_error(original), moved.val if moved.forget is None else moved.forget),
        "RA": _moved(accuracy(original.retain), -moved.train),
        "TA": _moved(_predicted_accuracy(original), -moved.val),
    }
    if moved.attack is not None:
        predicted["MIA"] = _moved(attack_shares(original, feature, seed, solver)[1], moved.attack)
    return predicted


def attack_shares(
    predictions: Predictions,
    feature: Feature = "confidence",
    seed: int = 0,
    solver: Solver = "interior_point",
) -> tuple[float | None, float | None]:
    """Return the shares, in %, of the forget set and of unseen images that the attack calls non-members.

    The attack is trained with one half of the validation images and applied to the other. On some halves it degenerates
    and calls nearly all images non-members, so each share is the median over `HALVINGS` halvings. None where images are
    missing.

    Args:
        predictions: The model's predictions on every part.
        feature: As in `proxy_gap`, as are the others.
        seed: Seed of the first halving; the others use the following numbers.
        solver: As there.

    Example:
        >>> right = Part(np.eye(2, dtype=np.float32), labels=np.array([0, 1]), rows=np.arange(2))
        >>> wrong = right._replace(labels=np.array([1, 0]))
        >>> attack_shares(Predictions(forget=right, retain=right, test=right, val=wrong))
        (0.0, 100.0)
    """
    found = [_attack_shares(predictions, feature, seed + number, solver) for number in range(HALVINGS)]
    forget, unseen = (_median([each[at] for each in found]) for at in (0, 1))
    return forget, unseen


def why_no_proxy(original: Predictions) -> str | None:
    """Return which images are missing for the proxy gap; None where it can be measured.

    Args:
        original: The original's predictions.

    Example:
        >>> one = Part(np.ones((1, 2)), labels=np.array([0]), rows=np.array([0]))
        >>> why_no_proxy(Predictions(forget=one, retain=one, test=one, val=one))
        'it needs two validation images, and there is 1'
    """
    forget, retain, val = (len(part.labels) for part in (original.forget, original.retain, original.val))
    if not forget or not retain:
        return f"no image is {'retained' if forget else 'forgotten'}"
    if val < 2:
        return f"it needs two validation images, and there is {val or 'none'}"
    return "no validation image is of a class of the forget set" if _predicted_error(original) is None else None


def _moved(value: float | None, by: float) -> float | None:
    return None if value is None else min(100.0, max(0.0, value + by)) if by else value


def _distance(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else abs(first - second)


def _predicted_error(original: Predictions) -> float | None:
    """Return the error on validation images in %, weighted by the forget set's classes that have validation images."""
    classes, counts = np.unique(original.forget.labels, return_counts=True)
    errors = np.array([_error_of(original, number) for number in classes])
    known = ~np.isnan(errors)
    return float(np.average(errors[known], weights=counts[known])) if known.any() else None


def _error_of(original: Predictions, number: int) -> float:
    """Return the error on a class's validation images in %; 100 where the class is forgotten as a whole."""
    if not (original.retain.labels == number).any():
        return 100.0
    own = original.val.labels == number
    return float(100 * _wrong(original.val)[own].mean()) if own.any() else float("nan")


def _predicted_accuracy(original: Predictions) -> float | None:
    if not len(original.val.labels):
        return None
    lost = ~np.isin(original.val.labels, original.retain.labels)
    return float(100 * (~(_wrong(original.val) | lost)).mean())


def _wrong(part: Part) -> np.ndarray:
    return np.asarray(part.probs.argmax(1) != part.labels)


def _attack_shares(
    predictions: Predictions, feature: Feature, seed: int, solver: Solver
) -> tuple[float | None, float | None]:
    retain, val, forget = predictions.retain, predictions.val, predictions.forget
    order = np.random.default_rng(seed).permutation(len(val.labels))
    learned, shown = np.split(order, [len(order) // 2])
    if not len(learned) or not len(retain.labels):
        return None, None
    judged = forget.joined(val.take(shown))
    called = attack_calls(retain, val.take(learned), judged, feature, seed, solver)
    of_forget, of_val = np.split(called, [len(forget.labels)])
    return _share(of_forget), _share(of_val)


def _share(called: np.ndarray) -> float | None:
    return float(1 - (~called).mean()) if len(called) else None  # as `membership_inference`, to the last digit


def _median(shares: Sequence[float | None]) -> float | None:
    """Return the median of shares in %; None where one is not known."""
    known = [each for each in shares if each is not None]
    return 100 * float(np.median(known)) if len(known) == len(shares) else None
