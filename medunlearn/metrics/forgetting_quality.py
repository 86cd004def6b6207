"""The forgetting quality of the NeurIPS 2023 challenge: how well unlearned and retrained models are distinguished."""

import numpy as np

CAP = 50.0
"""The largest epsilon, returned where a rule separates the two groups without error."""
BUFFER = 2.0
"""Largest distance between an end of the interval and the corresponding end of the narrower group."""
NARROW = 0.01
"""Ratio of the two ranges below which the narrower group counts as separated."""


def epsilons(unlearned: np.ndarray, retrained: np.ndarray, delta: float = 1e-5) -> np.ndarray:
    """Return for each image an estimate of epsilon from N unlearned and N retrained models.

    An attacker knows an image's margins under both groups and decides by one threshold (above it: the group with the
    larger median) or by an interval (inside it: the group with the smaller range). A rule with the error rates FPR and
    FNR implies epsilon >= max(log((1 - delta - FPR) / FNR), log((1 - delta - FNR) / FPR)); the best rule counts
    (Triantafillou et al. 2024, arXiv 2406.09073). A rule without any error gives `CAP`, and so does a group whose range
    is below 1 % of the other's. A rule with one error rate of 0 and the other above 0 is skipped, since so few models
    cannot establish a rate of 0.

    The challenge tries 100 thresholds per unit of margin. Here every distinct threshold and interval within its limits
    is tried, the limit of an ever finer grid, so a value is never below that of the grid.

    The estimate is a lower bound from one statistic, not a proof that epsilon is small. Even models from the same
    distribution get an epsilon above 0, by chance: report that of two groups of retrained models beside it.

    Args:
        unlearned: Margins of the true class (`margins`) of each image under each unlearned model, (N, I).
        retrained: The same under each retrained model, (N, I).
        delta: The delta of (epsilon, delta)-indistinguishability, in [0, 1).

    Returns:
        (I,), from 0 to 50; 0 where no rule is left.

    Raises:
        ValueError: If shapes differ, there is no model or image, a margin is not finite, or delta is out of range.

    Example:
        >>> few, many = [0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 1.0]
        >>> epsilons(np.array([few, few]).T, np.array([few, many]).T).round(3)
        array([0.   , 1.099])
    """
    if not 0 <= delta < 1:
        raise ValueError(f"Expected argument `delta` to be at least 0 and below 1, but got {delta}")
    first, second = _checked(unlearned, retrained)
    return np.array([_epsilon(*image, delta) for image in zip(first.T, second.T, strict=True)])


def forgetting_quality(unlearned: np.ndarray, retrained: np.ndarray, delta: float = 1e-5) -> float:
    """Return the forgetting quality: the mean over images of 2^-k, where epsilon lies in [k / 2, k / 2 + 1 / 2).

    Images whose epsilon reaches ceil(log(N - 1)), more than N models can establish, count as 0. The challenge
    multiplies the quality by the ratios of retain and test accuracy to those of the retrained models (arXiv
    2406.09073).

    Args:
        unlearned: Margins, (N, I); see `epsilons`. N is 3 or more.
        retrained: Margins, (N, I).
        delta: See `epsilons`.

    Returns:
        From 0 (every image can be distinguished) to 1 (none can).

    Raises:
        ValueError: As `epsilons`, and with fewer than three models in a group.

    Example:
        >>> models = np.random.default_rng(0).normal(size=(100, 5))
        >>> forgetting_quality(models, models), forgetting_quality(models, models + 20)
        (1.0, 0.0)
    """
    count = len(unlearned)
    if count < 3:
        raise ValueError(f"Expected argument `unlearned` to hold margins of at least 3 models, but got {count}")
    steps = np.floor(2 * epsilons(unlearned, retrained, delta))
    known = steps < 2 * np.ceil(np.log(count - 1))
    return float(np.where(known, 0.5**steps, 0.0).mean())


def _checked(unlearned: np.ndarray, retrained: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(unlearned, np.float64), np.asarray(retrained, np.float64)
    if first.ndim != 2 or first.shape != second.shape or not first.size:
        raise ValueError(
            "Expected arguments `unlearned` and `retrained` to have the same shape (N, I) with N and I of at least 1, "
            f"but got {first.shape} and {second.shape}"
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("Expected arguments `unlearned` and `retrained` to be finite")
    return first, second


def _epsilon(unlearned: np.ndarray, retrained: np.ndarray, delta: float) -> float:
    """Return the epsilon of one image from its margins under N models of each group."""
    ranges = sorted([np.ptp(unlearned), np.ptp(retrained)])
    if ranges[0] < NARROW * ranges[1]:
        return CAP
    larger = np.median(retrained) > np.median(unlearned)
    positive, negative = (retrained, unlearned) if larger else (unlearned, retrained)
    rules = (_threshold_errors(positive, negative), _interval_errors(positive, negative))
    fpr, fnr = (np.concatenate(rates) for rates in zip(*rules, strict=True))
    return _largest(fpr, fnr, delta)


def _threshold_errors(positive: np.ndarray, negative: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return FPR and FNR of each rule `margin >= threshold`, (T,) each."""
    thresholds = np.union1d(positive, negative)
    return 1 - _share_below(negative, thresholds), _share_below(positive, thresholds)


def _interval_errors(positive: np.ndarray, negative: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return FPR and FNR, (T,) each, of rules `left <= margin <= right` for the group with the smaller range.

    The right end lies within `BUFFER` of that group's largest margin, and the left one within `BUFFER` of the right one
    less its range. Two intervals that hold the same margins are one rule, so each pair of a smallest and a largest
    margin is tried if some allowed interval holds exactly the margins between them.
    """
    narrow, wide = (negative, positive) if np.ptp(positive) >= np.ptp(negative) else (positive, negative)
    values = np.union1d(narrow, wide)
    previous, following = np.append(-np.inf, values[:-1]), np.append(values[1:], np.inf)
    width, end = np.ptp(narrow), narrow.max()
    least, most = np.maximum(values, end - BUFFER), np.minimum(following, end + BUFFER)  # limits of the right end
    reachable = (least < following) & (least <= end + BUFFER)
    left_fits = (values[:, None] >= least - width - BUFFER) & (previous[:, None] < most - width + BUFFER)
    first, last = np.nonzero(left_fits & reachable & (values[:, None] <= values))
    inside = [
        _share_below(group, values, "right")[last] - _share_below(group, values)[first] for group in (wide, narrow)
    ]
    return inside[0], 1 - inside[1]


def _share_below(group: np.ndarray, values: np.ndarray, side: str = "left") -> np.ndarray:
    """Return the share of a group below each value, or at most each value where `side` is "right"."""
    return np.searchsorted(np.sort(group), values, side=side) / len(group)  # type: ignore[call-overload,no-any-return]


def _largest(fpr: np.ndarray, fnr: np.ndarray, delta: float) -> float:
    """Return the largest epsilon of rules with these error rates."""
    if ((fpr == 0) & (fnr == 0)).any():
        return CAP
    usable = (fpr > 0) & (fnr > 0)
    fpr, fnr = fpr[usable], fnr[usable]
    with np.errstate(divide="ignore"):  # log 0 is -inf, below every other
        found = [np.log(np.maximum(1 - delta - one, 0)) - np.log(other) for one, other in ((fpr, fnr), (fnr, fpr))]
    return float(np.clip(np.max(found, initial=0.0), 0.0, CAP))
