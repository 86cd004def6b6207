"""The comparison in the terminal: Markdown tables, one for each forget set."""

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from math import isnan, nan
from pathlib import Path
from typing import Any

from medunlearn.errors import counted
from medunlearn.metrics import FEW, GAP_METRICS, PART_OF, Floor, largest_error
from medunlearn.metrics.legend import LEGEND
from medunlearn.report.expected import compared
from medunlearn.report.floors import ANOTHER, FURTHER, POOLED, floor_text, pooled
from medunlearn.report.floors import LEGEND as FLOOR_LEGEND
from medunlearn.report.footnotes import footnotes
from medunlearn.report.frame import load, records
from medunlearn.report.markdown import aligned
from medunlearn.runs import RunDir

Row = dict[str, Any]

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
    rows = _named(records(pooled(load(runs))))
    marks, remarks = footnotes(row["notes"] for row in rows)
    for row, mark in zip(rows, marks, strict=True):
        row["method"] += f" [{mark}]" if mark else ""
    own = [row for row in rows if not row["measured_by"]]
    given = {row["run"] for row in own}
    untouched = [row for row in rows if row["measured_by"] and row["run"] in given]
    measured = {(row["run"], row["split_sha256"]) for row in rows if row["measured_by"]}
    shown = [row for row in own if not isnan(row["UA"]) and (row["run"], row["split_sha256"]) not in measured]
    tables = []
    for split in dict.fromkeys(row["split_sha256"] for row in shown):
        group, before = ([row for row in each if row["split_sha256"] == split] for each in (shown, untouched))
        tables.append(_split_table(group, before, width))
    started = {row["run"] for row in untouched}
    rest = [row for row in own if isnan(row["UA"]) and row["run"] not in started]
    tables += [_table(rest, [])] if rest else []
    below = [f"[{number}] {text}" for number, text in enumerate(remarks, 1)]
    legends = [EXPLANATION, *([FLOOR_LEGEND] if any(not isnan(row["floor"]) for row in shown) else [])]
    texts = [*(legends if tables else []), "\n".join(below), *_notes(own), compared(own)]
    return "\n\n".join([*tables, *(_wrapped(text, width) for text in texts if text)])


def _named(rows: Sequence[Row]) -> list[Row]:
    """Return rows with the share of the run time of their Retrain, and the method as the table names it."""
    retrains: dict[str, Row] = {}
    for row in rows:
        if not row["measured_by"] and row["role"] == "retrained":
            retrains.setdefault(row["run"], row)
    named = []
    for row in rows:
        method = row["label"] if row["label"] in FURTHER else row["method"]
        method += ", untouched" if row["measured_by"] else ""
        named.append(row | {"method": method, "time_share": _time_share(row, retrains.get(row["reference"]))})
    return named


def _wrapped(text: str, width: int | None) -> str:
    fill = textwrap.TextWrapper(width or len(text) + 1, break_long_words=False, break_on_hyphens=False).fill
    return "\n".join(map(fill, text.splitlines()))


def _split_table(group: Sequence[Row], untouched: Sequence[Row], width: int | None) -> str:
    first = max(group, key=lambda row: row["n_forget"])
    title = (
        f"{first['data']}: {first['n_forget']} of "
        f"{counted(first['n_forget'] + first['n_retain'], 'training image')} forgotten "
        f"(split {first['split_sha256'][:12]})"
    )
    times = Counter(row["run"] for row in untouched)
    names = [row["run"] + (f" (before {row['measured_by']})" if times[row["run"]] > 1 else "") for row in untouched]
    further = [row for row in group if row["label"] in FURTHER]
    names += [row["run"] + (f" and {n - 1:.0f} more" if (n := row[POOLED]) > 1 else "") for row in further]
    rows = [*untouched, *further, *(row for row in group if row["label"] not in FURTHER)]
    below = (_wrapped(text, width) for text in (*_floors(group), *_uncertain(rows)))
    return "\n\n".join([title, _table(rows, names), *below])


def _time_share(row: Row, retrain: Row | None) -> float:
    """Return the run time of an unlearned model in % of its Retrain's; NaN where they ran on different hardware."""
    comparable = retrain is not None and retrain["RTE"] > 0 and row["hardware"] == retrain["hardware"]
    return 100 * row["RTE"] / retrain["RTE"] if retrain and comparable and row["role"] == "unlearned" else nan


def _floors(rows: Sequence[Row]) -> list[str]:
    """Return how far the Retrains are apart, a line for each first one; empty for fewer than two."""
    known = [row for row in rows if not isnan(row["floor"]) and row["label"] == ANOTHER]
    found = [(row["reference"], Floor(row["retrains"], row["floor"], row["band"])) for row in known]
    return ["\n".join(f"Noise floor, {first}: {floor_text(floor)}" for first, floor in found)] if found else []


def _uncertain(rows: Sequence[Row]) -> list[str]:
    """Return the widest 95 % interval of figures from few images, by part; empty if all have many."""
    found = []
    for part, name in (("forget", "forgotten"), ("retain", "retained"), ("test", "test")):
        keys = [key for key in GAP_METRICS if PART_OF[key] == part]
        images = rows[0][f"n_{part}"]
        values = [row[key] for key in keys for row in rows if not isnan(row[key])]
        widths = [largest_error(value, images) for value in values] if images else []
        if widths and images < FEW:
            text = f"{' and '.join(keys)} of {counted(images, f'{name} image')} up to ± {max(widths):.1f} points"
            found.append(text)
    remedy = "`medunlearn report RUN... --out DIR` writes each"
    return [f"95 % intervals: {', '.join(found)}; {remedy}"] if found else []


def _table(rows: Sequence[Row], names: Sequence[str]) -> str:
    """Return rows as a table, the first ones under other names than their directories'."""
    cells = [_cells(row) for row in rows]
    for line, name in zip(cells, names, strict=False):
        line[0] = name
    left_out = {COLUMNS.index(name) for name, key in OPTIONAL.items() if all(isnan(row[key]) for row in rows)}
    lines = [[cell for at, cell in enumerate(line) if at not in left_out] for line in (COLUMNS, BETTER, *cells)]
    return aligned(lines[0], lines[1:], left=(0, 1))


def _cells(row: Row) -> list[str]:
    retrained = row["reference"] == row["run"]
    values = (_number(row[key]) + ("" if retrained else _gap(row[f"gap_{key}"])) for key in GAP_METRICS)
    gap = "0" if retrained else _number(row["AG"])
    names = str(row["run"]), str(row["method"])
    minutes = _number(row["RTE"]) + _share(row["time_share"])
    return [*names, *values, gap, minutes, _number(row["proxy"]), "-" if retrained else _in_floors(row)]


def _in_floors(row: Row) -> str:
    units = row["AG_retrains"] / row["floor"] if row["floor"] else nan
    return f"{_number(units)} {row['place']}".strip()


def _gap(value: float) -> str:
    return "" if isnan(value) else f" ({value:.2f})"


def _share(value: float) -> str:
    return "" if isnan(value) else f" ({value:.{0 if value >= 10 else 1}f} %)"


def _number(value: float) -> str:
    return "-" if isnan(value) else f"{value:.2f}"


def _notes(rows: Sequence[Row]) -> list[str]:
    """Return why gaps are missing, or are not to the reference: one paragraph with a line per run."""
    noted = [row for row in rows if row["note"]]
    lines = [f"{row['run']}: {'no AG' if isnan(row['AG']) else 'AG'}: {row['note']}" for row in noted]
    return ["\n".join(lines)] if lines else []
