"""The comparison of runs as it is printed in a terminal."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from medunlearn.runs import RunDir

NARROWEST, WIDEST = 40, 120  # columns


def terminal_width(narrowest: int = NARROWEST) -> int:
    """Return the columns of the terminal, at least `narrowest` and at most 120.

    Example:
        >>> 60 <= terminal_width(narrowest=60) <= 120
        True
    """
    return min(max(shutil.get_terminal_size((WIDEST, 24)).columns, narrowest), WIDEST)


def terminal_comparison(runs: Iterable[str | Path | RunDir]) -> str:
    """Return the comparison of finished runs, its legend wrapped to the terminal's width, at most 120 columns.

    Raises:
        InputError: If a run is unfinished or damaged.

    Example:
        >>> terminal_comparison([])
        ''
    """
    from medunlearn.report.table import comparison  # imports pandas, for which `--help` does not wait

    return comparison(runs, width=terminal_width())
