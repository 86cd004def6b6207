"""One method as a row of texts, measured, published or not run."""

from typing import Any, NamedTuple

from medunlearn.metrics import FEW, GAP_METRICS, PART_OF
from medunlearn.report.experiments import Cell
from medunlearn.report.floors import FAILED
from medunlearn.report.published import PAPER
from medunlearn.report.verdict import in_floors, no_nearer, place_of


class Row(NamedTuple):
    """One method in a table, measured or published: texts."""

    label: str
    entries: tuple[tuple[str, str], ...]
    """UA, RA, TA, MIA, each with its distance to the retrained model, which may be empty."""
    gap: str = ""
    minutes: str = ""
    seeds: str = ""
    published: bool = False
    intervals: tuple[str, ...] = ("",) * len(GAP_METRICS)
    """The 95 % intervals of UA, RA, TA, MIA if they come from few images; else empty texts."""
    mark: str = ""
    """Numbers of its remarks."""
    proxy: str = ""
    """The proxy gap, which only unlearned models have."""
    floors: str = ""
    """AG to all Retrains in units of the AG between two of them."""
    place: str = ""
    """Its position relative to their band: inside, outside, further."""
    bold: bool = True
    """Whether it may be in bold: not for the untouched model, a method no nearer to retraining, or a failed run."""


def measured_row(cell: Cell, mark: str = "", original: Cell | None = None) -> Row:
    """Return the row of an experiment.

    Args:
        cell: The experiment.
        mark: Numbers of its remarks.
        original: The untouched model on the same forget sets.

    Example:
        >>> import pandas as pd
        >>> figures = dict.fromkeys((*GAP_METRICS, *(f"gap_{key}" for key in GAP_METRICS), "AG", "RTE"), 2.0)
        >>> figures |= {"proxy": 3.0, "AG_retrains": 2.0, "floor": 1.0, "band": 1.5}
        >>> counts = {f"n_{part}": 1000 for part in ("forget", "retain", "test")}
        >>> row = measured_row(Cell("SalUn", pd.DataFrame([figures | counts | {"role": "unlearned"}])))
        >>> row.entries[0], row.gap, row.floors, row.place
        (('2.00', '2.00'), '2.00', '2.00', 'outside')
    """

    def text(key: str, missing: str = "-") -> str:
        return missing if (value := cell.over_seeds(key)) is None else str(value)

    def gap(key: str) -> str:
        value = None if cell.is_reference else cell.over_seeds(f"gap_{key}")
        return "" if value is None else f"{value.mean:.2f}"

    entries = tuple((text(key), gap(key)) for key in GAP_METRICS)
    own = "0" if cell.is_reference and cell.over_seeds("AG") else text("AG")
    intervals = tuple(_interval(cell, key) for key in GAP_METRICS)
    proxy = text("proxy") if cell.role == "unlearned" else ""
    known = Row(cell.label, entries, own, text("RTE"), str(len(cell.runs)), False, intervals, mark, proxy)
    units = None if cell.is_reference else in_floors(cell)
    return known._replace(
        floors="" if units is None else f"{units:.2f}",
        place=place_of(cell, original),
        bold=cell.label != FAILED
        and cell.role != "original"
        and not (cell.role == "unlearned" and no_nearer(cell, original)),
    )


def _interval(cell: Cell, key: str) -> str:
    """Return the 95 % interval as text if a figure comes from few images."""
    known = None if cell.images[PART_OF[key]] >= FEW else cell.interval(key)
    return "" if known is None else "{:.1f} to {:.1f}".format(*known)


def published_row(row: dict[str, Any]) -> Row:
    """Return the row of a published result, given as a row of `published.tables`.

    Example:
        >>> printed = dict.fromkeys((*GAP_METRICS, "AG", "RTE"), 2.0) | {"role": "retrained", "method": "Retrain"}
        >>> published_row(printed).label, published_row(printed).gap
        ('Retrain, Falcao & Cordeiro 2025', '0')
    """
    retrained = row["role"] == "retrained"
    entries = tuple((f"{row[key]:.2f}", "" if retrained else f"{row[f'gap_{key}']:.2f}") for key in GAP_METRICS)
    gap = "0" if retrained else f"{row['AG']:.2f}"
    return Row(f"{row['method']}, {PAPER}", entries, gap, f"{row['RTE']:g}", "1", published=True)


def not_run_row(label: str) -> Row:
    """Return the row of a method that was not run.

    Example:
        >>> not_run_row("Retrain").entries[0]
        ('not run', '')
    """
    return Row(label, (("not run", ""),) * len(GAP_METRICS))
