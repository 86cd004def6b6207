"""The sections of a report, one for each forget set, before they are written as HTML, Markdown or LaTeX."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import pandas as pd

from medunlearn.errors import InputError, counted
from medunlearn.metrics import Floor
from medunlearn.report.experiments import Cell, Statistic, experiments
from medunlearn.report.floors import ANOTHER, FAILED, floor_text, pooled
from medunlearn.report.footnotes import footnotes
from medunlearn.report.frame import EXPERIMENT, ORIGINAL, measured_twice, records
from medunlearn.report.published import published
from medunlearn.report.rows import Row, measured_row, not_run_row, published_row
from medunlearn.report.verdict import collapsed_reference, in_floors, nearer, place_of, references, verdict

PRESETS = ("NoAug", "Default", "Default+RandAugment")
NOT_RUN = {"original": ORIGINAL, "retrained": "Retrain", "unlearned": "Unlearned"}
"""Name of a role that no run has, if the paper has no method for it."""

PLACES = {
    "inside": ", inside the band of Retrains of several seeds ({:.2f} times the AG of two)",
    "outside": ", outside the band of Retrains of several seeds ({:.2f} times the AG of two)",
    "further": ", and no nearer to Retrains of several seeds than the untouched model ({:.2f} times the AG of two)",
}
"""Continuations of a headline, by the position of a model relative to its Retrains."""


class Glance(NamedTuple):
    """How near one method came to retraining: texts."""

    label: str
    gap: str
    untouched: str
    """The gap of the model before unlearning."""
    time: str
    """Run time as a share of retraining's."""
    nearer: bool
    """Whether it is nearer to retraining than the untouched model, by more than chance."""
    floors: str = ""
    """AG to all Retrains in units of the AG between two of them."""
    place: str = ""
    """Its position relative to their band: inside, outside, further."""


@dataclass(frozen=True)
class Section:
    """All methods on one forget set under one preset; `frame` holds these and all other runs.

    Example:
        >>> Section("cells", "10 %", "Default").title
        'cells, 10 % forgotten, Default'
    """

    data: str
    forgotten: str
    augmentation: str
    cells: tuple[Cell, ...] = ()
    frame: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def title(self) -> str:
        """The heading."""
        return ", ".join(filter(None, (self.data, f"{self.forgotten} forgotten", self.augmentation)))

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the labels; empty where they have none."""
        return next((tuple(names) for cell in self.cells for names in cell.runs.class_names if names), ())

    def of_role(self, role: str) -> list[Cell]:
        """Return the cells whose models are `original`, `retrained` or `unlearned`."""
        return [cell for cell in self.cells if cell.role == role]

    @property
    def another_seed(self) -> Cell | None:
        """The further Retrains; None where there are none, or all have failed."""
        return next((cell for cell in self.cells if cell.label == ANOTHER), None)

    @property
    def sound(self) -> list[Cell]:
        """The cells without failed Retrains, whose outliers would stretch every chart."""
        return [cell for cell in self.cells if cell.label != FAILED]

    @property
    def original(self) -> Cell | None:
        """The untouched model; None where no run measured it."""
        return next((cell for cell in self.cells if cell.untouched), None)

    @cached_property
    def published(self) -> pd.DataFrame:
        """The paper's rows on these data; empty for other data."""
        sets = {name for cell in self.cells for name in cell.runs.dataset}
        return published(sets.pop() if len(sets) == 1 else "", self.forgotten, self.augmentation)

    @cached_property
    def remarks(self) -> tuple[dict[str, str], list[str]]:
        """The marks of the cells by label, and the sentences that they stand for."""
        marks, sentences = footnotes(cell.remarks for cell in self.cells)
        return dict(zip([cell.label for cell in self.cells], marks, strict=True)), sentences

    def rows(self) -> list[Row]:
        """Return the measured rows, each followed by the paper's if any, and rows of methods that were not run."""
        rows: list[Row] = []
        for role, name in NOT_RUN.items():
            named = {
                cell.label: [measured_row(cell, self.remarks[0][cell.label], self._untouched(cell))]
                for cell in self.of_role(role)
            }
            some = bool(named) and role != "unlearned"  # one original and one retrained model are enough
            for printed in records(self.published[self.published.role == role]):
                missing = [] if some else [not_run_row(printed["method"])]
                named.setdefault(printed["method"], missing).append(published_row(printed))
            rows += [row for label in sorted(named) for row in named[label]] or [not_run_row(name)]
        return rows

    def headlines(self) -> list[str]:
        """Return one sentence for each method that unlearned, the nearest first: how near, from where, at what cost."""
        return [self._headline(cell) for cell in sorted(self.of_role("unlearned"), key=_nearness)]

    def _headline(self, cell: Cell) -> str:
        gap, before, share = cell.over_seeds("AG"), self._before(cell), self._time_share(cell)
        if gap is None:
            return f"{cell.label}: no Average Gap: {cell.note}"
        text = f"{cell.label} ends {gap} points from retraining"
        if reason := collapsed_reference(cell, self.frame):
            text += f", which has collapsed ({reason}), so that the gap does not tell what was forgotten"
        elif before is not None:
            text += f"{verdict(cell, self._untouched(cell), self.frame)} ({before})"
        if cell_place := PLACES.get(place_of(cell, self._untouched(cell))):
            text += cell_place.format(in_floors(cell) or 0)
        if share is not None:
            text += f", in {share:.1f} % of retraining's time"
        return f"{text}.{f' Note: {cell.note}' if cell.note else ''}"

    def glances(self) -> list[Glance]:
        """Return the same as short texts for a table, the nearest to retraining first."""
        found = []
        for cell in self.of_role("unlearned"):
            gap, before, share = cell.over_seeds("AG"), self._before(cell), self._time_share(cell)
            collapsed = " (Retrain has collapsed)" if collapsed_reference(cell, self.frame) else ""
            texts = (
                "no Retrain" if gap is None else f"{gap}{collapsed}",
                "-" if before is None else str(before),
                "-" if share is None else f"{share:.1f} %",
            )
            bold = nearer(cell, self._untouched(cell), self.frame) is True
            units = in_floors(cell)
            near = "" if units is None else f"{units:.2f}", place_of(cell, self._untouched(cell))
            found.append((_nearness(cell), Glance(cell.label, *texts, bold, *near)))
        return [glance for _, glance in sorted(found)]

    def _untouched(self, cell: Cell) -> Cell | None:
        """Return the untouched model whose gap has the same reference as a cell."""
        references = set(cell.runs.reference)
        return next((each for each in self.cells if each.untouched and references & set(each.runs.reference)), None)

    def _before(self, cell: Cell) -> Statistic | None:
        """Return the gap of the untouched model to the reference of a cell."""
        return original.over_seeds("AG") if (original := self._untouched(cell)) else None

    def _time_share(self, cell: Cell) -> float | None:
        """Return the run time as a share of the references', in %; None where they ran on other hardware."""
        minutes = cell.over_seeds("RTE")
        retrained = references(cell, self.frame)
        alike = set(retrained.hardware) == set(cell.runs.hardware)
        known = minutes is not None and alike and retrained.RTE.mean(skipna=False) > 0
        return 100 * minutes.mean / float(retrained.RTE.mean()) if minutes is not None and known else None

    @property
    def floor(self) -> str:
        """A sentence on how far its Retrains are apart; empty if no seed has two."""
        cell = self.another_seed
        mean, largest = (None if cell is None else cell.over_seeds(key) for key in ("floor", "band"))
        if cell is None or mean is None or largest is None:
            return ""
        over = f", mean of {counted(len(cell.runs), 'seed')}" if len(cell.runs) > 1 else ""
        return f"Noise floor: {floor_text(Floor(int(cell.runs.retrains.max()), mean.mean, largest.mean))}{over}."

    @property
    def protocol(self) -> str:
        """One line on what was run: images, epochs, batch."""
        first = self.cells[0].runs.iloc[0]
        total = first.n_forget + first.n_retain
        tested = counted(first.n_test, "test image")
        parts = [f"{first.n_forget:,} of {counted(total, 'training image')} forgotten, {tested}"]
        for cell in self.cells:
            settings = cell.runs.settings.iloc[0]
            if size := settings.get("size"):
                parts[0] += "" if "pixels" in parts[0] else f", {size}x{size} pixels"
            if epochs := settings.get("epochs"):
                batch = f", batch {size}" if (size := settings.get("batch")) else ""
                parts.append(f"{cell.label}: {counted(epochs, 'epoch')}{batch}")
        return "; ".join(parts) + "."


def _nearness(cell: Cell) -> float:
    gap = cell.over_seeds("AG")
    return gap.mean if gap else float("inf")


def sections(frame: pd.DataFrame) -> list[Section]:
    """Return the sections of runs, in the order of data, forget set and preset.

    Raises:
        InputError: If runs cannot be distinguished, are not seeds of one experiment, or a gap has several references.

    Example:
        >>> from medunlearn.report import load
        >>> sections(load([]))
        []
    """
    _check_unambiguous(frame)
    shown = pooled(frame)
    forgetting = shown[(shown.forgotten != "") & ~measured_twice(shown)]
    found = []
    for names, group in forgetting.groupby(EXPERIMENT[:3], sort=False):
        data, forgotten, augmentation = map(str, names)
        found.append(Section(data, forgotten, augmentation, tuple(sorted(experiments(group), key=_cell_order)), frame))
    return sorted(found, key=_section_order)


def _check_unambiguous(frame: pd.DataFrame) -> None:
    for row in frame[frame.ambiguous].itertuples():
        raise InputError(f"report: {row.note}")


def _cell_order(cell: Cell) -> tuple[Any, ...]:
    return list(NOT_RUN).index(cell.role), not cell.untouched, cell.label


def _section_order(section: Section) -> tuple[Any, ...]:
    number = section.forgotten.partition(" ")[0]
    share = float(number) if number.replace(".", "", 1).isdecimal() else float("inf")
    known = section.augmentation in PRESETS
    preset = PRESETS.index(section.augmentation) if known else len(PRESETS)
    return section.data, share, section.forgotten, preset, section.augmentation
