from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from medunlearn.errors import Fault, InputError
from medunlearn.files import exists
from medunlearn.metrics import GAP_METRICS, average_gap
from medunlearn.runs import RunDir
from medunlearn.runs.commands import command_for
from medunlearn.runs.schema import check_mapping

COLUMNS = ("run", "method", "UA", "RA", "TA", "MIA", "AG", "RTE (min)")


class _Run(NamedTuple):
    name: str
    metrics: dict[str, Any]
    augmentation: Any
    """None where the run keeps no configuration, as one made from Python."""

    def is_at(self, path: str | None) -> bool:
        return path is not None and Path(path).absolute() == Path(self.name).absolute()


class _Row(NamedTuple):
    name: str
    metrics: dict[str, Any]
    reference: dict[str, Any] | None
    """The metrics that the gaps are taken to; None where there are no gaps, as in the reference's own row."""
    gap: str


def comparison(runs: Iterable[RunDir]) -> str:
    """Return the comparison of finished runs as Markdown, one table for each forget set.

    Each of UA, RA, TA and MIA (%) is followed by its distance in brackets to the model retrained on the same split: the
    run's own reference, or else the one under the same preset, seed and attack. AG is the mean of the four distances. A
    model trained before anything was to be forgotten is measured on the forget set of the runs that unlearned from it.

    Args:
        runs: Run directories, in the order of the rows.

    Raises:
        InputError: If a run is unfinished or damaged.
    """
    found = list({str(run): _read(run) for run in runs}.values())
    groups: dict[str, list[_Run]] = {}
    for run in found:
        if run.metrics["UA"] is not None:
            groups.setdefault(run.metrics["split_sha256"], []).append(run)
    shown = {run.name for group in groups.values() for run in group}
    tables = []
    for group in groups.values():
        originals = [run for run in found if run not in group and _measuring(run, group)]
        shown |= {run.name for run in originals}
        for run in group:
            if any(other.is_at(run.metrics.get("original")) for other in found):
                check_original(RunDir(run.name))
        rows = [row for run in originals for row in _original_rows(run, group)]
        tables.append(_group_table(group, rows + [_row(run, group) for run in group]))
    if rest := [run for run in found if run.name not in shown]:
        tables.append(_table([_row(run, []) for run in rest]))
    return "\n\n".join(tables)


def check_original(run: RunDir) -> None:
    """Raise `InputError` where the model that a run started from has been made again: the two do not go together."""
    if original := run.remade_original("report"):
        raise InputError(f"report={run}: it started from another model than {original} holds now; run that stage again")


def attack_settings(metrics: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what two runs must share for their MIA to be compared."""
    attack = metrics.get("attack") or {}
    return tuple(attack.get(key) for key in ("feature", "nonmembers", "seed"))


def _measuring(original: _Run, group: Sequence[_Run]) -> list[_Run]:
    return [run for run in group if run.metrics.get("before") and original.is_at(run.metrics.get("original"))]


def _original_rows(original: _Run, group: Sequence[_Run]) -> list[_Row]:
    """Return a model that runs started from as these measured it: one row, or one for each Retrain and attack."""
    rows: dict[tuple[str | None, str], _Row] = {}
    for run in _measuring(original, group):
        metrics = original.metrics | run.metrics["before"] | {"AG": None}
        reference = _reference(run, group)
        name, theirs = (None, None) if reference is None else (reference.name, reference.metrics)
        gap = _number(None if theirs is None else _gap(metrics, theirs))
        row = _Row(f"{original.name} (before {run.name})", metrics, theirs, gap)
        rows.setdefault((name, str(attack_settings(run.metrics))), row)
    return [row if len(rows) > 1 else row._replace(name=original.name) for row in rows.values()]


def _row(run: _Run, group: Sequence[_Run]) -> _Row:
    reference = _reference(run, group)
    if reference is run:
        return _Row(run.name, run.metrics, None, "0")
    if reference is not None and (gap := _gap(run.metrics, reference.metrics)) is not None:
        return _Row(run.name, run.metrics, reference.metrics, _number(gap))
    other = any(each.is_at(run.metrics.get("reference")) and not _comparable(run, each) for each in group)
    theirs = None if reference is None else reference.metrics
    return _Row(run.name, run.metrics, theirs, _number(None if other else run.metrics["AG"]))


def _reference(run: _Run, group: Sequence[_Run]) -> _Run | None:
    """Return the Retrain that a run is compared with: the one that it names, or else the only one that fits."""
    attacked = [
        other
        for other in group
        if other.metrics["method"] == "Retrain" and attack_settings(other.metrics) == attack_settings(run.metrics)
    ]
    fitting = [other for other in attacked if _comparable(run, other)]
    named = [other for other in attacked if other.is_at(run.metrics.get("reference"))]
    chosen = named or [other for other in fitting if other is run] or fitting
    return chosen[0] if len(chosen) == 1 else None


def _comparable(run: _Run, other: _Run) -> bool:
    return (
        run.metrics.get("seed") == other.metrics.get("seed")
        and attack_settings(run.metrics) == attack_settings(other.metrics)
        and (None in (run.augmentation, other.augmentation) or run.augmentation == other.augmentation)
    )


def _gap(metrics: Mapping[str, Any], reference: Mapping[str, Any]) -> float | None:
    known = all(each.get(key) is not None for each in (metrics, reference) for key in GAP_METRICS)
    return average_gap(metrics, reference) if known else None


def _group_table(group: Sequence[_Run], rows: Sequence[_Row]) -> str:
    first = next((run.metrics for run in group if run.metrics["n"]["forget"]), group[0].metrics)
    head = (
        f"{first['data']}: {first['n']['forget']} of {first['n']['forget'] + first['n']['retain']} training images "
        f"forgotten (split {first['split_sha256'][:12]})"
    )
    return f"{head}\n\n{_table(rows)}"


def _with_gap(value: float | None, reference: float | None) -> str:
    if value is None or reference is None:
        return _number(value)
    return f"{value:.2f} ({abs(value - reference):.2f})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _cells(row: _Row) -> list[str]:
    values = (_with_gap(row.metrics[key], (row.reference or {}).get(key)) for key in GAP_METRICS)
    return [row.name, row.metrics["method"], *values, row.gap, _number(row.metrics["RTE"])]


def _table(measured: Sequence[_Row]) -> str:
    rows = [_cells(row) for row in measured]
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


def _read(run: RunDir) -> _Run:
    check_finished(run)
    run.check_unaltered("report", hashes_required=False)
    metrics = run.read_metrics("report")
    missing = [key for key in (*GAP_METRICS, "AG", "RTE", "method", "n", "data", "split_sha256") if key not in metrics]
    if missing:
        raise InputError(f"report={run}: {run.metrics} lacks {missing[0]}; run that stage again")
    return _Run(str(run), metrics, _augmentation(run))


def _augmentation(run: RunDir) -> Any:
    if not exists(run.config):
        return None
    try:
        return check_mapping(run.read_config("report").get("data"), "data").get("augmentation", "Default")
    except Fault as fault:
        raise InputError(f"report={run}: {run.config}: {fault}") from None


def check_finished(run: RunDir) -> None:
    """Raise `InputError` where a directory holds no finished run."""
    if run.finished:
        return
    if exists(run.config):
        raise InputError(
            f"report={run}: the run there is unfinished; go on with `{command_for(run.path)}`, or leave it out"
        )
    if run.started:
        raise InputError(f"report={run}: the run there is unfinished; run that stage again, or leave it out")
    remedy = "give directories that hold a metrics.json" if run.path.exists() else "there is no such directory"
    raise InputError(f"report={run}: holds no finished run; {remedy}")
