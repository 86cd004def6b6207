"""What can go wrong through no fault of this package: wrong input, a file that cannot be read, an interruption."""

import signal


class Interrupted(Exception):
    """A run was asked to end, by Ctrl-C or a signal, and has kept what it needs to go on.

    Args:
        number: The signal.
        hint: How to go on.
    """

    def __init__(self, number: int, hint: str = "") -> None:
        super().__init__(f"ended by {signal.Signals(number).name}{'; ' if hint else ''}{hint}")
        self.number = number
        self.status = 128 + number
        """The exit status, as shells have it for signals."""


LONGEST = 2_000  # characters of an error; a value in a stranger's file may have millions


class InputError(ValueError):
    """Something that the user gave is wrong, and the user can put it right.

    The message is one line that names the argument, its value and the remedy. The command line prints it and ends with
    status 2; from Python it is a `ValueError`.

    Args:
        message: The message. Values in them may come from strangers: line breaks and characters that a terminal would
            obey are written out, and the middle is left out of what would fill the screen.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_one_line(message))

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows: IPython asks for this, and the line is enough."""
        return [f"{type(self).__name__}: {self}"]


class DataError(InputError):
    """The images, the labels or the forget set are not what a run can use."""


class RunError(InputError):
    """A run directory holds no such run: it is missing, unfinished, altered, or cannot be compared with this one."""


class FileError(InputError):
    """A file that the user names cannot be read as what it should be."""


class Fault(Exception):
    """What is wrong with a file and, after a semicolon, how to put it right, not yet naming the file."""

    @property
    def problem(self) -> str:
        """What is wrong, for whoever knows a better remedy."""
        return str(self).rpartition("; ")[0] or str(self)


def _one_line(text: str) -> str:
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
    shown = " ".join(text.splitlines())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)
