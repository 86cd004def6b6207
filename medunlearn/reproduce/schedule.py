from collections.abc import Sequence
from statistics import mean

from medunlearn.errors import InputError
from medunlearn.reproduce.execution import Outcome
from medunlearn.reproduce.plan import Stage


class TimeLeft:
    """Counts the stages of a plan and estimates the time left from stages that are finished.

    A stage is taken to last as long as the finished ones of the same method on the same data, else of the same method,
    else of any; nothing is said before one is finished.

    Args:
        stages: All stages of the plan; those finished in an earlier call tell their time too.
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.stages = list(stages)
        self.waiting = {stage.run.path: stage for stage in stages if not stage.run.finished}
        self.spent: list[tuple[Stage, float]] = []
        for stage in stages:
            if stage.run.finished and (seconds := _seconds_of(stage)):
                self.spent.append((stage, seconds))

    def title(self, stage: Stage) -> str:
        """Return the heading of a stage that begins."""
        number = 1 + [other.run.path for other in self.stages].index(stage.run.path)
        left = self.seconds_left()
        return f"stage {number} of {len(self.stages)}: {stage.run}" + (
            "" if left is None else f" ({_words(left)} left)"
        )

    def line(self, outcome: Outcome) -> str:
        """Return what is said of a stage that has ended, or needed no running."""
        number = 1 + [other.run.path for other in self.stages].index(outcome.stage.run.path)
        after = f" after {_words(outcome.seconds)}" if outcome.seconds else ""
        why = f" ({outcome.reason})" if outcome.reason else ""
        return f"stage {number} of {len(self.stages)}: {outcome.stage.run}: {outcome.state}{after}{why}"

    def count(self, outcome: Outcome) -> None:
        """Take a stage off the list."""
        self.waiting.pop(outcome.stage.run.path, None)
        if outcome.state == "done":
            self.spent.append((outcome.stage, outcome.seconds))

    def seconds_left(self) -> float | None:
        """Return how long the waiting stages will take one after another; None where nothing tells."""
        return sum(map(self._expected, self.waiting.values())) if self.spent else None

    def _expected(self, stage: Stage) -> float:
        alike = [seconds for other, seconds in self.spent if other.method == stage.method]
        same = [s for other, s in self.spent if (other.method, other.dataset) == (stage.method, stage.dataset)]
        return mean(same or alike or [seconds for _, seconds in self.spent])


def _seconds_of(stage: Stage) -> float:
    try:
        runtime = stage.run.read_metrics("reproduce").get("runtime")
    except InputError:
        return 0.0
    values = runtime.values() if isinstance(runtime, dict) else ()
    return sum(value for value in values if isinstance(value, int | float))


def _words(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
