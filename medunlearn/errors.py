import argparse
import re
import signal
from typing import Any, NoReturn


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

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows: IPython asks for this, and the line is enough."""
        return [f"{type(self).__name__}: {self}"]


class DataError(InputError):
    """The images, the labels or the forget set are not what a run can use."""


class RunError(InputError):
    """A run directory holds no such run: it is missing, unfinished, altered, or cannot be compared with this one."""


class FileError(InputError):
    """A file that the user names cannot be read as what it should be."""


class CommandParser(argparse.ArgumentParser):
    """argparse's parser for commands of this project: options in full, and what is wrong with them as `InputError`.

    Args:
        prog: The command, `medunlearn NAME`, and what stands before its options.
        options: As `argparse.ArgumentParser` takes them.
    """

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raise `InputError`."""
        command = " ".join(self.prog.split()[:2])
        raise InputError(f"{message}; `{command} --help` lists the options")


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


# What jsonargparse says, and what this project says instead, KEY being the option that it is about. Whatever matches
# none of these is passed on in one line.
_CLASS = r"Problem with given class_path '([\w.]+)': "
_OPTION_ERRORS = (
    (
        r"\"model\": .*Expected a dot import path string: ([^ ]+) ",
        r"KEY=\1: no such method; choose Train, Retrain or SalUn",
    ),
    (
        r"\"model\": - Expected a path but ([^ ]+) .*does not correspond to a subclass of",
        r"KEY=\1: no method; choose Train, Retrain, SalUn, or a subclass of medunlearn.methods.Classifier",
    ),
    (r"Expected a dot import path string: ([^ ]+) ", r"KEY=\1: no such class; give the name by which it is imported"),
    (
        r"arguments are required: (?:fit\.)?model",
        r"model: no method named; give one of Train, Retrain, SalUn, or a config",
    ),
    (
        _CLASS + r"No module named '([\w.]+)'",
        r"KEY.class_path=\1: no module \2 is found; mend the name, or set PYTHONPATH to the folder that holds \2.py",
    ),
    (_CLASS + r"module '([\w.]+)' has no attribute '(\w+)'", r"KEY.class_path=\1: \2 has no \3; mend the name"),
    (_CLASS + r"No ([\w.]+) attribute (\w+)", r"KEY.class_path=\1: \2 has no \3; mend the name"),  # lazy_loader's
    (_CLASS + r"the following arguments are required: (\w+)", r"KEY.init_args.\2: missing; set it"),
    (_CLASS + r"Parser key \"(\w+)\": Expected an? (.+?)\. Got value: ([^ ]+)", r"KEY.init_args.\2=\4: give \3"),
    (_CLASS + r"Option '(\w+)' is not accepted", r"KEY.init_args.\2: \1 has no such option"),
    (r"^Parser key \"[\w.]+\": Expected an? (.+?)\. Got value: (.*)$", r"KEY=\2: give \1"),
    (r"^Parser key \"[\w.]+\": Does not .*? Subtypes: \[(.*?)\] Errors: .* Given value: (.*)$", r"KEY=\2: give \1"),
    (r"^unrecognized arguments: (.*)$", r"\1: no such option"),
)


def option_error(message: str, command: str) -> str:
    """Return jsonargparse's account of a wrong option in this project's form: argument, value, remedy, on one line.

    Args:
        message: What jsonargparse says, often over several lines.
        command: The command that was called.
    """
    flat = " ".join(message.split())
    named = re.match(r"Parser key \"([\w.]+)\"", flat)
    for pattern, form in _OPTION_ERRORS:
        if found := re.search(pattern, flat):
            flat = found.expand(form.replace("KEY", named[1] if named else "model"))
            break
    plain = (
        re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", flat)
        .replace("typing.Literal", "one of ")
        .replace("NoneType", "null")
    )
    method = re.search(r"class_path 'medunlearn\.(\w+)'", message) if plain.startswith("model.init_args.") else None
    listing = f"--model.help {method[1]}" if method else "--help"
    return f"{plain}; `medunlearn {command} {listing}` lists the options"
