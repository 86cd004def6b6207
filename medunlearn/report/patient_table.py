"""Figures by patient: a patient counts once, however many images."""

from dataclasses import replace

import numpy as np

from medunlearn.files import exists
from medunlearn.metrics import by_group
from medunlearn.report.experiments import Cell
from medunlearn.report.readings import predictions_of
from medunlearn.report.sections import Section
from medunlearn.report.side_rows import SideRow, mean_text
from medunlearn.runs import RunDir

PATIENT_HEADS = (("patients", ""), ("UA", "near Retrain"), ("recognised", "near Retrain"), ("MIA", "near Retrain"))
PATIENT_LEGEND = (
    "Of patients (or sites, or devices) with forgotten images. UA: mean of each one's error in %. "
    "Recognised: share in % of those with an image that is still classified correctly, near 100 for a Retrain too. "
    "MIA: share in % of those with at least half of their images called never seen. Means over seeds."
)


def patient_table(section: Section) -> list[SideRow]:
    """Return the table of a section; empty if patients are not known.

    Example:
        >>> patient_table(Section("cells", "10 %", "Default"))
        []
    """
    rows = [SideRow(cell.label, _entries(cell)) for cell in section.sound]
    return [row for row in rows if row.entries[0] != "-"]


def _entries(cell: Cell) -> tuple[str, ...]:
    figures = [_figures(str(row.run), str(row.measured_by)) for row in cell.runs.itertuples()]
    patients, *shares = zip(*figures, strict=True)
    return (mean_text(patients, 0), *(mean_text(values, 2) for values in shares))


def _figures(run: str, measured_by: str) -> list[float | None]:
    """Return the figures of one run; None for unknown ones."""
    whose = RunDir(measured_by or run)
    written = whose.read_metrics("report").get("by_group") if exists(whose.metrics) else None
    own = predictions_of(run, measured_by) if written else None  # other runs' predictions need not be read again
    arrays = whose.read_predictions("report") if own is not None and exists(whose.predictions) else {}
    if written is None or own is None or not len(arrays.get("forget_group", ())):
        return [None] * len(PATIENT_HEADS)
    numbers = np.zeros(arrays["forget_index"].max() + 1, dtype=np.int64)
    numbers[arrays["forget_index"]] = arrays["forget_group"]
    found = by_group(replace(own, retain=own.retain.take(np.arange(0))), {"train": numbers}, None)
    unseen = None if measured_by else written.get("MIA")
    return [float(found["n"]["forget"]), found["UA"], found["recognised"], unseen]
