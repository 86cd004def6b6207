"""The proxy gap: how far a model is from what a Retrain would be, foretold from validation images alone.

Whoever unlearns has no Retrain to compare with. To a Retrain the forget set is unseen data, so its figures can be
foretold from the original's on images that the original has not seen either.
"""

from dataclasses import replace

import numpy as np

from medunlearn.metrics.membership import Feature, Solver, attack_sample, membership_inference
from medunlearn.metrics.predictions import Part, Predictions
from medunlearn.metrics.unlearning import accuracies, accuracy


def proxy_gap(
    predictions: Predictions,
    original: Predictions,
    feature: Feature = "confidence",
    seed: int = 0,
    solver: Solver = "interior_point",
) -> dict[str, float | None]:
    """Return the distances of a model's UA, RA, TA and MIA to what is foretold of a Retrain, and their mean as `gap`.

    In percentage points. What is foretold:

    - UA: the original's error on validation images, weighted to the classes of the forget set;
    - RA: the original's RA;
    - TA, here the accuracy on the validation set: the original's;
    - MIA: the share of validation images that the same attack calls non-members: it learns from one half of them and
      is shown the other, both under the model itself.

    A class that is forgotten as a whole does not exist for a Retrain: its images are counted as errors. At high rates a
    Retrain is worse than the original for want of data, which this does not know. The test set is not looked at.

    Args:
        predictions: The model's predictions on every part.
        original: The original's, with the same forget set.
        feature: What the membership attack sees of the model's output.
        seed: Seed of the halves and of the attack's samples.
        solver: How the attack's machine is solved; see `membership_inference`.

    Returns:
        `UA`, `RA`, `TA`, `MIA` and `gap`; None where the forget set is empty or too few validation images are there.

    Example:
        >>> right = Part(np.eye(2, dtype=np.float32), labels=np.array([0, 1]), rows=np.arange(2))
        >>> wrong = right._replace(labels=np.array([1, 0]))
        >>> original = Predictions(forget=right, retain=right, test=right, val=right)
        >>> proxy_gap(Predictions(forget=wrong, retain=right, test=right, val=right), original)["UA"]
        100.0
    """
    found = accuracies(replace(predictions, test=predictions.val))
    foretold = {
        "UA": _foretold_error(original),
        "RA": accuracy(original.retain),
        "TA": _foretold_accuracy(original),
    }
    parts = {key: _distance(found[key], foretold[key]) for key in foretold}
    parts["MIA"] = _attack_distance(predictions, feature, seed, solver)
    known = [each for each in parts.values() if each is not None]
    return {**parts, "gap": sum(known) / len(known) if len(known) == len(parts) else None}


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
    return "no validation image is of a class of the forget set" if _foretold_error(original) is None else None


def _distance(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else abs(first - second)


def _foretold_error(original: Predictions) -> float | None:
    """Return the error on validation images in %, weighted to the forget set's classes; of those that have any."""
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


def _foretold_accuracy(original: Predictions) -> float | None:
    if not len(original.val.labels):
        return None
    lost = ~np.isin(original.val.labels, original.retain.labels)
    return float(100 * (~(_wrong(original.val) | lost)).mean())


def _wrong(part: Part) -> np.ndarray:
    return np.asarray(part.probs.argmax(1) != part.labels)


def _attack_distance(predictions: Predictions, feature: Feature, seed: int, solver: Solver) -> float | None:
    """Return the distance between the shares of the forget set and of unseen images that are called non-members."""
    retain, val, forget = predictions.retain, predictions.val, predictions.forget
    order = np.random.default_rng(seed).permutation(len(val.labels))
    learned, shown = np.split(order, [len(order) // 2])
    if not len(learned) or not len(retain.labels) or not len(forget.labels):
        return None
    members, nonmembers = attack_sample(len(retain.labels), len(learned), seed)
    nonmembers = learned[nonmembers]
    fitted = (retain.probs[members], retain.labels[members], val.probs[nonmembers], val.labels[nonmembers])
    shares = [
        membership_inference(*fitted, probs, labels, feature, solver)
        for probs, labels in ((forget.probs, forget.labels), (val.probs[shown], val.labels[shown]))
    ]
    return 100 * abs(shares[0] - shares[1])
