"""Successive halving: stops trials by their proxy gaps, compared at the same share of their schedules.

Under a cosine schedule the learning rate, and with it the gap, is high until shortly before the end: after two epochs,
a trial of five epochs looks worse than a finished one of two, whatever its final result. So trials are compared after
half and after three quarters of their own schedule rather than at an epoch number, and only with trials of the same
config, since some methods damage the model first and repair it later. At half of a cosine a high rate still looks worse
than a low one that ends further away, so only the worst quarter is stopped there; at three quarters, where the rate has
fallen to 15 %, the worse half (measured: benchmarks/evidence/README.md).
"""

import math
from collections.abc import Iterable, Mapping

RUNGS = {50: 3 / 4, 75: 1 / 2}
"""Rungs, percentages of a trial's schedule at which it is compared, and the share of trials that continues at each."""


def rung_reached(before: float, now: float) -> int | None:
    """Return the last rung that a trial has passed in this epoch; None if it has passed none.

    Args:
        before: The share of its schedule, in %, completed before the epoch.
        now: The share, in %, completed after the epoch.

    Example:
        >>> [rung_reached(20 * epoch, 20 * (epoch + 1)) for epoch in range(5)]
        [None, None, 50, 75, None]
        >>> rung_reached(0, 50), rung_reached(0, 100)
        (50, None)
    """
    passed = [rung for rung in RUNGS if before < rung <= now < 100]
    return max(passed, default=None)


def left_behind(gap: float, others: Iterable[Mapping[int, float]], rung: int) -> bool:
    """Return whether a trial is in the worse part of all trials that have reached a rung, itself included.

    Args:
        gap: Its proxy gap at the rung; infinite if the model has diverged.
        others: The gaps of the other trials, by rung.
        rung: The rung.

    Example:
        >>> others = [{75: 3.0}, {75: 5.0}, {50: 1.0}]
        >>> left_behind(4.0, others, rung=75), left_behind(6.0, others, rung=75), left_behind(9.0, [], rung=75)
        (False, True, False)
    """
    if not math.isfinite(gap):
        return True
    there = [other[rung] for other in others if rung in other]
    better = sum(each <= gap for each in there)
    return better >= math.ceil((len(there) + 1) * RUNGS[rung])


def worse_part(rung: int) -> str:
    """Return what is stopped at a rung, for messages.

    Example:
        >>> worse_part(50), worse_part(75)
        ('worst quarter', 'worse half')
    """
    return {3 / 4: "worst quarter", 1 / 2: "worse half"}[RUNGS[rung]]
