"""The distance of a model's figures to those of the retrained model."""

from collections.abc import Mapping
from typing import Any

GAP_METRICS = ("UA", "RA", "TA", "MIA")


def average_gap(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """Return the Average Gap AG: the mean of |UA_a - UA_b|, |RA_a - RA_b|, |TA_a - TA_b|, |MIA_a - MIA_b|.

    Args:
        a: UA, RA, TA and MIA of a method, in %; other keys are ignored.
        b: The same of its reference, the retrained model.

    Returns:
        The gap in percentage points, 0 or more; lower is better.

    Raises:
        ValueError: If one of the four is missing or None.

    Example:
        >>> retrained = {"UA": 0.84, "RA": 99.80, "TA": 98.57, "MIA": 1.76}
        >>> unlearned = {"UA": 0.00, "RA": 99.92, "TA": 98.89, "MIA": 0.17}
        >>> round(average_gap(unlearned, retrained), 2)
        0.72
    """
    for name, metrics in (("a", a), ("b", b)):
        missing = [key for key in GAP_METRICS if metrics.get(key) is None]
        if missing:
            raise ValueError(
                f"Expected argument `{name}` to hold {', '.join(GAP_METRICS)}, but {missing[0]} is missing"
            )
    return float(sum(abs(a[key] - b[key]) for key in GAP_METRICS) / len(GAP_METRICS))
