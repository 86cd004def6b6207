"""What a report says, before it is dressed as Markdown, LaTeX, CSV or HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from medunlearn.metrics import GAP_METRICS
from medunlearn.report.collect import ORIGINAL, Cell
from medunlearn.report.published import PAPER, published

COLUMNS = ("method", *GAP_METRICS, "AG", "RTE (min)", "seeds")


class Entry(NamedTuple):
    """One figure in a table, with its distance to Retrain."""

    text: str
    gap: str = ""


class Row(NamedTuple):
    """One method, measured or published."""

    label: str
    entries: tuple[Entry, ...]
    """UA, RA, TA, MIA."""
    gap: str
    minutes: str
    seeds: str
    measured: bool


@dataclass(frozen=True)
class Section:
    """All methods on one forget set under one preset."""

    data: str
    forgotten: str
    augmentation: str
    cells: tuple[Cell, ...]

    @property
    def title(self) -> str:
        """The heading."""
        return f"{self.data}, {self.forgotten} forgotten, {self.augmentation}"

    def cell(self, label: str) -> Cell | None:
        """Return the cell of a method; None where it was not run."""
        return next((cell for cell in self.cells if cell.label == label), None)

    @property
    def unlearned(self) -> list[Cell]:
        """The methods that unlearn."""
        return [cell for cell in self.cells if cell.label not in (ORIGINAL, "Retrain")]

    def rows(self) -> list[Row]:
        """Return the measured rows, each followed by the paper's where it prints one; what was not run says so."""
        rows = []
        labels = [cell.label for cell in self.cells]
        for label in dict.fromkeys([ORIGINAL, "Retrain", "SalUn", *labels]):
            cell = self.cell(label)
            rows.append(_measured(cell) if cell else Row(label, (Entry("not run"),) * 4, "", "", "", True))
            if printed := published(self.data, self.forgotten, label, self.augmentation):
                entries = tuple(Entry(f"{getattr(printed, key):.2f}") for key in GAP_METRICS)
                rows.append(
                    Row(f"{label}, {PAPER}", entries, f"{printed.AG:.2f}", f"{printed.RTE:g}", "1", measured=False)
                )
        return rows

    def headlines(self) -> list[str]:
        """Return one sentence for each method that unlearned: how near it came, from where, at what cost."""
        return [_headline(cell, self.cell(ORIGINAL), self.cell("Retrain")) for cell in self.unlearned]


def sections(cells: Sequence[Cell]) -> list[Section]:
    """Return the sections that cells make up, in their order."""

    def key(cell: Cell) -> tuple[str, str, str]:
        return cell.data, cell.forgotten, cell.augmentation

    return [Section(*names, tuple(group)) for names, group in groupby(cells, key)]


def _measured(cell: Cell) -> Row:
    reference = cell.label == "Retrain"
    entries = []
    for key in GAP_METRICS:
        value, gap = cell.value(key), None if reference else cell.gap(key)
        entries.append(Entry("-" if value is None else str(value), "" if gap is None else f"{gap.mean:.2f}"))
    gap, minutes = cell.gap("AG"), cell.value("RTE")
    return Row(
        cell.label,
        tuple(entries),
        "0" if reference else "-" if gap is None else str(gap),
        "-" if minutes is None else str(minutes),
        ", ".join(map(str, cell.seeds)),
        measured=True,
    )


def _headline(cell: Cell, original: Cell | None, retrain: Cell | None) -> str:
    gap = cell.gap("AG")
    if gap is None:
        return f"{cell.label}: no Average Gap, since the Retrain run of the same split, preset and seed is missing."
    before = original.gap("AG") if original else None
    text = f"{cell.label} ends {gap} points from retraining"
    if before is not None:
        text += f"; the untouched model was {before} away"
    mine, theirs = cell.value("RTE"), retrain.value("RTE") if retrain else None
    if mine and theirs and theirs.mean > 0:
        text += f". It took {100 * mine.mean / theirs.mean:.1f} % of retraining's time"
    return f"{text}."
