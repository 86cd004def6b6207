"""The table of a U-LiRA study: a row per config, with the meaning of its figures."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from medunlearn.report.markdown import aligned
from medunlearn.ulira.figures import POOLED_BELOW

Row = Mapping[str, Any]

HEAD = (
    *("run", "method", "AUC (95 %)", "by chance", "TPR at 10 %", "TPR at 1 %", "quality", "KLoM"),
    *("UA", "RA", "TA", "reading"),
)

TOO_FEW = "too few finished runs"
POWER = "images in training are distinguished from others, as they must be"
NO_POWER = "images in training are not distinguished from others: this study says nothing"
AT_CHANCE = "at chance, as it must be"
AWAY = "away from chance: 1 Retrain in 20 is, else something leaks"
LEAK = "forgotten images are distinguished from ones never seen"
NO_LEAK = "no leak found"
UNKNOWN = "no leak found, but none of its original either: nothing can be said"


def reading(row: Row, original: Row | None = None) -> str:
    """Return what the figures of a row mean.

    Args:
        row: The row.
        original: The row of the originals.
    """
    if row["auc"] is None:
        return TOO_FEW
    low, high = row["auc_chance"]
    above = row["auc"] > high
    if row["role"] == "original":
        return POWER if above else NO_POWER
    if row["role"] == "retrained":
        return AT_CHANCE if low <= row["auc"] <= high else AWAY
    if above:
        return LEAK
    return NO_LEAK if original is not None and reading(original) == POWER else UNKNOWN


def table(rows: Sequence[Row]) -> str:
    """Return the table as Markdown, with remarks below."""
    original = next((row for row in rows if row["role"] == "original"), None)
    lines = [_line(row, reading(row, original)) for row in rows]
    return "\n".join([aligned(HEAD, lines, left=(0, 1, len(HEAD) - 1)), "", *_remarks(rows)])


def _line(row: Row, says: str) -> list[str]:
    chance = row["auc_chance"]
    return [
        row["run"],
        row["method"],
        _with_limits(row, "auc", ".3f"),
        "-" if chance is None else f"{chance[0]:.3f} to {chance[1]:.3f}",
        *(_with_limits(row, f"tpr@{level}", ".1%") for level in ("0.1", "0.01")),
        _number(row["quality"], ".3f"),
        _number(row["klom"], ".2f"),
        *(_number(mean(values) if (values := row["utility"][name]) else None, ".2f") for name in ("UA", "RA", "TA")),
        says,
    ]


def _with_limits(row: Row, name: str, form: str) -> str:
    if row[name] is None:
        return "-"
    low, high = row[f"{name}_interval"]
    return f"{row[name]:{form}} ({low:{form}} to {high:{form}})".replace("%", " %")


def _number(value: Any, form: str) -> str:
    return "-" if value is None else format(value, form)


def _remarks(rows: Sequence[Row]) -> list[str]:
    found = [
        "AUC 0.5 is guessing. An AUC above the interval by chance is a leak; a leak may exist even where none is found."
    ]
    if any(row["quality"] is not None for row in rows):
        found.append("Quality and KLoM compare with Retrains; what two groups of Retrains have is Retrain's own row.")
    if any(row["pooled"] for row in rows):
        found.append(
            f"One variance for all images, as below {POOLED_BELOW} originals: with more, the attack is sharper."
        )
    return found
