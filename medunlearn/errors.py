import re
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
        message: The words. Values in them may come from strangers: line breaks and characters that a terminal would
            obey are written out, and the middle is left out of what would fill the screen.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_one_line(message))


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


# What jsonargparse says, and what this project says instead. Whatever matches none of these is passed on in one line.
_OPTION_ERRORS = (
    (r"Expected a dot import path string: ([^ ]+) ", r"model=\1: no such method; choose Train, Retrain or SalUn"),
    (
        r"arguments are required: (?:fit\.)?model",
        r"model: no method named; give one of Train, Retrain, SalUn, or a config",
    ),
    (
        r"Problem with given class_path '[\w.]+': the following arguments are required: (\w+)",
        r"model.init_args.\1: missing; set it",
    ),
    (
        r"Problem with given class_path '([\w.]+)': Option '(\w+)' is not accepted",
        r"model.init_args.\2: \1 has no such option",
    ),
    (
        r"Problem with given class_path '[\w.]+': Parser key \"(\w+)\": Expected an? (.+?)\. Got value: ([^ ]+)",
        r"model.init_args.\1=\3: give \2",
    ),
    (r"^Parser key \"([\w.]+)\": Expected an? (.+?)\. Got value: (.*)$", r"\1=\3: give \2"),
    (r"^Parser key \"([\w.]+)\": Does not .*? Subtypes: \[(.*?)\] Errors: .* Given value: (.*)$", r"\1=\3: give \2"),
    (r"^unrecognized arguments: (.*)$", r"\1: no such option"),
)


def option_error(message: str, command: str) -> str:
    """Return jsonargparse's account of a wrong option in this project's form: argument, value, remedy, on one line.

    Args:
        message: What jsonargparse says, often over several lines.
        command: The command that was called.
    """
    flat = " ".join(message.split())
    for pattern, form in _OPTION_ERRORS:
        if found := re.search(pattern, flat):
            flat = found.expand(form)
            break
    plain = (
        re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", flat)
        .replace("typing.Literal", "one of ")
        .replace("NoneType", "null")
    )
    return f"{plain}; `medunlearn {command} --help` lists the options"
