from collections.abc import Iterable, Sequence
from typing import Any

from medunlearn.errors import InputError
from medunlearn.metrics import GAP_METRICS, average_gap
from medunlearn.runs import RunDir

COLUMNS = ("run", "method", "UA", "RA", "TA", "MIA", "AG", "RTE (min)")


def comparison(runs: Iterable[RunDir]) -> str:
    """Return the comparison of finished runs as Markdown, one table for each forget set.

    Each of UA, RA, TA and MIA (%) is followed by its distance to the retrained model in brackets; AG is the mean of the
    four distances. A model trained before anything was to be forgotten is measured on the forget set of the runs that
    unlearned from it.

    Args:
        runs: Run directories, in the order of the rows.

    Raises:
        InputError: If a run is unfinished or damaged.
    """
    found = {str(run): _read(run) for run in runs}
    groups: dict[str, dict[str, dict[str, Any]]] = {}
    for name, metrics in found.items():
        if metrics["UA"] is not None:
            groups.setdefault(metrics["split_sha256"], {})[name] = metrics
    shown = {name for group in groups.values() for name in group}
    tables = []
    for group in groups.values():
        originals = _originals(found, group)
        shown |= originals.keys()
        tables.append(_group_table(originals | group))
    if rest := {name: metrics for name, metrics in found.items() if name not in shown}:
        tables.append(_table(_rows(rest, None)))
    return "\n\n".join(tables)


def _originals(found: dict[str, dict[str, Any]], group: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the models that the runs of a group started from, with their metrics on this group's forget set."""
    measured = {run.get("original"): run["before"] for run in group.values() if run.get("before")}
    for name, run in group.items():
        if run.get("original") in found:
            check_original(RunDir(name))
    return {name: metrics | measured[name] for name, metrics in found.items() if name in measured and name not in group}


def check_original(run: RunDir) -> None:
    """Raise `InputError` where the model that a run started from has been made again: the two do not go together."""
    if original := run.remade_original("report"):
        raise InputError(f"report={run}: it started from another model than {original} holds now; run that stage again")


def _group_table(group: dict[str, dict[str, Any]]) -> str:
    reference = next((metrics for metrics in group.values() if metrics["method"] == "Retrain"), None)
    first = next((metrics for metrics in group.values() if metrics["n"]["forget"]), next(iter(group.values())))
    head = (
        f"{first['data']}: {first['n']['forget']} of {first['n']['forget'] + first['n']['retain']} training images "
        f"forgotten (split {first['split_sha256'][:12]})"
    )
    return f"{head}\n\n{_table(_rows(group, reference))}"


def _rows(group: dict[str, dict[str, Any]], reference: dict[str, Any] | None) -> list[list[str]]:
    return [
        [
            name,
            metrics["method"],
            *(
                _with_gap(metrics[key], None if metrics is reference else (reference or {}).get(key))
                for key in GAP_METRICS
            ),
            _average_gap(metrics, reference),
            _number(metrics["RTE"]),
        ]
        for name, metrics in group.items()
    ]


def _average_gap(metrics: dict[str, Any], reference: dict[str, Any] | None) -> str:
    if reference is None or any(each.get(key) is None for each in (metrics, reference) for key in GAP_METRICS):
        return _number(metrics["AG"])
    return "0" if metrics is reference else _number(average_gap(metrics, reference))


def _with_gap(value: float | None, reference: float | None) -> str:
    if value is None or reference is None:
        return _number(value)
    return f"{value:.2f} ({abs(value - reference):.2f})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in (COLUMNS, *rows)) for column in range(len(COLUMNS))]
    left = [True, True] + [False] * (len(COLUMNS) - 2)
    lines = [_line(COLUMNS, widths, left)]
    lines.append(
        "|" + "|".join(f"{'-' * (width + 1)}{'-' if at else ':'}" for width, at in zip(widths, left, strict=True)) + "|"
    )
    return "\n".join(lines + [_line(row, widths, left) for row in rows])


def _line(cells: Sequence[str], widths: Sequence[int], left: Sequence[bool]) -> str:
    padded = (
        cell.ljust(width) if at else cell.rjust(width) for cell, width, at in zip(cells, widths, left, strict=True)
    )
    return f"| {' | '.join(padded)} |"


def _read(run: RunDir) -> dict[str, Any]:
    if not run.finished:
        raise InputError(f"report={run}: holds no finished run; give directories that hold a metrics.json")
    run.check_unaltered("report", hashes_required=False)
    metrics = run.read_metrics("report")
    missing = [key for key in (*GAP_METRICS, "AG", "RTE", "method", "n", "data", "split_sha256") if key not in metrics]
    if missing:
        raise InputError(f"report={run}: {run.metrics} lacks {missing[0]}; run that stage again")
    return metrics
