"""The parser of the commands that are this project's own; the commands of LightningCLI have theirs in `settings`."""

import argparse
from typing import Any, NoReturn

from medunlearn.errors import InputError


def boolean(text: str) -> bool:
    """Return what an option of `true` or `false` says.

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
"""What `add_argument` takes for an option that is true or false."""


class CommandParser(argparse.ArgumentParser):
    """argparse's parser that takes options in full and raises `InputError` for wrong ones.

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
