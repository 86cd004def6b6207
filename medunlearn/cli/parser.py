"""Argument parser of this project's own commands; the commands of LightningCLI have theirs in `settings`."""

import argparse
from typing import Any, NoReturn

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

    def error(self, message: str) -> NoReturn:
        """Raise `InputError`."""
        command = " ".join(self.prog.split()[:2])
        raise InputError(f"{message}; `{command} --help` lists the options")
