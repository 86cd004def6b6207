"""The audit table of a report: are forgotten images distinguishable, and are outputs close to those of a Retrain?"""

import numpy as np

from medunlearn.metrics import Predictions, auc, jensen_shannon, signal
from medunlearn.report.experiments import Cell
from medunlearn.report.readings import predictions_of
from medunlearn.report.sections import Section
from medunlearn.report.side_rows import SideRow, mean_text

PARTS = ("forget", "retain", "test")
HEADS = (
    ("AUC", "near Retrain"),
    *((f"distance, {part}", "lower") for part in PARTS),
)
LEGEND = (
    "AUC: how well margins tell forgotten images from test images, 0.5 is guessing. Distance: mean Jensen-Shannon "
    "divergence of the answers to those of Retrain, in thousandths of a nat; for another Retrain it is the effect of "
    "the seed alone. Means over seeds. More attacks, intervals and single images: medunlearn audit."
)


def audit_table(section: Section) -> list[SideRow]:
    """Return the table of a section; empty where its runs have no predictions.

    Example:
        >>> audit_table(Section("cells", "10 %", "Default"))
        []
    """
    rows = [SideRow(cell.label, _entries(cell)) for cell in section.sound]
    return [row for row in rows if set(row.entries) != {"-"}]


def _entries(cell: Cell) -> tuple[str, ...]:
    figures = [_figures(row) for row in cell.runs.itertuples()]
    return tuple(mean_text([each[at] for each in figures], 3 if at == 0 else 1) for at in range(len(HEADS)))


def _figures(row: object) -> list[float | None]:
    """Return the figures of one run; None for those that cannot be measured."""
    run, measured_by, reference = (str(getattr(row, name)) for name in ("run", "measured_by", "reference"))
    own = predictions_of(run, measured_by)
    if own is None:
        return [None] * len(HEADS)
    retrained = predictions_of(reference) if reference and reference != run else None
    return [_auc(own), *(_distance(own, retrained, part) for part in PARTS)]


def _auc(found: Predictions) -> float | None:
    inside, outside = signal(found.forget, "margin"), signal(found.test, "margin")
    return None if inside is None or outside is None or not len(inside) or not len(outside) else auc(inside, outside)


def _distance(own: Predictions, retrained: Predictions | None, part: str) -> float | None:
    """Return the mean distance to the Retrain in thousandths of a nat; None without one on the same images."""
    if retrained is None:
        return None
    first, second = getattr(own, part), getattr(retrained, part)
    if not len(first.labels) or not np.array_equal(first.rows, second.rows):
        return None
    return 1000 * float(jensen_shannon(first.probs, second.probs).mean())
