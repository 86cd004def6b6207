"""Formats the comparison of runs for the terminal, and writes the report page."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from medunlearn.runs import RunDir

NARROWEST, WIDEST = 40, 120  # columns


def terminal_width(narrowest: int = NARROWEST) -> int:
    """Return the width of the terminal in columns, clipped to `narrowest` and 120.

    Example:
        >>> 60 <= terminal_width(narrowest=60) <= 120
        True
    """
    return min(max(shutil.get_terminal_size((WIDEST, 24)).columns, narrowest), WIDEST)


def terminal_comparison(runs: Iterable[str | Path | RunDir]) -> str:
    """Return the comparison table of finished runs, with its legend wrapped to the terminal's width.

    Raises:
        InputError: If a run is unfinished or damaged.

    Example:
        >>> terminal_comparison([])
        ''
    """
    from medunlearn.report.table import comparison  # imports pandas, which `--help` avoids

    return comparison(runs, width=terminal_width())


def written_report(runs: Iterable[str | Path | RunDir], folder: Path) -> str:
    """Write the report of finished runs; return the path of its page and a command that opens it in a browser.

    Raises:
        InputError: If a run is damaged, runs cannot be distinguished, or the folder cannot be written.
    """
    from medunlearn.report import load  # imports pandas, which `--help` avoids
    from medunlearn.report.render import write_report

    write_report(load(runs), folder)
    page = folder / "report.html"
    # The URI has no spaces and works on Linux, macOS and Windows.
    return f"Report: {page}; open it with\n  python -m webbrowser {page.absolute().as_uri()}"
