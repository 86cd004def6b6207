"""Whether an unlearned model is nearer to retraining than the untouched one, by more than chance."""

import pandas as pd

from medunlearn.metrics import GAP_METRICS, collapse, gap_difference_margin, place
from medunlearn.report.experiments import Cell


def nearer(cell: Cell, original: Cell | None, frame: pd.DataFrame) -> bool | None:
    """Return whether an experiment's AG is below the untouched model's; None if undecided.

    It is undecided with too few images, or if a retrained model to which its gaps refer has collapsed.
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
    if place_of(cell, original) == "further":
        return False
    margin = _margin(cell, original, frame)
    return None if abs(gap.mean - before.mean) < margin else gap.mean < before.mean


def no_nearer(cell: Cell, original: Cell | None) -> bool:
    """Return whether an experiment's AG is known not to be below the untouched model's, whatever the chance.

    Example:
        >>> no_nearer(Cell("SalUn", pd.DataFrame()), None)
        False
    """
    gap, before = (None if each is None or original is None else each.over_seeds("AG") for each in (cell, original))
    beyond = gap is not None and before is not None and gap.mean >= before.mean
    return beyond or (original is not None and place_of(cell, original) == "further")


def in_floors(cell: Cell) -> float | None:
    """Return the AG to all Retrains in units of the AG between two of them, each a mean over seeds; None without one.

    Example:
        >>> in_floors(Cell("SalUn", pd.DataFrame({"AG_retrains": [1.0, 3.0], "floor": [0.5, 1.5]})))
        2.0
    """
    gap, floor = cell.over_seeds("AG_retrains"), cell.over_seeds("floor")
    return gap.mean / floor.mean if gap and floor and floor.mean else None


def place_of(cell: Cell, original: Cell | None) -> str:
    """Return an experiment's position relative to its Retrains' band: inside, outside, further; else an empty text.

    Means over seeds are compared with means over seeds: the experiment's AG, the largest of a pair, the untouched's AG.

    Example:
        >>> runs = pd.DataFrame({"AG_retrains": [1.0, 3.0], "band": [2.5, 1.5], "role": "unlearned"})
        >>> place_of(Cell("SalUn", runs), None)
        'inside'
    """
    gap, band = cell.over_seeds("AG_retrains"), cell.over_seeds("band")
    if gap is None or band is None or cell.role == "retrained":
        return ""
    before = None if original is None or cell.role == "original" else original.over_seeds("AG_retrains")
    return place(gap.mean, band.mean, None if before is None else before.mean)


def collapsed_reference(cell: Cell, frame: pd.DataFrame) -> str:
    """Return how a reference of an experiment's gaps has collapsed; an empty text if none has.

    Example:
        >>> from medunlearn.report import load
        >>> collapsed_reference(Cell("SalUn", load([])), load([]))
        ''
    """
    return next((reason for notes in references(cell, frame).notes if (reason := collapse(notes))), "")


def references(cell: Cell, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the retrained models that are the references of an experiment's gaps.

    Example:
        >>> from medunlearn.report import load
        >>> len(references(Cell("SalUn", load([])), load([])))
        0
    """
    return frame[(frame.measured_by == "") & frame.run.isin(cell.runs.reference)]


def _margin(cell: Cell, original: Cell, frame: pd.DataFrame) -> float:
    """Return the margin that the difference of the two gaps must exceed, in percentage points."""
    retrained = references(cell, frame)
    if retrained.empty or not all(cell.images.values()):
        return 0.0
    first, second, reference = (dict(each[[*GAP_METRICS]].mean()) for each in (cell.runs, original.runs, retrained))
    return gap_difference_margin(first, second, reference, cell.images)


def verdict(cell: Cell, original: Cell | None, frame: pd.DataFrame) -> str:
    """Return the result of `nearer` as the continuation of a sentence; the untouched model's gap follows in brackets.

    Example:
        >>> verdict(Cell("SalUn", pd.DataFrame()), None, pd.DataFrame())
        ', no nearer than the untouched model'
    """
    if (found := nearer(cell, original, frame)) is None:
        counts = f"{cell.images['forget']:,} forgotten, {cell.images['test']:,} test"
        return f"; one cannot tell with so few images ({counts}) whether it is nearer than the untouched model"
    return f", {'nearer' if found else 'no nearer'} than the untouched model"
