"""Results of a verification, one line per check of a statement in the receipt."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

from medunlearn.errors import Fault, InputError, counted
from medunlearn.files import exists
from medunlearn.metrics import Predictions
from medunlearn.receipts.envelope import Envelope
from medunlearn.receipts.schema import Statement
from medunlearn.runs import RunDir

Answer = Literal["OK", "differs", "not checkable here"]
ROUNDING = 1e-6
"""Largest difference by rounding between two computations of one figure, in percentage points."""


class Line(NamedTuple):
    """The answer to one question."""

    subject: str
    """What was checked."""
    answer: Answer
    detail: str = ""
    """What differs, or why it cannot be checked."""

    def __str__(self) -> str:
        text = f"{self.answer:18}  {self.subject}{': ' if self.detail else ''}{self.detail}"
        # A receipt is untrusted: control characters are escaped before it is printed.
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@dataclass(frozen=True)
class Case:
    """A receipt and its directory.

    Attributes:
        receipt: The file.
        envelope: The envelope in it.
        statement: The statement in the envelope.
        run: The directory of the receipt, which may hold the run, parts of it, or nothing of it.
    """

    receipt: Path
    envelope: Envelope
    statement: Statement
    run: RunDir

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Content of `metrics.json`; empty where it is not here."""
        return self.run.read_metrics("receipt") if exists(self.run.metrics) else {}

    @cached_property
    def split(self) -> dict[str, Any]:
        """Content of `split.json`; empty where it is not here."""
        return self.run.read_split("receipt") if exists(self.run.split) else {}

    @cached_property
    def predictions(self) -> Predictions:
        """Content of `predictions.npz`."""
        return predictions_of(self.run)


def predictions_of(run: RunDir) -> Predictions:
    """Return the predictions of a run."""
    return Predictions.from_arrays(run.read_predictions("receipt", Predictions.names()))


def ok(subject: str, detail: str = "") -> Line:
    """Return a line for what is as stated."""
    return Line(subject, "OK", detail)


def differs(subject: str, detail: str) -> Line:
    """Return a line for what is not as stated."""
    return Line(subject, "differs", detail)


def not_here(subject: str, detail: str) -> Line:
    """Return a line for what cannot be checked."""
    return Line(subject, "not checkable here", detail)


def compared(subject: str, found: Any, stated: Any, detail: str = "") -> Line:
    """Return whether a value equals the stated one.

    Args:
        subject: What was checked.
        found: The value found.
        stated: The value in the receipt.
        detail: The text if they differ; by default both values.
    """
    return ok(subject) if found == stated else differs(subject, detail or f"{shown(found)}, stated {shown(stated)}")


def near(found: float | None, stated: float | None, tolerance: float = ROUNDING) -> bool:
    """Return whether two figures are equal but for rounding."""
    if found is None or stated is None:
        return found is stated
    return abs(found - stated) <= tolerance


def figures_compared(
    subject: str, found: dict[str, float | None], stated: Any, tolerances: dict[str, float] | None = None
) -> Line:
    """Return whether figures in % are those of the receipt; the line names those that differ.

    Args:
        subject: What was checked.
        found: The figures by name.
        stated: An object with these figures as attributes.
        tolerances: Allowed differences by name, if larger than by rounding.
    """
    allowed = {name: (tolerances or {}).get(name, ROUNDING) for name in found}
    wrong = [name for name in found if not near(found[name], getattr(stated, name), allowed[name])]
    texts = [f"{name} {shown(found[name])}, stated {shown(getattr(stated, name))}" for name in wrong]
    return differs(subject, "; ".join(texts)) if wrong else ok(subject, ", ".join(found))


def shown(value: Any) -> str:
    """Return a value as text for a line, shortened if long."""
    text = "none" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def reading(subject: str, check: Callable[[], Iterable[Line]]) -> Iterator[Line]:
    """Yield the lines of a check; if a file that it reads is damaged, a line that says so."""
    try:
        yield from check()
    except (Fault, InputError, OSError, KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        problem = error.problem if isinstance(error, Fault) else str(error).partition("\n")[0]
        yield differs(subject, f"cannot be read ({problem or type(error).__name__})")


def summary(lines: Sequence[Line]) -> str:
    """Return how many lines there are of each answer.

    Example:
        >>> summary([ok("id"), not_here("data", "no file")])
        '1 OK, 0 differ, 1 not checkable here'
    """
    count = {answer: sum(line.answer == answer for line in lines) for answer in ("OK", "differs", "not checkable here")}
    return f"{count['OK']} OK, {count['differs']} {'differs' if count['differs'] == 1 else 'differ'}, " + (
        f"{count['not checkable here']} not checkable here"
    )


def images(count: int) -> str:
    """Return a number of images as text."""
    return counted(count, "image")
