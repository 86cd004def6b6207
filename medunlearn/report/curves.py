"""The curves of a run, as its CSV log has them."""

import csv
import re
from pathlib import Path

from medunlearn.errors import Fault, InputError
from medunlearn.files import read_bytes
from medunlearn.runs import RunDir


def read_curve(run: RunDir) -> list[tuple[int, dict[str, float]]]:
    """Return the logged points (epoch, UA, RA, TA) of a run; none where curves were not asked for."""
    points = []
    for path in sorted(run.logs.rglob("metrics.csv"), key=_by_number):
        try:
            lines = read_bytes(path).decode().splitlines()
            points += [point for line in csv.DictReader(lines) if (point := _point(line)) is not None]
        except (Fault, OSError, ValueError, TypeError, OverflowError, csv.Error):
            raise InputError(f"report={run}: {path} holds no curves; delete it, or run that stage again") from None
    return points


def _by_number(path: Path) -> list[str | int]:
    """Sort version_10 after version_2: each resume writes a version of its own."""
    return [int(part) if part.isdecimal() else part for part in re.split("([0-9]+)", str(path))]


def _point(line: dict[str, str]) -> tuple[int, dict[str, float]] | None:
    values = {key: float(line[f"unlearning/{key}"]) for key in ("UA", "RA", "TA") if line.get(f"unlearning/{key}")}
    if not values or not line.get("epoch"):
        return None
    epoch = int(float(line["epoch"]))
    if not all(0 <= value <= 100 for value in values.values()) or not 0 <= epoch < 2**31:
        raise ValueError("out of range")
    return epoch, values
