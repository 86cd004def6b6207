"""ROC curve of scores for members and non-members, statistics of it, and their confidence intervals.

TPR and FPR are the shares of members and of non-members that score at least a threshold.
"""

from collections.abc import Sequence
from math import expm1, log
from typing import NamedTuple

import numpy as np
from scipy.special import betaincinv

from medunlearn.metrics.resampling import as_scores, check_share, drawn_weights, group_numbers

AT_ONCE = 16_000
"""How many counts of images a bootstrap holds at once, few enough for the cache of a processor."""


class Roc(NamedTuple):
    """A ROC curve: a point for each threshold, from (0, 0) to (1, 1), neither coordinate ever falling.

    Example:
        >>> Roc(fpr=np.array([0.0, 1.0]), tpr=np.array([0.0, 1.0])).tpr
        array([0., 1.])
    """

    fpr: np.ndarray
    """(T,) float64: shares of non-members."""
    tpr: np.ndarray
    """(T,) float64: shares of members."""


def roc(members: np.ndarray, nonmembers: np.ndarray) -> Roc:
    """Return the ROC curve of scores, with a point for each distinct one.

    Args:
        members: Scores of members, shape (M,); infinite ones are allowed.
        nonmembers: Scores of non-members, shape (N,).

    Raises:
        ValueError: If a side is empty, has another number of dimensions than one, or holds NaN.

    Example:
        >>> curve = roc(members=np.array([3.0, 1.0]), nonmembers=np.array([2.0, 1.0]))
        >>> curve.fpr, curve.tpr
        (array([0. , 0. , 0.5, 1. ]), array([0. , 0.5, 0.5, 1. ]))
    """
    (inside, outside), count = _ranks(members, nonmembers)
    return _curve(np.bincount(inside, minlength=count), np.bincount(outside, minlength=count))


def auc(members: np.ndarray, nonmembers: np.ndarray) -> float:
    """Return the area under the ROC curve: the chance that a member scores higher than a non-member; ties count half.

    Shapes and errors are those of `roc`.

    Example:
        >>> auc(members=np.array([3.0, 1.0]), nonmembers=np.array([2.0, 1.0]))
        0.625
    """
    (inside, outside), count = _ranks(members, nonmembers)
    return float(_area(np.bincount(inside, minlength=count), np.bincount(outside, minlength=count)))


def balanced_accuracy(curve: Roc) -> float:
    """Return the best balanced accuracy over all thresholds: the largest (TPR + 1 - FPR) / 2.

    The threshold is chosen on the same scores, so the result exceeds 0.5 by chance alone, by more with fewer images.

    Example:
        >>> balanced_accuracy(roc(members=np.array([3.0, 1.0]), nonmembers=np.array([2.0, 1.0])))
        0.75
    """
    return float((1 + np.max(curve.tpr - curve.fpr)) / 2)


def tpr_at(curve: Roc, level: float) -> float:
    """Return the largest TPR whose FPR is at most the level: not the nearest FPR, and without interpolation.

    Args:
        curve: Of the attack.
        level: The largest false positive rate, from 0 to 1.

    Raises:
        ValueError: If the level is not from 0 to 1.

    Example:
        >>> curve = roc(members=np.array([4.0, 2.5]), nonmembers=np.array([3.0, 2.0]))
        >>> [tpr_at(curve, level) for level in (0.0, 0.49, 0.5)]
        [0.5, 0.5, 1.0]
    """
    check_share("level", level)
    return float(curve.tpr[np.searchsorted(curve.fpr, level, side="right") - 1])


def clopper_pearson(hits: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Return the exact limits, in [0, 1], of a share such as a TPR at a fixed threshold (Clopper & Pearson, 1934).

    Args:
        hits: How many of the trials, from 0 to `trials`.
        trials: 1 or more.
        level: Least probability that the interval covers the share.

    Raises:
        ValueError: If there are no trials, more hits than trials, or the level is not from 0 to 1.

    Example:
        >>> [round(limit, 4) for limit in clopper_pearson(0, 100)]
        [0.0, 0.0362]
    """
    if not 0 <= hits <= trials or trials < 1:
        raise ValueError(f"Expected argument `hits` to be from 0 to `trials`, 1 or more, but got {hits} of {trials}")
    check_share("level", level)
    tail = (1 - level) / 2
    low = betaincinv(hits, trials - hits + 1, tail) if hits else 0.0
    high = betaincinv(hits + 1, trials - hits, 1 - tail) if hits < trials else 1.0
    return float(low), float(high)


def can_show(level: float, nonmembers: int) -> bool:
    """Return whether a number of non-members is enough to show that a false positive rate is at most `level`.

    With none of n called a member, the 95 % upper limit of the rate is 1 - 0.05^(1 / n), about 3 / n (the "rule of
    three"): 299 non-members can show 1 %, and it takes 2,995 for 0.1 %.

    Args:
        level: The false positive rate, from 0 to 1.
        nonmembers: Their number.

    Raises:
        ValueError: If the level is not from 0 to 1.

    Example:
        >>> can_show(0.01, nonmembers=300), can_show(0.001, nonmembers=1200)
        (True, False)
    """
    check_share("level", level)
    return nonmembers > 0 and -expm1(log(0.05) / nonmembers) <= level  # 1 - 0.05^(1 / n)


def bootstrap(
    members: np.ndarray,
    nonmembers: np.ndarray,
    levels: Sequence[float] = (0.1, 0.01, 0.001),
    draws: int = 1000,
    seed: int = 0,
    member_groups: np.ndarray | None = None,
    nonmember_groups: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Return statistics of the ROC curve for bootstrap draws of the images.

    If images of one patient are similar, draw whole patients: drawing single images makes the interval too narrow. With
    one image or group on a side, every draw of it is the same. Members and non-members are drawn independently, even if
    a patient is among both.

    Args:
        members: Scores of members, shape (M,).
        nonmembers: Scores of non-members, shape (N,).
        levels: False positive rates of `tpr_at`.
        draws: Number of draws, 1 or more.
        seed: Seed of the draws: with the same seed, the same images are drawn for two models.
        member_groups: The group (patient) of each member, shape (M,); None to draw images.
        nonmember_groups: The same for each non-member, shape (N,).

    Returns:
        By name, `auc`, `balanced_accuracy` and `tpr@0.1` for each level, the figure of each draw, shape (draws,).

    Raises:
        ValueError: As `roc` and `tpr_at`; if there are no draws, or groups for another number of images.

    Example:
        >>> drawn = bootstrap(members=np.arange(50) + 20.0, nonmembers=np.arange(50) + 0.0, draws=200)
        >>> [*drawn]
        ['auc', 'balanced_accuracy', 'tpr@0.1', 'tpr@0.01', 'tpr@0.001']
        >>> from medunlearn.metrics import interval
        >>> low, high = interval(drawn["auc"])
        >>> 0.7 < low < auc(np.arange(50) + 20.0, np.arange(50) + 0.0) < high < 0.95
        True
    """
    if draws < 1:
        raise ValueError(f"Expected argument `draws` to be 1 or more, but got {draws}")
    ranks, count = _ranks(members, nonmembers)
    groups = [group_numbers("member_groups", member_groups, len(ranks[0]))]
    groups += [group_numbers("nonmember_groups", nonmember_groups, len(ranks[1]))]
    for level in levels:
        check_share("level", level)
    rng, at_once, found = np.random.default_rng(seed), max(1, AT_ONCE // count), []
    for start in range(0, draws, at_once):
        counts = np.empty((2, min(at_once, draws - start), count))
        for drawn in counts.swapaxes(0, 1):
            for side, rank, group in zip(drawn, ranks, groups, strict=True):
                side[:] = np.bincount(rank, drawn_weights(group, rng), count)
        found.append(_statistics(counts[0], counts[1], levels))
    names = "auc", "balanced_accuracy", *(f"tpr@{level:g}" for level in levels)
    return dict(zip(names, np.concatenate(found, axis=1), strict=True))


def _statistics(members: np.ndarray, nonmembers: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Return AUC, balanced accuracy and TPR at each level, shape (2 + levels, draws), of counts (draws, T)."""
    fpr, tpr = _curve(members, nonmembers)
    last = np.array([np.searchsorted(row, levels, side="right") - 1 for row in fpr])
    at_levels = np.take_along_axis(tpr, last, axis=-1).T
    return np.stack([_area(members, nonmembers), (1 + np.max(tpr - fpr, axis=-1)) / 2, *at_levels])


def _ranks(members: np.ndarray, nonmembers: np.ndarray) -> tuple[list[np.ndarray], int]:
    """Return the rank of each score among the distinct ones, the highest first, for both sides; and their number."""
    sides = [as_scores("members", members), as_scores("nonmembers", nonmembers)]
    distinct, places = np.unique(np.concatenate(sides), return_inverse=True)
    return np.split(len(distinct) - 1 - places, [len(sides[0])]), len(distinct)


def _curve(members: np.ndarray, nonmembers: np.ndarray) -> Roc:
    """Return the curves of the numbers of images at each distinct score, the highest first, shape (..., T)."""
    sides = [np.concatenate([np.zeros_like(side[..., :1]), side], axis=-1) for side in (nonmembers, members)]
    fpr, tpr = (np.cumsum(side, axis=-1) for side in sides)
    return Roc(fpr / fpr[..., -1:], tpr / tpr[..., -1:])


def _area(members: np.ndarray, nonmembers: np.ndarray) -> np.ndarray:
    """Return the areas under the curves of numbers of images, shape (..., T): sums of integers, without rounding."""
    above = np.cumsum(members, axis=-1)  # members at or above each score
    pairs = above[..., -1] * nonmembers.sum(axis=-1)
    return np.asarray((nonmembers * (2 * above - members)).sum(axis=-1) / (2 * pairs))
