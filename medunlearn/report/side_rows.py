"""Shared by the smaller tables of a section: their rows, and means over seeds as texts."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class SideRow(NamedTuple):
    """One method: texts, in the order of the table's heads."""

    label: str
    entries: tuple[str, ...]


def mean_text(values: Sequence[float | None], digits: int) -> str:
    """Return the mean over seeds; a dash where one of them has none.

    Example:
        >>> mean_text([1.0, 2.0], 1), mean_text([1.0, None], 1)
        ('1.5', '-')
    """
    known = [value for value in values if value is not None]
    return f"{np.mean(known):.{digits}f}" if known and len(known) == len(values) else "-"
