"""The noise floor: the distance between Retrains that differ only in their seed, and a method's gap relative to it.

The unit is the mean Average Gap between two Retrains, over all pairs. The standard deviation of each metric is
unsuitable: with two Retrains it comes from one difference and is 0 wherever they agree exactly, so that a mean of four
quotients is undefined. The mean over four metrics is rarely 0, and k Retrains give k (k - 1) / 2 pairs. A model
that is as close to the Retrains as they are to each other has the value 1.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import mean
from typing import Any, Literal, NamedTuple

from medunlearn.metrics.gap import GAP_METRICS, average_gap

Figures = Mapping[str, Any]
Place = Literal["inside", "outside", "further"]
"""Position of a model: inside the band of the Retrains, outside it, or no closer to them than the original is."""


class Floor(NamedTuple):
    """Distance between two Retrains of one forget set, in percentage points.

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
    """Return the noise floor; None with fewer than two Retrains.

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
    """Return the mean distance between two Retrains in each metric, over all pairs; it needs two or more Retrains.

    Example:
        >>> pair_gaps([dict.fromkeys(GAP_METRICS, value) for value in (90.0, 91.0, 93.0)])["RA"]
        2.0
    """
    pairs = [*combinations(retrains, 2)]
    return {key: mean(abs(first[key] - second[key]) for first, second in pairs) for key in GAP_METRICS}


def gap_to_all(figures: Figures, retrains: Sequence[Figures]) -> float:
    """Return the AG of a model to a Retrain, averaged over one or more Retrains.

    Not to the first Retrain alone, which shares its seed, and so its initial weights, with the original.

    Example:
        >>> retrains = [dict.fromkeys(GAP_METRICS, value) for value in (90.0, 92.0)]
        >>> gap_to_all(dict.fromkeys(GAP_METRICS, 95.0), retrains)
        4.0
    """
    return mean(average_gap(figures, retrain) for retrain in retrains)


def place(gap: float, band: float, untouched: float | None) -> Place:
    """Return the position of a model relative to the Retrains.

    Args:
        gap: Its mean AG to all Retrains.
        band: The largest AG between two Retrains.
        untouched: The mean AG of the original to all Retrains; None for the original itself, or if unknown. A model no
            closer than that is `further`, even inside the band.

    Example:
        >>> place(1.0, 1.5, 3.0), place(2.0, 1.5, 3.0), place(3.0, 1.5, 3.0)
        ('inside', 'outside', 'further')
    """
    if untouched is not None and gap >= untouched:
        return "further"
    return "inside" if gap <= band else "outside"
