"""Successive halving: which trials are worth going on with, by their proxy gaps at the same share of their schedule.

Under a cosine the learning rate is high until the end, and with it the gap: after two epochs a schedule of five looks
worse than one of two, which has ended, whatever becomes of it. So trials are compared not at an epoch's number but
after a quarter and after half of their own schedule; and only with trials of their own config, since some methods
begin with damage that they mend later.
"""

import math
from collections.abc import Iterable, Mapping

RUNGS = (25, 50)
"""Percent of a trial's schedule after which it is compared; at each, half of the trials go on."""


def rung_reached(before: float, now: float) -> int | None:
    """Return the rung that a trial has come to: the last one that it has passed in this epoch; None for none.

    Args:
        before: The share of its schedule, in percent, that it had gone through before the epoch.
        now: The share that it has gone through now.

    Example:
        >>> [rung_reached(20 * epoch, 20 * (epoch + 1)) for epoch in range(5)]
        [None, 25, 50, None, None]
        >>> rung_reached(0, 50), rung_reached(0, 100)
        (50, None)
    """
    passed = [rung for rung in RUNGS if before < rung <= now < 100]
    return max(passed, default=None)


def left_behind(gap: float, others: Iterable[Mapping[int, float]], rung: int) -> bool:
    """Return whether a trial is in the worse half of those that have come to a rung, itself included.

    Args:
        gap: Its proxy gap there; infinite where the model has diverged.
        others: The gaps of the other trials, by rung.
        rung: The rung.

    Example:
        >>> others = [{25: 3.0}, {25: 5.0}, {50: 1.0}]
        >>> left_behind(4.0, others, rung=25), left_behind(6.0, others, rung=25), left_behind(9.0, [], rung=25)
        (False, True, False)
    """
    if not math.isfinite(gap):
        return True
    there = [other[rung] for other in others if rung in other]
    better = sum(each <= gap for each in there)
    return better >= math.ceil((len(there) + 1) / 2)
