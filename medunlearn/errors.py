"""Exceptions for expected failures: invalid input, unreadable files, interruptions."""

import difflib
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Self


class Interrupted(Exception):
    """A run was ended by Ctrl-C or a signal, and can be resumed.

    Args:
        number: The signal.
        hint: How to go on.
    """

    def __init__(self, number: int, hint: str = "") -> None:
        super().__init__(f"ended by {signal.Signals(number).name}{'; ' if hint else ''}{hint}")
        self.number, self.hint = number, hint
        self.status = 128 + number
        """The exit status, 128 + signal number, as in shells."""

    def with_hint(self, hint: str) -> "Interrupted":
        """Return a copy with another hint for resuming."""
        return Interrupted(self.number, hint)


class Stopped(Exception):
    """A tuning trial was stopped early because of its result; its run never counts as finished.

    Args:
        why: The reason.
    """

    status = 3
    """The exit status."""

    def __init__(self, why: str) -> None:
        super().__init__(f"stopped: {why}")


class Killed(Interrupted):
    """One of several processes that train a model was killed, and the others have ended because of that.

    Args:
        number: The signal; None where another process cannot know it.
        hint: How to go on.
        process: The process's rank.
    """

    def __init__(self, number: int | None, hint: str, process: int) -> None:
        super().__init__(signal.SIGKILL if number is None else number, hint)
        self.signal, self.process = number, process
        how = "has ended without a message" if number is None else f"was killed by {signal.Signals(number).name}"
        memory = ", as the system does when memory runs out" if number in (None, signal.SIGKILL) else ""
        self.args = (f"process {process} {how}{memory}; {hint}",)

    def with_hint(self, hint: str) -> "Killed":
        """Return a copy with another hint for resuming."""
        return Killed(self.signal, hint, self.process)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1.

    Example:
        >>> counted(1, "epoch"), counted(1200, "epoch"), counted(0, "batch")
        ('1 epoch', '1,200 epochs', '0 batches')
    """
    ending = "" if number == 1 else "es" if noun.endswith(("s", "tch")) else "s"
    return f"{number:,} {noun}{ending}"


def suggestion(name: str, known: Iterable[str], prefix: str = "") -> str:
    """Return `did you mean PREFIX+NAME? `, empty where nothing is close.

    Example:
        >>> suggestion("momentu", ["lr", "momentum"]), suggestion("learning_rate", ["lr", "momentum"])
        ('did you mean momentum? ', 'did you mean lr? ')
    """
    names, initials = sorted(known), "".join(part[:1] for part in name.split("_"))
    close = [each for each in names if each == initials != name[:1]]
    close += difflib.get_close_matches(name, names, n=1, cutoff=0.6) or [e for e in names if e.startswith(name)]
    return f"did you mean {prefix}{close[0]}? " if close else ""


PARTS = ("model.init_args", "data.forget", "data", "evaluation", "trainer")
"""The option paths of the parts of a run; a part within another comes first."""

LONGEST = 2_000  # characters of an error; a value in an untrusted file may have millions


_COMMAND_LINE: ContextVar[bool] = ContextVar("command_line", default=False)


@contextmanager
def command_line() -> Iterator[None]:
    """Within a `with` block, errors suggest shell commands as remedies; elsewhere Python calls.

    Example:
        >>> with command_line():
        ...     on_command_line()
        True
        >>> on_command_line()
        False
    """
    before = _COMMAND_LINE.set(True)
    try:
        yield
    finally:
        _COMMAND_LINE.reset(before)


def on_command_line() -> bool:
    """Return whether the user runs a shell command rather than a Python call."""
    return _COMMAND_LINE.get()


STAGE_OF_A_PLAN = "MEDUNLEARN_STAGE_OF_A_PLAN"
"""Set in the environment of a process that runs one stage of a plan, a study or a search."""


def of_a_plan() -> bool:
    """Return whether this process runs one stage of a plan whose parent process reports to the user."""
    return bool(os.environ.get(STAGE_OF_A_PLAN))


class InputError(ValueError):
    """Invalid input that the user can correct.

    The message is one line that names the argument, its value and the remedy. From Python it is a `ValueError`. The
    command line puts the path of the argument's part before it, prints it and ends with status 2.

    Args:
        message: The message. Values in it may come from untrusted files: line breaks and control characters are
            escaped, and the middle of a very long message is left out.
        part: The option path of the part that has the argument, such as `model.init_args`; the message does not
            contain it. Empty for a command's own argument.
    """

    def __init__(self, message: str, part: str = "") -> None:
        super().__init__(_one_line(message))
        self.part = part
        self._message = message

    @property
    def for_command_line(self) -> str:
        """The message with the argument's whole path, as in options and configs."""
        return _one_line(f"{self.part}.{self._message}" if self.part else self._message)

    @classmethod
    def of_option(cls, message: str) -> Self:
        """Return the error of a message that begins with an option's whole path, such as `data.forget.rate=2: ...`."""
        part = next((each for each in PARTS if message.startswith(f"{each}.")), "")
        return cls(message.removeprefix(f"{part}."), part)

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in a notebook: the one line instead of a traceback."""
        return [f"{type(self).__name__}: {self}"]


def check_least(name: str, value: int, least: int = 0, part: str = "") -> None:
    """Reject a number that is too small.

    Args:
        name: The argument.
        value: The given value.
        least: The smallest allowed value.
        part: As in `InputError`.

    Raises:
        InputError: If it is smaller.

    Example:
        >>> check_least("seed", -1)
        Traceback (most recent call last):
        medunlearn.errors.InputError: seed=-1: give a whole number of 0 or more
    """
    if value < least:
        raise InputError(f"{name}={value}: give a whole number of {least} or more", part)


class DataError(InputError):
    """The images, the labels or the forget set are invalid."""


class RunError(InputError):
    """A run directory holds no such run: it is missing, unfinished, altered, or cannot be compared with this one."""


class FileError(InputError):
    """A file named by the user cannot be read in the expected format."""


class Fault(Exception):
    """A problem with a file and, after a semicolon, the remedy; the caller adds the name of the file."""

    @property
    def problem(self) -> str:
        """The problem alone, for callers that know a better remedy."""
        return str(self).rpartition("; ")[0] or str(self)


@contextmanager
def owned_by(part: str, argument: str) -> Iterator[None]:
    """Add the part that an argument belongs to, to errors in a `with` block that name only the argument.

    Args:
        part: As of `InputError`.
        argument: The argument; errors that begin with another name, or have a part already, are not changed.

    Raises:
        InputError: The same error, with its part.
    """
    try:
        yield
    except InputError as error:
        if not error.part and str(error).startswith((f"{argument}=", f"{argument}:")):
            error.part = part
        raise


def _one_line(text: str) -> str:
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
    shown = " ".join(text.splitlines())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)
