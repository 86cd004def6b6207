"""What a report says, before it is dressed as Markdown, LaTeX, CSV or HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from medunlearn.metrics import GAP_METRICS
from medunlearn.report.cells import ORIGINAL, Cell
from medunlearn.report.published import PAPER, Published, published

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


class Glance(NamedTuple):
    """What a reader came for: one method in one section."""

    label: str
    gap: str
    untouched: str
    """The gap of the model before unlearning."""
    time: str
    """Run time as a share of retraining's."""
    nearer: bool | None
    """Whether it is nearer to retraining than the untouched model; None where one is unknown."""


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
        usual = (ORIGINAL, "Retrain", *(() if self.unlearned and not self._printed("SalUn") else ("SalUn",)))
        for label in dict.fromkeys([*usual, *(cell.label for cell in self.cells)]):
            cell = self.cell(label)
            rows.append(_measured(cell) if cell else Row(label, (Entry("not run"),) * 4, "", "", "", True))
            if printed := self._printed(label):
                rows.append(_published(label, printed, self._printed("Retrain")))
        return rows

    def _printed(self, label: str) -> Published | None:
        return published(self.data, self.forgotten, label, self.augmentation)

    def headlines(self) -> list[str]:
        """Return one sentence for each method that unlearned: how near it came, from where, at what cost."""
        return [_headline(cell, self.cell(ORIGINAL), self.cell("Retrain")) for cell in self.unlearned]

    def glances(self) -> list[Glance]:
        """Return the same as short cells of a table, the nearest to retraining first."""
        original, retrain = self.cell(ORIGINAL), self.cell("Retrain")
        before = original.gap("AG") if original else None
        ordered = sorted(self.unlearned, key=lambda cell: gap.mean if (gap := cell.gap("AG")) else float("inf"))
        return [
            Glance(
                cell.label,
                "no Retrain" if (gap := cell.gap("AG")) is None else str(gap),
                "-" if before is None else f"{before}",
                "-" if (share := _time_share(cell, retrain)) is None else f"{share:.1f} %",
                nearer=None if gap is None or before is None else gap.mean < before.mean,
            )
            for cell in ordered
        ]

    @property
    def protocol(self) -> str:
        """One line on what was run: images, epochs, batch."""
        first = self.cells[0].results[0].metrics["n"]
        total = first["forget"] + first["retain"]
        parts = [f"{first['forget']:,} of {total:,} training images forgotten, {first['test']:,} test images"]
        for cell in self.cells:
            settings = cell.results[0].settings
            if size := settings.get("size"):
                parts[0] += "" if "pixels" in parts[0] else f", {size}x{size} pixels"
            if epochs := settings.get("epochs"):
                parts.append(f"{cell.label}: {epochs} epochs, batch {settings.get('batch')}")
        return "; ".join(parts) + "."


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


def _published(label: str, printed: Published, reference: Published | None) -> Row:
    def entry(key: str) -> Entry:
        value = getattr(printed, key)
        apart = reference is not None and label != "Retrain"
        return Entry(f"{value:.2f}", f"{abs(value - getattr(reference, key)):.2f}" if apart else "")

    gap = "0" if label == "Retrain" else f"{printed.AG:.2f}"
    return Row(f"{label}, {PAPER}", tuple(map(entry, GAP_METRICS)), gap, f"{printed.RTE:g}", "1", measured=False)


def _headline(cell: Cell, original: Cell | None, retrain: Cell | None) -> str:
    gap = cell.gap("AG")
    if gap is None:
        return f"{cell.label}: no Average Gap, for lack of a Retrain run of the same split, preset, seed and attack."
    text = f"{cell.label} ends {gap} points from retraining"
    before = original.gap("AG") if original else None
    if before is not None:
        text += f", {'nearer' if gap.mean < before.mean else 'no nearer'} than the untouched model ({before})"
    if (share := _time_share(cell, retrain)) is not None:
        text += f", in {share:.1f} % of retraining's time"
    return f"{text}."


def _time_share(cell: Cell, retrain: Cell | None) -> float | None:
    """Return the run time as a share of retraining's, in %."""
    mine, theirs = cell.value("RTE"), retrain.value("RTE") if retrain else None
    return 100 * mine.mean / theirs.mean if mine and theirs and theirs.mean > 0 else None
