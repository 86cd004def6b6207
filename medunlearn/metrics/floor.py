"""The noise floor: how far Retrains that differ in their seed alone are apart, and where a method's gap lies to that.

The unit is the mean Average Gap between two Retrains, over all pairs. It is not a standard deviation of each metric: of
two Retrains that would rest on one difference, be 0 wherever they agree to the image, and no mean of four such
quotients could be used. A mean over four metrics is rarely 0, and with k Retrains it rests on k (k - 1) / 2 pairs.
A model as near to the Retrains as they are to each other is at 1.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import mean
from typing import Any, Literal, NamedTuple

from medunlearn.metrics.gap import GAP_METRICS, average_gap

Figures = Mapping[str, Any]
Place = Literal["inside", "outside", "further"]
"""Where a model lies: inside the band of the Retrains, outside it, or no nearer to them than the untouched model."""


class Floor(NamedTuple):
    """How far two Retrains of one forget set are apart, in percentage points.

    Example:
        >>> Floor(retrains=2, mean=1.5, largest=1.5).largest
        1.5
    """

    retrains: int
    mean: float
    """The mean AG over all pairs."""
    largest: float
    """The largest AG of a pair: the end of the band."""


def noise_floor(retrains: Sequence[Figures]) -> Floor | None:
    """Return the noise floor; None of fewer than two Retrains.

    Args:
        retrains: UA, RA, TA and MIA of each, in %.

    Example:
        >>> retrains = [dict.fromkeys(GAP_METRICS, value) for value in (90.0, 91.0, 93.0)]
        >>> noise_floor(retrains)
        Floor(retrains=3, mean=2.0, largest=3.0)
    """
    gaps = [average_gap(first, second) for first, second in combinations(retrains, 2)]
    return Floor(len(retrains), mean(gaps), max(gaps)) if gaps else None


def pair_gaps(retrains: Sequence[Figures]) -> dict[str, float]:
    """Return the mean distance of two Retrains in each metric, over all pairs; of two or more.

    Example:
        >>> pair_gaps([dict.fromkeys(GAP_METRICS, value) for value in (90.0, 91.0, 93.0)])["RA"]
        2.0
    """
    pairs = [*combinations(retrains, 2)]
    return {key: mean(abs(first[key] - second[key]) for first, second in pairs) for key in GAP_METRICS}


def gap_to_all(figures: Figures, retrains: Sequence[Figures]) -> float:
    """Return the mean AG of a model to each of the Retrains, of one or more.

    To all and not to the first alone: that one shares its seed, and so its first weights, with the original.

    Example:
        >>> retrains = [dict.fromkeys(GAP_METRICS, value) for value in (90.0, 92.0)]
        >>> gap_to_all(dict.fromkeys(GAP_METRICS, 95.0), retrains)
        4.0
    """
    return mean(average_gap(figures, retrain) for retrain in retrains)


def place(gap: float, band: float, untouched: float | None) -> Place:
    """Return where a model lies.

    Args:
        gap: Its mean AG to all Retrains.
        band: The largest AG between two Retrains.
        untouched: The mean AG of the untouched model to all Retrains; None of the untouched model itself, or where it
            is not known. No nearer than that is `further`, also where it lies inside the band.

    Example:
        >>> place(1.0, 1.5, 3.0), place(2.0, 1.5, 3.0), place(3.0, 1.5, 3.0)
        ('inside', 'outside', 'further')
    """
    if untouched is not None and gap >= untouched:
        return "further"
    return "inside" if gap <= band else "outside"
