"""Reads values by epoch from a run's CSV logs."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from medunlearn.errors import Fault, InputError
from medunlearn.files import read_bytes
from medunlearn.runs.directory import RunDir

Logged = list[tuple[int, dict[str, float]]]
"""Pairs of epoch, counted from 0, and values by name."""


def logged_values(run: RunDir, names: Sequence[str], argument: str) -> Logged:
    """Return values in [0, 100] that a run has logged, by epoch; for a repeated epoch the last ones.

    Args:
        run: The run directory.
        names: The columns, such as `unlearning/RA`.
        argument: What errors name.

    Raises:
        InputError: If a CSV log is damaged.

    Example:
        >>> logged_values(RunDir("runs/without_logs"), ["val/accuracy"], "report")
        []
    """
    points: dict[int, dict[str, float]] = {}
    for path in sorted(run.logs.rglob("metrics.csv"), key=_by_number):
        try:
            for line in csv.DictReader(read_bytes(path).decode().splitlines()):
                epoch, values = _point(line, names)
                if values:
                    points.setdefault(epoch, {}).update(values)
        except (Fault, OSError, ValueError, TypeError, OverflowError, csv.Error):
            raise InputError(f"{argument}={run}: {path} holds no curves; delete it, or run that stage again") from None
    return sorted(points.items())


def _by_number(path: Path) -> list[str | int]:
    """Sort version_10 after version_2: each resumption writes a new version."""
    return [int(part) if part.isdecimal() else part for part in re.split("([0-9]+)", str(path))]


def _point(line: dict[str, str], names: Sequence[str]) -> tuple[int, dict[str, float]]:
    values = {name: float(line[name]) for name in names if line.get(name)}
    if not values or not line.get("epoch"):
        return 0, {}
    epoch = int(float(line["epoch"]))
    if not all(0 <= value <= 100 for value in values.values()) or not 0 <= epoch < 2**31:
        raise ValueError("out of range")
    return epoch, values
