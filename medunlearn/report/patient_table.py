"""Figures by patient: a patient counts once, however many images."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from medunlearn.files import exists
from medunlearn.metrics import by_group
from medunlearn.report.experiments import Cell
from medunlearn.report.readings import predictions_of
from medunlearn.report.sections import Section
from medunlearn.runs import RunDir

PATIENT_HEADS = (("patients", ""), ("UA", "near Retrain"), ("recognised", "near Retrain"), ("MIA", "near Retrain"))
PATIENT_LEGEND = (
    "Of patients (or sites, or devices) with forgotten images. UA: mean of each one's error in %. "
    "Recognised: share in % of those with an image that is still classified correctly, near 100 for a Retrain too. "
    "MIA: share in % of those of whose images at least half are called never seen. Means over seeds."
)


class PatientRow(NamedTuple):
    """One method: texts, in the order of `PATIENT_HEADS`."""

    label: str
    entries: tuple[str, ...]


def patient_table(section: Section) -> list[PatientRow]:
    """Return the table of a section; empty where no table said whose an image is.

    Example:
        >>> patient_table(Section("cells", "10 %", "Default"))
        []
    """
    rows = [PatientRow(cell.label, _entries(cell)) for cell in section.sound]
    return [row for row in rows if row.entries[0] != "-"]


def _entries(cell: Cell) -> tuple[str, ...]:
    figures = [_figures(str(row.run), str(row.measured_by)) for row in cell.runs.itertuples()]
    return (_mean([each[0] for each in figures], 0), *(_mean([each[at] for each in figures], 2) for at in (1, 2, 3)))


def _figures(run: str, measured_by: str) -> list[float | None]:
    """Return the figures of one run; None for what is not known of it."""
    own, whose = predictions_of(run, measured_by), RunDir(measured_by or run)
    arrays = whose.read_predictions("report") if own is not None and exists(whose.predictions) else {}
    if own is None or not len(arrays.get("forget_group", ())):
        return [None] * len(PATIENT_HEADS)
    numbers = np.zeros(arrays["forget_index"].max() + 1, dtype=np.int64)
    numbers[arrays["forget_index"]] = arrays["forget_group"]
    found = by_group(replace(own, retain=own.retain.take(np.arange(0))), {"train": numbers}, None)
    written = {} if measured_by else whose.read_metrics("report").get("by_group") or {}
    return [float(found["n"]["forget"]), found["UA"], found["recognised"], written.get("MIA")]


def _mean(values: Sequence[float | None], digits: int) -> str:
    known = [value for value in values if value is not None]
    return f"{np.mean(known):.{digits}f}" if known and len(known) == len(values) else "-"
