"""Progress of a plan: which stage runs, and how long the rest will take."""

import time
from collections.abc import Sequence
from statistics import mean

from medunlearn.errors import InputError, counted
from medunlearn.plans.engines import Outcome
from medunlearn.plans.stages import Stage

BAR = 20  # characters


class TimeLeft:
    """Counts the stages of a plan and estimates the time left from finished stages.

    A stage is expected to take as long for each epoch and share of the images as the finished stages most like it: of
    the same config (under other seeds or presets); else on the same data and likewise from an original or from scratch;
    else on the same data; else of the same start; else any. Before one is finished, the plan's own estimate is divided
    among its stages in the same way.

    Args:
        stages: All stages of the plan; those finished by an earlier command count with the run time that they wrote.
        epochs: The epochs of each; if one is None, all stages count alike.
        minutes: The plan's own estimate for all stages; None if it has none.
    """

    def __init__(self, stages: Sequence[Stage], epochs: Sequence[int | None], minutes: float | None = None) -> None:
        self.stages = list(stages)
        self.minutes = minutes
        self.begun = time.perf_counter()
        numbers = [number if number and number > 0 else 0 for number in epochs]
        known = all(numbers)
        self.work = {
            stage.run.path: number * _share(stage) if known else 1.0
            for stage, number in zip(stages, numbers, strict=True)
        }
        self.waiting = {stage.run.path: stage for stage in stages if not stage.run.finished}
        self.spent: list[tuple[Stage, float]] = []
        for stage in stages:
            if stage.run.finished and (seconds := _seconds_of(stage)):
                self.spent.append((stage, seconds))

    def beginning(self) -> str:
        """Return how much there is to do, before the first stage begins."""
        todo = f"{len(self.waiting)} of {counted(len(self.stages), 'stage')} to run"
        if self.spent or self.minutes is None:
            left = self.seconds_left()
            return f"{todo}." if left is None else f"{todo}, about {_duration(left)}."
        return f"{todo}, about {_duration(self.seconds_left() or 0)} on two CPU cores that do nothing else."

    def title(self, stage: Stage) -> str:
        """Return the heading of a stage that begins: how much of the plan is done, and what is left of it."""
        left, gone = self.seconds_left(), time.perf_counter() - self.begun
        if left is None:
            return f"{position(stage, self.stages)} (time left: unknown until a stage is finished)"
        done = sum(seconds for _, seconds in self.spent)
        share = done / (done + left) if done + left else 0.0
        bar = "#" * round(BAR * share)
        place, elapsed, remaining = position(stage, self.stages), _duration(gone), _duration(left)
        return f"{place} [{bar:.<{BAR}}] {100 * share:.0f} %, {elapsed} elapsed, {remaining} left"

    def line(self, outcome: Outcome) -> str:
        """Return the line about a stage that has ended, or did not have to run."""
        after = f" after {_duration(outcome.seconds)}" if outcome.seconds else ""
        why = f" ({outcome.reason})" if outcome.reason else ""
        return f"{position(outcome.stage, self.stages)}: {outcome.state}{after}{why}"

    def count(self, outcome: Outcome) -> None:
        """Remove a stage from those that wait."""
        self.waiting.pop(outcome.stage.run.path, None)
        if outcome.state == "done":
            self.spent.append((outcome.stage, outcome.seconds))

    def seconds_left(self) -> float | None:
        """Return the expected time of the waiting stages, one after another, in seconds; None if unknown."""
        if self.spent:
            return sum(map(self._expected, self.waiting.values()))
        waiting = sum(self.work[path] for path in self.waiting)
        return self.minutes and 60 * self.minutes * waiting / sum(self.work.values())

    def _expected(self, stage: Stage) -> float:
        pace = [(other, seconds / self.work[other.run.path]) for other, seconds in self.spent]
        config = [p for other, p in pace if other.config == stage.config]
        both = [p for other, p in pace if (other.unlearns, other.dataset) == (stage.unlearns, stage.dataset)]
        data = [p for other, p in pace if other.dataset == stage.dataset]
        alike = [p for other, p in pace if other.unlearns == stage.unlearns]
        return mean(config or both or data or alike or [p for _, p in pace]) * self.work[stage.run.path]


def position(stage: Stage, stages: Sequence[Stage]) -> str:
    """Return the place of a stage among all, and its run directory: `stage 2 of 4: runs/demo/retrain`."""
    number = 1 + [other.run.path for other in stages].index(stage.run.path)
    return f"stage {number} of {len(stages)}: {stage.run}"


def _share(stage: Stage) -> float:
    """Return the share of the training images in an epoch: from scratch with a forget rate, only the retained ones."""
    rate = stage.rate
    return 1.0 if stage.unlearns or not isinstance(rate, float | int) or not 0 < rate < 1 else 1 - rate


def _seconds_of(stage: Stage) -> float:
    try:
        runtime = stage.run.read_metrics("reproduce").get("runtime")
    except InputError:
        return 0.0
    values = runtime.values() if isinstance(runtime, dict) else ()
    return sum(value for value in values if isinstance(value, int | float))


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
