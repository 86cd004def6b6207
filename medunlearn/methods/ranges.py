"""Range checks for arguments of methods, with one-line errors that say what is allowed."""

import math
from collections.abc import Callable, Mapping
from typing import Any, get_args

from medunlearn.errors import InputError


def not_negative(**values: float) -> None:
    """Raise InputError unless all values, given by argument name, are numbers of 0 or more."""
    within("a number of 0 or more", lambda value: 0 <= value < math.inf, **values)


def positive(**values: float) -> None:
    """Raise InputError unless values are numbers above 0."""
    within("a number above 0", lambda value: 0 < value < math.inf, **values)


def share(**values: float) -> None:
    """Raise InputError unless values are numbers from 0 to 1."""
    within("a share from 0 to 1", lambda value: 0 <= value <= 1, **values)


def whole(least: int, **values: int) -> None:
    """Raise InputError unless values are whole numbers of `least` or more."""
    _check(f"a whole number of {least} or more", lambda value: value >= least, int, values)


def within(allowed: str, holds: Callable[[float], bool], **values: float) -> None:
    """Raise InputError unless a condition holds for values that are numbers.

    Args:
        allowed: What is allowed, for the error.
        holds: The condition.
        values: The values, by the name of their argument.
    """
    _check(allowed, holds, int | float, values)


def one_of(choices: Any, **values: object) -> None:
    """Raise InputError unless values are among the names of a `Literal`."""
    for name, value in values.items():
        if value not in get_args(choices):
            raise InputError(f"{name}={value}: choose one of {', '.join(get_args(choices))}", part="model.init_args")


def _check(allowed: str, holds: Callable[[float], bool], kind: Any, values: Mapping[str, float]) -> None:
    for name, value in values.items():
        number = isinstance(value, kind) and not isinstance(value, bool)
        if not number or not holds(value):
            shown = value if isinstance(value, int | float) else repr(value)  # text in quotes
            raise InputError(f"{name}={shown}: give {allowed}", part="model.init_args")
