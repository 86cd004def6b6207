"""Experiments: the rows of a frame that differ in their seed alone, and their means and deviations."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import pandas as pd

from medunlearn.errors import InputError
from medunlearn.metrics import PART_OF, wilson
from medunlearn.report.floors import FURTHER
from medunlearn.report.frame import records


class Statistic(NamedTuple):
    """Mean and sample standard deviation over seeds; the deviation is None for a single seed.

    Example:
        >>> str(Statistic(0.875, 0.5))
        '0.88 ± 0.50'
    """

    mean: float
    deviation: float | None

    def __str__(self) -> str:
        return f"{self.mean:.2f}" + ("" if self.deviation is None else f" ± {self.deviation:.2f}")


@dataclass(frozen=True)
class Cell:
    """One experiment: a method on one forget set under one preset; `runs` are its rows of the frame, one per seed.

    Example:
        >>> Cell("SalUn", pd.DataFrame({"UA": [4.0, 6.0]})).over_seeds("UA").mean
        5.0
    """

    label: str
    runs: pd.DataFrame

    @property
    def role(self) -> str:
        """The role of its models."""
        return str(self.runs.role.iloc[0])

    @property
    def untouched(self) -> bool:
        """Whether it is an original, before unlearning."""
        return bool((self.runs.measured_by != "").any())

    @property
    def is_reference(self) -> bool:
        """Whether its models are references of gaps, not compared themselves."""
        return self.role == "retrained" and self.label not in FURTHER

    @property
    def seeds(self) -> list[int]:
        """The seeds in order."""
        return [int(seed) for seed in self.runs.seed]

    @property
    def note(self) -> str:
        """Why AG is missing, or is not the distance to the reference, of the first run with such a note."""
        notes = self.runs.note[self.runs.note != ""]
        return str(notes.iloc[0]) if len(notes) else ""

    @property
    def remarks(self) -> list[str]:
        """The remarks on its runs; with the seed, unless all runs have the remark."""
        said = [(run["seed"], text) for run in records(self.runs) for text in run.get("notes", ())]
        texts = [text for _, text in said]
        everywhere = {text for text in texts if texts.count(text) == len(self.runs)}
        return list(dict.fromkeys(text if text in everywhere else f"seed {seed}: {text}" for seed, text in said))

    @property
    def images(self) -> dict[str, int]:
        """Number of forget, retain and test images of one seed."""
        first = self.runs.iloc[0]
        return {part: int(first[f"n_{part}"]) for part in ("forget", "retain", "test")}

    def interval(self, key: str) -> tuple[float, float] | None:
        """Return the 95 % interval of the mean of UA, RA, TA or MIA from the images of one seed; None without them."""
        value, images = self.over_seeds(key), self.images[PART_OF[key]]
        return None if value is None or images < 1 else wilson(value.mean, images)

    def over_seeds(self, key: str) -> Statistic | None:
        """Return a column of numbers over the seeds; None where one lacks it."""
        values = self.runs[key]
        if values.isna().any():
            return None
        return Statistic(float(values.mean()), float(values.std()) if len(values) > 1 else None)


def experiments(frame: pd.DataFrame) -> list[Cell]:
    """Return the experiments of the runs on one forget set under one preset, one per label.

    Raises:
        InputError: If two runs of one label are not seeds of one experiment.

    Example:
        >>> from medunlearn.report import load
        >>> experiments(load([]))
        []
    """
    cells = [Cell(str(label), runs.sort_values("seed")) for label, runs in frame.groupby("label", sort=False)]
    for cell in cells:
        for first, second in pairwise(records(cell.runs)):
            _check_seeds(first, second)
    return cells


def _check_seeds(first: dict[str, Any], second: dict[str, Any]) -> None:
    runs = f"report: {first['measured_by'] or first['run']} and {second['measured_by'] or second['run']}"
    if first["seed"] == second["seed"]:
        raise InputError(f"{runs} are the same experiment, seed {first['seed']}; give one of them")
    earlier, later = (
        {**each["settings"], "the number of forgotten images": each["n_forget"]} for each in (first, second)
    )
    for key in {**earlier, **later}:
        was, now = earlier.get(key), later.get(key)
        if was != now:
            raise InputError(
                f"{runs} would be seeds of one experiment, but {key} is {was} and {now}; give runs of one setting"
            )
