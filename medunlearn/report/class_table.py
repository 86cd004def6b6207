"""The table of UA and TA by class, from the predictions of a section's runs."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from medunlearn.metrics import Predictions, accuracy, retained_accuracy, wholly_forgotten
from medunlearn.report.readings import class_error, forgotten_counts, predictions
from medunlearn.report.sections import Section


class ClassRow(NamedTuple):
    """One class: texts."""

    name: str
    forgotten: str
    """Its images in the forget sets of all seeds."""
    tested: str
    entries: tuple[tuple[str, str], ...]
    """UA and TA of each method."""


class ClassTable(NamedTuple):
    """UA and TA by class, all seeds together."""

    methods: tuple[str, ...]
    rows: tuple[ClassRow, ...]
    """The classes, then all together, then, if some are forgotten as a whole, the others together."""
    gone: tuple[str, ...]
    """The classes that are forgotten as a whole."""


def class_table(section: Section) -> ClassTable | None:
    """Return the table of a section; None where its runs have no predictions.

    Example:
        >>> class_table(Section("cells", "10 %", "Default")) is None
        True
    """
    found = predictions(section)
    if not found:
        return None
    methods, forgotten = list(found.values()), forgotten_counts(found)
    tested = np.bincount(methods[0][0].test.labels, minlength=len(forgotten))
    names = section.class_names if len(section.class_names) == len(forgotten) else [*map(str, range(len(forgotten)))]
    rows = [_row(number, name, forgotten[number], tested[number], methods) for number, name in enumerate(names)]
    rows.append(ClassRow("all", f"{sum(forgotten):,}", f"{tested.sum():,}", tuple(map(_together, methods))))
    gone = set.intersection(*(wholly_forgotten(each) for seeds in methods for each in seeds))
    if gone:
        left = tested.sum() - tested[list(gone)].sum()
        rows.append(ClassRow("retained classes", "", f"{left:,}", tuple(map(_retained, methods))))
    return ClassTable(tuple(found), tuple(rows), tuple(names[number] for number in sorted(gone)))


def _row(number: int, name: str, forgotten: int, tested: int, methods: Sequence[Sequence[Predictions]]) -> ClassRow:
    entries = []
    for seeds in methods:
        forget = class_error([each.forget for each in seeds], number)
        test = class_error([each.test for each in seeds], number)
        entries.append((_text(forget), _text(None if test is None else 100 - test)))
    return ClassRow(name, f"{forgotten:,}", f"{tested:,}", tuple(entries))


def _together(seeds: Sequence[Predictions]) -> tuple[str, str]:
    right = _mean([accuracy(each.forget) for each in seeds])
    return _text(None if right is None else 100 - right), _text(_mean([accuracy(each.test) for each in seeds]))


def _retained(seeds: Sequence[Predictions]) -> tuple[str, str]:
    return "", _text(_mean([retained_accuracy(each) for each in seeds]))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
