"""Verdicts of an audit: each result is inside the band of Retrains, outside it, or undecided."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from medunlearn.audit.attacks import AttackRow
from medunlearn.audit.distances import DistanceRow
from medunlearn.audit.subjects import Subject

Answer = Literal["inside", "outside", "cannot tell"]

INSIDE = "as between Retrains"
TOO_FEW = "so few images do not even distinguish the untouched model from Retrains"
NO_BAND = "there is no band of Retrains, which takes two; name more with --against"
ABOVE, BELOW = "above the band of Retrains", "below the band of Retrains: a trace of unlearning too"
NOT_FALLEN = "margins have fallen less than a Retrain's: it still knows them"
CHANCE = 0.5


@dataclass(frozen=True)
class Verdict:
    """The answer to one question.

    Attributes:
        question: The question.
        measure: The measure that decides it.
        value: The measure of the audited model.
        interval: Its 95 % interval.
        band: Lowest and highest value among Retrains; None where it is not known.
        untouched: The measure of the untouched model; None if that model is missing.
        answer: `inside` the band of Retrains, `outside` it, or `cannot tell`.
        reason: Why.
    """

    question: str
    measure: str
    value: float | None
    interval: tuple[float, float] | None
    band: tuple[float, float] | None
    untouched: float | None
    answer: Answer
    reason: str


QUESTIONS = (
    ("margin", "auc", "Can forgotten images be recognised?", "AUC of margins"),
    ("margin", "tpr", "Are a few forgotten images given away?", "true positive rate"),
    ("difference", "auc", "Can one who has both models list them?", "AUC of the fall in margin"),
    ("RMIA", "auc", "Can one who has Retrains find them?", "AUC of RMIA"),
    ("LiRA", "auc", "Does an image stand out beside its Retrains?", "AUC of offline LiRA"),
)
ANSWERS = {
    "forget": "Does it answer as Retrain: forgotten images?",
    "retain": "Does it answer as Retrain: retained images?",
    "test": "Does it answer as Retrain: test images?",
}


def verdicts(subject: Subject, attacks: Sequence[AttackRow], distances: Sequence[DistanceRow]) -> list[Verdict]:
    """Return the answers of an audit.

    A question about forgotten images is answered with `cannot tell` if the original would pass by the same measure: a
    test that does not detect the original has no power.
    """
    found = []
    for attack, measure, question, name in QUESTIONS:
        rows = [row for row in attacks if row.part == "forget" and row.attack == attack]
        if rows and (verdict := _of_attack(subject, rows, measure, question, name)) is not None:
            found.append(verdict)
    rows_by_part = {row.part: row for row in distances if row.measure == "Jensen-Shannon"}
    return found + [
        _of_distance(rows_by_part[part], question) for part, question in ANSWERS.items() if part in rows_by_part
    ]


def _of_attack(subject: Subject, rows: Sequence[AttackRow], measure: str, question: str, name: str) -> Verdict | None:
    by_model = {row.model: row for row in rows}
    own = by_model.get(subject.unlearned.label)
    if own is None:
        return None
    key = measure
    if measure == "tpr":
        key = next((each for each in ("tpr@0.001", "tpr@0.01", "tpr@0.1") if own.figures[each] is not None), "")
        if not key:
            return None
        name += f" at {100 * float(key.removeprefix('tpr@')):g} % false positives"
    value, interval = own.figures[key], own.intervals[key]
    if value is None or interval is None:
        return None
    among = [by_model[each.label].figures[key] for each in subject.retrains if each.label in by_model]
    known = [each for each in among if each is not None]
    band = (min(known), max(known)) if len(known) > 1 else None
    before = by_model[subject.original.label] if subject.original and subject.original.label in by_model else None
    untouched = None if before is None else before.figures[key]
    if not subject.retrains and own.attack != "difference" and measure == "auc":
        band = (CHANCE, CHANCE)  # without any Retrain
    if own.attack == "LiRA" and band is None:
        return None  # with two Retrains, neither can be compared with two others
    found, reason = answer(interval, band, untouched)
    if own.attack == "difference" and reason == BELOW:
        reason = NOT_FALLEN
    return Verdict(question, name, value, interval, band, untouched, found, reason)


def answer(
    interval: tuple[float, float], band: tuple[float, float] | None, untouched: float | None
) -> tuple[Answer, str]:
    """Return the position of a value relative to a band, and the reason.

    Args:
        interval: The value's 95 % interval.
        band: Lowest and highest value among Retrains; None where it is not known.
        untouched: The value of the original; None if unknown.

    Example:
        >>> answer((0.48, 0.56), band=(0.49, 0.51), untouched=0.63)
        ('inside', 'as between Retrains')
        >>> answer((0.58, 0.64), band=(0.49, 0.51), untouched=0.63)
        ('outside', 'above the band of Retrains')
        >>> answer((0.43, 0.64), band=(0.49, 0.51), untouched=0.63)[0]
        'cannot tell'
    """
    if band is None:
        return "cannot tell", NO_BAND
    low, high = interval
    if low > band[1]:
        return "outside", ABOVE
    if high < band[0]:
        return "outside", BELOW
    if untouched is not None and (low <= untouched <= high or band[0] <= untouched <= band[1]):
        return "cannot tell", TOO_FEW
    return "inside", INSIDE


def _of_distance(row: DistanceRow, question: str) -> Verdict:
    name = "Jensen-Shannon divergence"
    if row.retrains is None or row.interval is None:
        return Verdict(question, name, row.unlearned, None, None, row.untouched, "cannot tell", NO_BAND)
    limits = (row.retrains + row.interval[0], row.retrains + row.interval[1])
    shown = (question, name, row.unlearned, limits, (0.0, row.retrains), row.untouched)
    if limits[0] > row.retrains:
        return Verdict(*shown, "outside", "further from Retrains than they are from each other")
    if row.part == "forget" and row.untouched is not None and row.untouched <= limits[1]:
        return Verdict(*shown, "cannot tell", TOO_FEW)
    return Verdict(*shown, "inside", INSIDE)
