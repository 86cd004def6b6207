"""Whether an unlearned model is nearer to retraining than the untouched one, by more than chance."""

import pandas as pd

from medunlearn.metrics import GAP_METRICS, collapse, gap_difference_margin
from medunlearn.report.experiments import Cell


def nearer(cell: Cell, original: Cell | None, frame: pd.DataFrame) -> bool | None:
    """Return whether an experiment's AG is below the untouched model's; None where one cannot tell.

    One cannot where its images are too few, or where a retrained model that its gaps are taken to has collapsed.
    Means over seeds are judged by the images of one seed, since seeds may share images. Equal gaps are not nearer.

    Args:
        cell: An experiment that unlearned.
        original: The untouched model on the same forget sets; None where it was not measured.
        frame: All runs, among which the retrained ones are found.

    Example:
        >>> nearer(Cell("SalUn", pd.DataFrame()), None, pd.DataFrame())
        False
    """
    gap, before = (None if each is None or original is None else each.over_seeds("AG") for each in (cell, original))
    if original is None or gap is None or before is None or gap.mean == before.mean:
        return False
    if collapsed_reference(cell, frame):
        return None
    margin = _margin(cell, original, frame)
    return None if abs(gap.mean - before.mean) < margin else gap.mean < before.mean


def collapsed_reference(cell: Cell, frame: pd.DataFrame) -> str:
    """Return how a retrained model that an experiment's gaps are taken to has collapsed; an empty text where none has.

    Example:
        >>> from medunlearn.report import load
        >>> collapsed_reference(Cell("SalUn", load([])), load([]))
        ''
    """
    return next((reason for notes in references(cell, frame).notes if (reason := collapse(notes))), "")


def references(cell: Cell, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the retrained models that an experiment's gaps are taken to.

    Example:
        >>> from medunlearn.report import load
        >>> len(references(Cell("SalUn", load([])), load([])))
        0
    """
    return frame[(frame.measured_by == "") & frame.run.isin(cell.runs.reference)]


def _margin(cell: Cell, original: Cell, frame: pd.DataFrame) -> float:
    """Return what the difference of the two gaps must exceed, in percentage points."""
    retrained = references(cell, frame)
    if retrained.empty or not all(cell.images.values()):
        return 0.0
    first, second, reference = (dict(each[[*GAP_METRICS]].mean()) for each in (cell.runs, original.runs, retrained))
    return gap_difference_margin(first, second, reference, cell.images)


def verdict(cell: Cell, original: Cell | None, frame: pd.DataFrame) -> str:
    """Return the same as the continuation of a sentence, to which the untouched model's gap is added in brackets.

    Example:
        >>> verdict(Cell("SalUn", pd.DataFrame()), None, pd.DataFrame())
        ', no nearer than the untouched model'
    """
    if (found := nearer(cell, original, frame)) is None:
        counts = f"{cell.images['forget']:,} forgotten, {cell.images['test']:,} test"
        return f"; one cannot tell with so few images ({counts}) whether it is nearer than the untouched model"
    return f", {'nearer' if found else 'no nearer'} than the untouched model"
