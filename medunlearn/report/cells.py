"""The cells of a report: one for each experiment, over its seeds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import mean, stdev
from typing import Any, NamedTuple

from medunlearn.runs import RunDir

ORIGINAL = "Original"
"""The trained model before unlearning, measured on the forget set of the runs that start from it."""


@dataclass(frozen=True)
class Result:
    """What one run measured, with what it is compared by."""

    run: RunDir
    data: str
    forgotten: str
    augmentation: str
    label: str
    seed: int
    split: str
    values: Mapping[str, float | None]
    """UA, RA, TA, MIA in %, RTE in minutes."""
    metrics: Mapping[str, Any] = field(repr=False)
    settings: Mapping[str, Any] = field(repr=False)
    """The method's arguments, and image size, epochs, batch size and attack."""
    gaps: Mapping[str, float] | None = None
    """Absolute differences of UA, RA, TA, MIA to the same seed's Retrain, and their mean AG; None without one."""
    reference: RunDir | None = None
    listed: bool = False
    """Whether the forget set comes from a file of indices, of which `forgotten` is the name."""


class Statistic(NamedTuple):
    """Mean and standard deviation over seeds."""

    mean: float
    deviation: float | None
    """Of the sample (n - 1); None for a single seed."""

    def __str__(self) -> str:
        return f"{self.mean:.2f}" + ("" if self.deviation is None else f" ± {self.deviation:.2f}")


@dataclass(frozen=True)
class Cell:
    """One experiment: a method on some data, with so much forgotten, under one preset, over seeds."""

    data: str
    forgotten: str
    augmentation: str
    label: str
    results: tuple[Result, ...]

    @property
    def seeds(self) -> list[int]:
        """The seeds in order."""
        return [result.seed for result in self.results]

    def value(self, key: str) -> Statistic | None:
        """Return UA, RA, TA, MIA or RTE over the seeds; None where one lacks it."""
        return _statistic([result.values.get(key) for result in self.results])

    def gap(self, key: str) -> Statistic | None:
        """Return the gap of a metric, or AG, over the seeds, each paired with its own Retrain; None without one."""
        return _statistic([None if result.gaps is None else result.gaps[key] for result in self.results])


def _statistic(values: list[float | None]) -> Statistic | None:
    numbers = [value for value in values if value is not None]
    if not numbers or len(numbers) < len(values):
        return None
    return Statistic(mean(numbers), stdev(numbers) if len(numbers) > 1 else None)
