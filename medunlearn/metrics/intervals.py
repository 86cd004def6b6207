"""Uncertainty of percentages of few images: Wilson's interval, and the resulting margin of the Average Gap."""

from collections.abc import Mapping
from functools import cache
from math import hypot, sqrt
from typing import Any

from medunlearn.metrics.gap import GAP_METRICS

FEW = 200
"""Percentages of fewer images than this are shown with their interval."""
PART_OF = {"UA": "forget", "RA": "retain", "TA": "test", "MIA": "forget"}
"""The part of the data whose images each metric counts."""


@cache
def wilson(percent: float, images: int) -> tuple[float, float]:
    """Return the 95 % interval of Wilson (1927) around a share of images, in %.

    Args:
        percent: The share, in %.
        images: The number of images that it is a share of, 1 or more.

    Example:
        >>> [round(limit, 2) for limit in wilson(10.0, 30)]
        [3.46, 25.62]
    """
    from scipy.stats import binomtest  # slow to import

    interval = binomtest(round(percent * images / 100), images).proportion_ci(0.95, method="wilson")
    return 100 * float(interval.low), 100 * float(interval.high)


def prediction_interval(mean: float, deviation: float, count: int) -> tuple[float, float]:
    """Return the interval in which one more value of a normal distribution falls with 95 % probability.

    It is `mean ± t deviation sqrt(1 + 1/count)` with the 97.5 % quantile t of Student's distribution with `count - 1`
    degrees of freedom.

    Args:
        mean: Mean of the values measured.
        deviation: Their sample standard deviation.
        count: How many they are, 2 or more.

    Example:
        >>> [round(limit, 2) for limit in prediction_interval(1.0, 0.2, 3)]
        [0.01, 1.99]
    """
    from scipy.stats import t  # slow to import

    half = float(t.ppf(0.975, count - 1)) * deviation * sqrt(1 + 1 / count)
    return mean - half, mean + half


def half_width(percent: float, images: int) -> float:
    """Return half the width of Wilson's 95 % interval, in percentage points.

    Example:
        >>> round(half_width(10.0, 30), 2)
        11.08
    """
    low, high = wilson(percent, images)
    return (high - low) / 2


def largest_error(percent: float, images: int) -> float:
    """Return how far the farther end of Wilson's 95 % interval lies from the figure, in percentage points.

    Example:
        >>> round(largest_error(100.0, 8), 1)
        32.4
    """
    low, high = wilson(percent, images)
    return max(percent - low, high - percent)


def gap_difference_margin(
    first: Mapping[str, Any], second: Mapping[str, Any], reference: Mapping[str, Any], images: Mapping[str, int]
) -> float:
    """Return what the difference of two Average Gaps must exceed to be more than chance at 95 %, in percentage points.

    The half widths of Wilson's intervals are added in quadrature, as in method 10 of Newcombe (1998), as if all metrics
    were independent. This is conservative, since the errors of models measured on the same images are correlated. The
    reference's half width counts twice for a metric in which it lies between the two models; otherwise it cancels out.

    Args:
        first: UA, RA, TA and MIA of one model, in %.
        second: Those of another model.
        reference: Those of the retrained model that is the reference of both gaps.
        images: Number of forget, retain and test images.

    Example:
        >>> first, second, retrained = ({key: value for key in GAP_METRICS} for value in (90.0, 80.0, 95.0))
        >>> many, few = (dict.fromkeys(("forget", "retain", "test"), count) for count in (10_000, 30))
        >>> [round(gap_difference_margin(first, second, retrained, images), 2) for images in (many, few)]
        [0.49, 8.89]
    """
    widths = []
    for key in GAP_METRICS:
        count = images[PART_OF[key]]
        widths += [half_width(first[key], count), half_width(second[key], count)]
        if min(first[key], second[key]) < reference[key] < max(first[key], second[key]):
            widths.append(2 * half_width(reference[key], count))
    return hypot(*widths) / len(GAP_METRICS)
