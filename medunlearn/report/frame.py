"""Run directories as one pandas frame with a row per run, the source of all tables, pages and figures of a report."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from medunlearn.errors import InputError
from medunlearn.metrics import GAP_METRICS, average_gap, reference_notes
from medunlearn.report.floors import floor_columns, retrains
from medunlearn.report.labels import label_methods, name_classes, tell_apart
from medunlearn.report.reading import find_runs, read_run
from medunlearn.runs import RunDir
from medunlearn.runs.comparable import Pairing, original_of, reference_of, remade_original
from medunlearn.runs.record import Record

ORIGINAL = "Original"
"""Label of an untouched model that was measured on the forget set of a run that started from it."""

COLUMNS = {
    "run": "directory of the run; of an untouched model, that of its training",
    "measured_by": "of an untouched model, the run on whose forget set it was measured; else empty",
    "method": "class of the method",
    "role": "original (saw all images), retrained (never saw the forget set) or unlearned (started from an original)",
    "label": "the method with what departs from its defaults, or Original",
    "data": "name of the data, with size or hash where the runs have several of one name",
    "data_sha256": "SHA-256 of images and labels; empty in older runs",
    "forgotten": "what is forgotten, such as `10 %` or `classes basophil`; empty where nothing is",
    "class_names": "names of the classes, a tuple in the order of the labels; empty where they have none",
    "augmentation": "preset; empty where the run keeps no configuration",
    "seed": "seed of the run",
    "UA": "error on the forget set, %",
    "RA": "accuracy on the retain set, %",
    "TA": "accuracy on the test set, %",
    "TA_retained_classes": "accuracy on test images of classes that are not forgotten as a whole, %; NaN in older runs",
    "MIA": "share of the forget set that the attack calls non-members, %",
    "gap_UA": "distance of UA to the reference's, percentage points; likewise the next three",
    "gap_RA": "percentage points",
    "gap_TA": "percentage points",
    "gap_MIA": "percentage points",
    "AG": "Average Gap, the mean of the four distances, percentage points; of a retrained model 0",
    "AG_retrains": "mean AG to all Retrains that differ in their seed alone and have not failed, points; of one "
    "of these, to the others; NaN where there are fewer than two",
    "floor": "mean AG between two of these Retrains, percentage points",
    "band": "largest AG between two of them, percentage points",
    "retrains": "how many they are; 0 where fewer than two",
    "place": "inside the band, outside it, or further (no nearer to them than the untouched model); else empty",
    "RTE": "run time, minutes; of an untouched model that of its training",
    "epochs": "epochs of the run; of an untouched model those of its training",
    "proxy": "proxy gap, percentage points, of an unlearned model; else NaN",
    "n_forget": "images in the forget set",
    "n_retain": "images in the retain set",
    "n_test": "images in the test set",
    "split_sha256": "hash of data and forget set",
    "original": "directory of the run that it started from; else empty",
    "reference": "directory of the retrained run that the gaps are taken to; else empty",
    "note": "why AG is missing, or is not the distance to the reference; else empty",
    "notes": "remarks of the run on its result, a tuple of sentences",
    "ambiguous": "whether AG could be taken to several retrained runs, and is missing therefore",
    "dataset": "name and size in pixels of an official set, whose file was checked by MD5, such as `bloodmnist 64`",
    "settings": "what seeds of one experiment must share: arguments, image size, epochs, batch size, attack",
    "hardware": "name of the processor or GPU",
    "precision": "such as `bf16-mixed`",
    "torch": "release of torch",
}
"""Name of each column, and its meaning and unit."""

EXPERIMENT = ["data", "forgotten", "augmentation", "label"]
"""What the rows of one experiment share; they differ in their seed."""

NUMBERS = [*GAP_METRICS, "TA_retained_classes", *(f"gap_{key}" for key in GAP_METRICS), "AG", "RTE", "epochs", "proxy"]
NUMBERS += ["AG_retrains", "floor", "band"]
"""Columns of floats, NaN where a value is missing."""


def load(dirs: Iterable[str | Path | RunDir]) -> pd.DataFrame:
    """Return finished runs as a frame, one row a run, in the order given; `COLUMNS` documents the columns.

    Rows of untouched models come last: each original as it was measured on a forget set, before anything was unlearned.
    Mean and sample deviation over seeds are one `groupby` away, see the example.

    Args:
        dirs: Run directories, or directories of them.

    Raises:
        InputError: If a run is unfinished or damaged, or started from another model than its original holds now.

    Example:
        >>> runs = load([])
        >>> runs.groupby(EXPERIMENT)[["UA", "AG"]].agg(["mean", "std"]).columns.tolist()
        [('UA', 'mean'), ('UA', 'std'), ('AG', 'mean'), ('AG', 'std')]
    """
    rows = label_methods(tell_apart(name_classes(read_run(run) for run in find_runs(dirs))))
    records = [row["record"] for row in rows]
    originals: list[dict[str, Any]] = []
    runs = {row["run"]: row for row in rows}
    pairings = [reference_of(record, records) for record in records]
    groups = retrains(rows, pairings)
    for row, pairing in zip(rows, pairings, strict=True):
        row |= {"original": _original(row["record"], records)} | _gaps(row, pairing)
        row["notes"] = _notes(row, row, runs)
        if row["forgotten"] and row["before"]:
            originals.append(_untouched(row, pairing, runs))
    found = rows + _once(originals)
    floor_columns(found, groups)
    frame = pd.DataFrame(found, columns=list(COLUMNS))
    return frame.astype(dict.fromkeys(NUMBERS, float))


def _original(record: Record, records: Sequence[Record]) -> str:
    """Return the directory of a run's original: of the given run with its hash, else the one that the run names."""
    if (remade := remade_original(record, records)) is not None:
        raise InputError(
            f"report={record.path}: it started from another model than {remade.path} holds now; run that stage again"
        )
    found = original_of(record, records)
    return str(found.path) if found else record.original or ""


def _gaps(row: dict[str, Any], pairing: Pairing) -> dict[str, Any]:
    """Return the columns with the distances of a row to the reference of a pairing."""
    reference = pairing.reference
    apart = {key: None if reference is None else abs(row[key] - reference.values[key]) for key in GAP_METRICS}
    return {
        **{f"gap_{key}": gap for key, gap in apart.items()},
        "AG": pairing.AG,
        "reference": "" if reference is None else str(reference.path),
        "note": pairing.reason if row["forgotten"] else "",
        "ambiguous": bool(pairing.rivals),
    }


def _untouched(row: dict[str, Any], pairing: Pairing, runs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the row of a run's untouched original, with its gaps to the run's reference."""
    before, reference = {key: row["before"][key] for key in GAP_METRICS}, pairing.reference
    measured = Pairing(None, None, pairing.reason, pairing.rivals)
    if reference is not None and None not in before.values():
        measured = Pairing(reference, average_gap(before, reference.values))
    trained = runs.get(row["original"], {})
    values = {
        **before,
        **{key: trained.get(key) for key in ("RTE", "epochs")},
        "TA_retained_classes": None,
        "proxy": None,
    }
    own = {"run": row["original"], "measured_by": row["run"], "role": "original", "label": ORIGINAL}
    own |= {"method": trained.get("method", ""), "settings": {"attack": row["settings"]["attack"]}}
    gaps = _gaps(whole := row | own | values, measured)
    return whole | gaps | {"notes": _notes(trained, gaps, runs)}


def _notes(row: dict[str, Any], gaps: dict[str, Any], runs: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    """Return the remarks on a row, and on the reference of its gaps, which may be newer than the run."""
    reference = runs.get(gaps["reference"], {}).get("notes", ())
    said = reference_notes(reference) if gaps["reference"] != row.get("run") else []
    return tuple(dict.fromkeys((*row.get("notes", ()), *said)))


def _once(originals: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each untouched model once for a forget set, preset, seed and reference; without AG only if none has one.

    Gaps to several references are distinguished by the references' names.
    """
    groups: dict[tuple[Any, ...], dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in sorted(originals, key=lambda row: row["AG"] is None):
        same = groups[tuple(row[key] for key in ("run", "split_sha256", "augmentation", "seed"))]
        if not same or row["AG"] is not None:
            same.setdefault(row["reference"], row)
    for same in groups.values():
        if len(same) > 1:
            for reference, row in same.items():
                row["label"] = f"{ORIGINAL} (against {reference})"
    return [row for same in groups.values() for row in same.values()]


def measured_twice(frame: pd.DataFrame) -> "pd.Series[bool]":
    """Return which rows are originals measured on the forget set that also appear as untouched models.

    Example:
        >>> int(measured_twice(load([])).sum())
        0
    """
    untouched = {(row.run, row.split_sha256) for row in frame[frame.measured_by != ""].itertuples()}
    pairs = zip(frame.run, frame.split_sha256, strict=True)
    return pd.Series([pair in untouched for pair in pairs], frame.index, bool) & (frame.measured_by == "")


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame as mappings from column to value.

    Example:
        >>> records(load([]))
        []
    """
    columns = {str(name): frame[name].tolist() for name in frame.columns}  # `to_dict` takes several times as long
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
