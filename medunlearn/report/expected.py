"""Expected figures of shipped experiments, from `configs/tuned/*/expected.yaml`: does a run fall inside?

A file holds the figures measured over a number of seeds, and the SHA-256 of the data. A run is compared if it is the
same experiment: method, forget set, preset and every setting that the file names. Its seed and hardware may differ.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from math import isnan
from pathlib import Path
from typing import Any

from medunlearn.files import read_yaml
from medunlearn.files.configs import shipped_configs
from medunlearn.metrics import GAP_METRICS, prediction_interval

FIGURES = (*GAP_METRICS, "AG")
SAME = ("method", "forgotten", "augmentation")
"""Columns of the frame in which a run equals the experiment that it repeats."""


@dataclass(frozen=True)
class Expectation:
    """The results of one experiment.

    Args:
        experiment: Method, forget set and preset, as in the columns of the frame.
        settings: The settings that its runs share.
        data_sha256: SHA-256 of its images and labels.
        figures: Mean and sample standard deviation of UA, RA, TA, MIA (%) and AG (points), by name.
        seeds: Number of seeds behind them, 2 or more.
    """

    experiment: Mapping[str, Any]
    settings: Mapping[str, Any]
    data_sha256: str
    figures: Mapping[str, tuple[float, float]]
    seeds: int

    def describes(self, run: Mapping[str, Any]) -> bool:
        """Return whether a row of the frame is a run of this experiment."""
        return (
            run["data_sha256"] == self.data_sha256
            and all(run[key] == value for key, value in self.experiment.items())
            and all(run["settings"].get(key) == value for key, value in self.settings.items())
        )

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Return the 95 % prediction interval of each figure of one more run, within 0 and 100."""
        limits = {key: prediction_interval(*figure, self.seeds) for key, figure in self.figures.items()}
        return {key: (max(low, 0.0), min(high, 100.0)) for key, (low, high) in limits.items()}

    def sentence(self, run: Mapping[str, Any]) -> str:
        """Return a sentence on whether a run of this experiment falls inside, and which figures do not."""
        known = {key: limits for key, limits in self.intervals().items() if not isnan(run[key])}
        off = [
            f"{key} {run[key]:.2f}, expected {low:.2f} to {high:.2f}"
            for key, (low, high) in known.items()
            if not low <= run[key] <= high
        ]
        place = f"outside: {'; '.join(off)}" if off else f"inside: {', '.join(known)}"
        return f"{run['run']}: {place}"


def expectations(folder: Path | None = None) -> tuple[Expectation, ...]:
    """Return the expectations in a folder of configs, by default the shipped one.

    Example:
        >>> all(each.seeds > 1 for each in expectations())
        True
    """
    return _in_folder(folder or shipped_configs() / "tuned")


@cache
def _in_folder(folder: Path) -> tuple[Expectation, ...]:
    return tuple(each for file in sorted(folder.glob("*/expected.yaml")) for each in _read(read_yaml(file)))


def compared(rows: Iterable[Mapping[str, Any]], known: Iterable[Expectation] | None = None) -> str:
    """Return a line for each run whose figures are expected; an empty text if there is none.

    Args:
        rows: Runs, as `medunlearn.report.frame.records` gives them.
        known: The expectations; by default the shipped ones.

    Example:
        >>> compared([])
        ''
    """
    known = expectations() if known is None else list(known)
    runs = [row for row in rows if not row["measured_by"] and not isnan(row["UA"])]
    lines = [each.sentence(run) for run in runs for each in known if each.describes(run)]
    head = "Against the figures measured before (95 % prediction intervals; by chance one figure in twenty is outside):"
    return "\n".join([head, *lines]) if lines else ""


def _read(content: Mapping[str, Any]) -> Iterator[Expectation]:
    for run in content["runs"]:
        figures = {key: (float(run[key][0]), float(run[key][1])) for key in FIGURES if key in run}
        experiment = {key: run[key] for key in SAME}
        yield Expectation(experiment, run["settings"], content["data_sha256"], figures, run["seeds"])
