"""Argument parser of this project's own commands; the commands of LightningCLI have theirs in `settings`."""

import argparse
import textwrap
from typing import Any, NoReturn

from medunlearn.cli.comparison import terminal_width
from medunlearn.errors import InputError


def boolean(text: str) -> bool:
    """Parse the value of an option that is `true` or `false`.

    Raises:
        argparse.ArgumentTypeError: If it is neither.

    Example:
        >>> boolean("true")
        True
    """
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text} is neither true nor false")
    return text.lower() == "true"


BOOLEAN: dict[str, Any] = {"type": boolean, "default": False, "metavar": "{true,false}"}
"""Keyword arguments of `add_argument` for an option that is true or false."""


class CommandParser(argparse.ArgumentParser):
    """An argparse parser that rejects abbreviated options and raises `InputError` on errors.

    Args:
        prog: The command, `medunlearn NAME`, with its positional arguments.
        options: Keyword arguments of `argparse.ArgumentParser`.
    """

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, allow_abbrev=False, **options)

    def format_help(self) -> str:
        """Return the help, its prose wrapped to the terminal's width."""
        if self.formatter_class is not argparse.RawDescriptionHelpFormatter:  # the others wrap
            return super().format_help()
        as_given = self.description, self.epilog
        self.description, self.epilog = map(wrapped, as_given)
        try:
            return super().format_help()
        finally:
            self.description, self.epilog = as_given

    def error(self, message: str) -> NoReturn:
        """Raise `InputError`."""
        command = " ".join(self.prog.split()[:2])
        raise InputError(f"{message}; `{command} --help` lists the options")


def wrapped(text: str | None) -> str | None:
    r"""Wrap the prose of a help text to the terminal's width; what is laid out stays as it is.

    Args:
        text: Paragraphs with an empty line between them; None for none.

    Example:
        >>> wrapped("examples:\n  medunlearn list")
        'examples:\n  medunlearn list'
    """
    if text is None:
        return None
    width = terminal_width() - 2  # as argparse does
    return "\n\n".join(
        part
        if "\n " in part or "  " in part or part.startswith(" ")
        else textwrap.fill(part, width, break_on_hyphens=False)
        for part in text.strip("\n").split("\n\n")
    )
