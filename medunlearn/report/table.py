"""The comparison that is printed in the terminal: Markdown tables, one for each forget set."""

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from medunlearn.metrics import GAP_METRICS
from medunlearn.report.frame import load, records
from medunlearn.runs import RunDir

COLUMNS = ("run", "method", *(f"{key} (gap ↓)" for key in GAP_METRICS), "AG ↓", "RTE (min) ↓")
LEGEND = (
    "UA: error on the forget set, RA and TA: accuracy on the retain and the test set, MIA: forgotten images that the "
    "attack calls non-members, all in % and best where they are nearest to the retrained model's; gap: distance to it; "
    "AG: mean of the four gaps; RTE: run time; ↓: lower is better."
)


def comparison(runs: Iterable[str | Path | RunDir], width: int | None = None) -> str:
    """Return the comparison of finished runs as Markdown.

    Each of UA, RA, TA and MIA (%) is followed by its distance in brackets to the retrained model, see
    `medunlearn.runs.comparable`. A model trained before anything was to be forgotten is shown as it was measured on the
    forget set of the runs that unlearned from it.

    Args:
        runs: Run directories, in the order of the rows.
        width: Columns that the legend below the tables is wrapped to; by default it is one line.

    Raises:
        InputError: If a run is unfinished or damaged.

    Example:
        >>> comparison([])
        ''
    """
    frame = load(runs)
    own = frame[frame.measured_by == ""]
    untouched = frame[(frame.measured_by != "") & frame.run.isin(own.run)]
    shown = own[own.UA.notna()]
    tables = []
    for split, group in shown.groupby("split_sha256", sort=False):
        tables.append(_split_table(group, untouched[untouched.split_sha256 == split]))
    rest = own[own.UA.isna() & ~own.run.isin(untouched.run)]
    tables += [_table(rest, [])] if len(rest) else []
    legend = LEGEND if width is None else textwrap.fill(LEGEND, width, break_on_hyphens=False)
    return "\n\n".join([*tables, *([legend] if tables else []), *_notes(own)])


def _split_table(group: pd.DataFrame, untouched: pd.DataFrame) -> str:
    first = group.sort_values("n_forget", ascending=False, kind="stable").iloc[0]
    several = untouched.run.duplicated(keep=False)
    names = untouched.run.where(~several, untouched.run + " (before " + untouched.measured_by + ")")
    head = (
        f"{first.data}: {first.n_forget} of {first.n_forget + first.n_retain} training images forgotten "
        f"(split {first.split_sha256[:12]})"
    )
    return f"{head}\n\n{_table(pd.concat([untouched, group]), [*names])}"


def _table(rows: pd.DataFrame, names: Sequence[str]) -> str:
    """Return rows as a table, the first ones under other names than their directories'."""
    cells = [_cells(row) for row in records(rows)]
    for line, name in zip(cells, names, strict=False):
        line[0] = name
    widths = [max(len(line[column]) for line in ([*COLUMNS], *cells)) for column in range(len(COLUMNS))]
    rule = [f"{'-' * (width + 1)}{'-' if column < 2 else ':'}" for column, width in enumerate(widths)]
    return "\n".join([_line(COLUMNS, widths), f"|{'|'.join(rule)}|", *(_line(line, widths) for line in cells)])


def _cells(row: dict[str, Any]) -> list[str]:
    retrained = row["reference"] == row["run"]
    values = (_number(row[key]) + ("" if retrained else _gap(row[f"gap_{key}"])) for key in GAP_METRICS)
    return [str(row["run"]), str(row["method"]), *values, "0" if retrained else _number(row["AG"]), _number(row["RTE"])]


def _gap(value: float) -> str:
    return "" if pd.isna(value) else f" ({value:.2f})"


def _number(value: float) -> str:
    return "-" if pd.isna(value) else f"{value:.2f}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(widths[at]) if at < 2 else cell.rjust(widths[at]) for at, cell in enumerate(cells))
    return f"| {' | '.join(padded)} |"


def _notes(rows: pd.DataFrame) -> list[str]:
    """Return why a gap is missing, or is not what one expects: one paragraph, a line a run."""
    noted = records(rows[rows.note != ""])
    lines = [f"{row['run']}: {'no AG' if pd.isna(row['AG']) else 'AG'}: {row['note']}" for row in noted]
    return ["\n".join(lines)] if lines else []
