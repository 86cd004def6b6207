"""The stopwatch: seconds by stage, and the run time (RTE) that they add up to."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import torch

OVERHEAD = ("download", "reading", "validation", "evaluation", "attack", "logging", "checkpoint", "compilation")
"""Stages that do not belong to the method: measured and listed, but excluded from its run time."""


class Stopwatch:
    """Seconds spent in each named stage, where time inside an inner stage belongs to the inner stage alone.

    `training` is on the clock from the first batch to the last; when validation starts inside it, its clock stands
    still until validation ends. The device is synchronised at every switch, so work still queued on a GPU is charged to
    the stage that queued it.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._running: list[str] = []
        self._since = 0.0

    def start(self, stage: str) -> None:
        """Start `stage` and pause the enclosing one."""
        self._charge()
        self._running.append(stage)

    def stop(self, stage: str) -> None:
        """Stop `stage` and any stage still running inside it."""
        if stage not in self._running:
            return
        self._charge()
        while self._running.pop() != stage:
            pass

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Time a `with` block as `stage`."""
        self.start(stage)
        try:
            yield
        finally:
            self.stop(stage)

    def _charge(self) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now = time.perf_counter()
        if self._running:
            self.seconds[self._running[-1]] += now - self._since
        self._since = now


def run_time_minutes(seconds: dict[str, float]) -> float:
    """Return RTE, the run time of a method in minutes: every stage but the overhead.

    Args:
        seconds: Seconds by stage, as `Stopwatch.seconds`.
    """
    return sum(value for stage, value in seconds.items() if stage not in OVERHEAD) / 60
