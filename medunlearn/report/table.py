"""The comparison in the terminal: Markdown tables, one for each forget set."""

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from medunlearn.errors import counted
from medunlearn.metrics import FEW, GAP_METRICS, PART_OF, Floor, largest_error
from medunlearn.metrics.legend import LEGEND
from medunlearn.report.expected import compared
from medunlearn.report.floors import ANOTHER, FURTHER, POOLED, floor_text, pooled
from medunlearn.report.floors import LEGEND as FLOOR_LEGEND
from medunlearn.report.footnotes import footnotes
from medunlearn.report.frame import load, measured_twice, records
from medunlearn.report.markdown import aligned
from medunlearn.runs import RunDir

COLUMNS = ("run", "method", *GAP_METRICS, "AG", "RTE (min)", "proxy gap", "AG/floor")
BETTER = ("", "", *(LEGEND[key].better for key in (*GAP_METRICS, "AG", "RTE", "proxy gap", "AG/floor")))
OPTIONAL = {"proxy gap": "proxy", "AG/floor": "floor"}
"""Columns that are left out where no row has a value, by the column of the frame."""
EXPLANATION = (
    "UA: error on the forget set, RA and TA: accuracy on the retain and the test set, MIA: forgotten images that the "
    "attack calls non-members, all in %; in brackets the gap, the distance to the retrained model: lower is better; "
    "AG: mean of the four gaps; RTE: run time, in brackets in % of the retrained model's; proxy gap: AG as predicted "
    "from validation images, for where there is no Retrain."
)


def comparison(runs: Iterable[str | Path | RunDir], width: int | None = None) -> str:
    """Return the comparison of finished runs as Markdown.

    The line below the head says which way is better. Remarks on runs are numbered after the method and stand below.
    Each of UA, RA, TA and MIA (%) is followed by its distance in brackets to the retrained model, see
    `medunlearn.runs.comparable`, and RTE by its share of the retrained model's. An original is measured on the
    forget set of the runs that unlearned from it, and shown as the untouched model.

    Args:
        runs: Run directories, in the order of the rows.
        width: Columns that the texts below the tables are wrapped to; by default each is one line.

    Raises:
        InputError: If a run is unfinished or damaged.

    Example:
        >>> comparison([])
        ''
    """
    frame = pooled(load(runs))
    frame["method"] = frame.method.where(~frame.label.isin(FURTHER), frame.label)
    frame.loc[frame.measured_by != "", "method"] += ", untouched"
    frame["time_share"] = _time_shares(frame)
    marks, remarks = footnotes(frame.notes)
    frame["method"] += [f" [{mark}]" if mark else "" for mark in marks]
    own = frame[frame.measured_by == ""]
    untouched = frame[(frame.measured_by != "") & frame.run.isin(own.run)]
    shown = own[own.UA.notna() & ~measured_twice(frame)[own.index]]
    tables = []
    for split, group in shown.groupby("split_sha256", sort=False):
        tables.append(_split_table(group, untouched[untouched.split_sha256 == split], width))
    rest = own[own.UA.isna() & ~own.run.isin(untouched.run)]
    tables += [_table(rest, [])] if len(rest) else []
    below = [f"[{number}] {text}" for number, text in enumerate(remarks, 1)]
    legends = [EXPLANATION, *([FLOOR_LEGEND] if shown.floor.notna().any() else [])]
    texts = [*(legends if tables else []), "\n".join(below), *_notes(own), compared(own)]
    return "\n\n".join([*tables, *(_wrapped(text, width) for text in texts if text)])


def _wrapped(text: str, width: int | None) -> str:
    fill = textwrap.TextWrapper(width or len(text) + 1, break_long_words=False, break_on_hyphens=False).fill
    return "\n".join(map(fill, text.splitlines()))


def _split_table(group: pd.DataFrame, untouched: pd.DataFrame, width: int | None) -> str:
    first = group.sort_values("n_forget", ascending=False, kind="stable").iloc[0]
    several = untouched.run.duplicated(keep=False)
    names = [*untouched.run.where(~several, untouched.run + " (before " + untouched.measured_by + ")")]
    title = (
        f"{first.data}: {first.n_forget} of {counted(first.n_forget + first.n_retain, 'training image')} forgotten "
        f"(split {first.split_sha256[:12]})"
    )
    further = group[group.label.isin(FURTHER)]
    names += [row["run"] + (f" and {n - 1:.0f} more" if (n := row[POOLED]) > 1 else "") for row in records(further)]
    rows = pd.concat([untouched, further, group.drop(further.index)])
    below = (_wrapped(text, width) for text in (*_floors(group), *_uncertain(rows)))
    return "\n\n".join([title, _table(rows, names), *below])


def _time_shares(frame: pd.DataFrame) -> "pd.Series[float]":
    """Return the run time of each unlearned model in % of its Retrain's; NaN where they ran on different hardware."""
    retrains = frame[(frame.measured_by == "") & (frame.role == "retrained")].drop_duplicates("run").set_index("run")
    minutes = frame.reference.map(retrains.RTE)
    comparable = (
        (frame.role == "unlearned") & (minutes > 0) & (frame.hardware == frame.reference.map(retrains.hardware))
    )
    return (100 * frame.RTE / minutes).where(comparable)


def _floors(rows: pd.DataFrame) -> list[str]:
    """Return how far the Retrains are apart, a line for each first one; empty for fewer than two."""
    known = records(rows[rows.floor.notna() & (rows.label == ANOTHER)])
    found = [(row["reference"], Floor(row["retrains"], row["floor"], row["band"])) for row in known]
    return ["\n".join(f"Noise floor, {first}: {floor_text(floor)}" for first, floor in found)] if found else []


def _uncertain(rows: pd.DataFrame) -> list[str]:
    """Return the widest 95 % interval of figures from few images, by part; empty if all have many."""
    found = []
    for part, name in (("forget", "forgotten"), ("retain", "retained"), ("test", "test")):
        keys = [key for key in GAP_METRICS if PART_OF[key] == part]
        images = int(rows[f"n_{part}"].iloc[0])
        widths = [largest_error(value, images) for key in keys for value in rows[key].dropna()] if images else []
        if widths and images < FEW:
            text = f"{' and '.join(keys)} of {counted(images, f'{name} image')} up to ± {max(widths):.1f} points"
            found.append(text)
    remedy = "`medunlearn report RUN... --out DIR` writes each"
    return [f"95 % intervals: {', '.join(found)}; {remedy}"] if found else []


def _table(rows: pd.DataFrame, names: Sequence[str]) -> str:
    """Return rows as a table, the first ones under other names than their directories'."""
    cells = [_cells(row) for row in records(rows)]
    for line, name in zip(cells, names, strict=False):
        line[0] = name
    left_out = {COLUMNS.index(name) for name, key in OPTIONAL.items() if rows[key].isna().all()}
    lines = [[cell for at, cell in enumerate(line) if at not in left_out] for line in (COLUMNS, BETTER, *cells)]
    return aligned(lines[0], lines[1:], left=(0, 1))


def _cells(row: dict[str, Any]) -> list[str]:
    retrained = row["reference"] == row["run"]
    values = (_number(row[key]) + ("" if retrained else _gap(row[f"gap_{key}"])) for key in GAP_METRICS)
    gap = "0" if retrained else _number(row["AG"])
    names = str(row["run"]), str(row["method"])
    minutes = _number(row["RTE"]) + _share(row["time_share"])
    return [*names, *values, gap, minutes, _number(row["proxy"]), "-" if retrained else _in_floors(row)]


def _in_floors(row: dict[str, Any]) -> str:
    units = row["AG_retrains"] / row["floor"] if row["floor"] else float("nan")
    return f"{_number(units)} {row['place']}".strip()


def _gap(value: float) -> str:
    return "" if pd.isna(value) else f" ({value:.2f})"


def _share(value: float) -> str:
    return "" if pd.isna(value) else f" ({value:.{0 if value >= 10 else 1}f} %)"


def _number(value: float) -> str:
    return "-" if pd.isna(value) else f"{value:.2f}"


def _notes(rows: pd.DataFrame) -> list[str]:
    """Return why gaps are missing, or are not to the reference: one paragraph with a line per run."""
    noted = records(rows[rows.note != ""])
    lines = [f"{row['run']}: {'no AG' if pd.isna(row['AG']) else 'AG'}: {row['note']}" for row in noted]
    return ["\n".join(lines)] if lines else []
