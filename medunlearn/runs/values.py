"""Types of the values in a run's JSON files; values are accepted unchanged or rejected, never converted."""

import reprlib
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, FailFast, Field, PlainValidator

from medunlearn.errors import Fault
from medunlearn.runs.class_names import check_class_names

LARGEST = 2**63 - 1


def check_mapping(value: Any, name: str) -> dict[str, Any]:
    """Return a group of settings; an empty one if it is missing.

    Raises:
        Fault: If it is not a mapping.
    """
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) and key.isprintable() for key in value):
        raise Fault(f"{name} is {reprlib.repr(value)}, not a group of settings; write `name: value` lines")
    return value


def is_line(value: Any) -> bool:
    """Return whether a value is a single-line string that fits in a table."""
    return isinstance(value, str) and value.isprintable() and len(value) <= 500


def is_whole(value: Any) -> bool:
    """Return whether a value is an integer that fits in any array."""
    return type(value) is int and -LARGEST <= value <= LARGEST


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and -LARGEST <= value <= LARGEST  # NaN fails every comparison


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and "\0" not in value


def _is_seconds(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_number(each) and each >= 0 for each in value.values())


def _is_facts(value: Any) -> bool:
    return isinstance(value, dict) and all(each is None or _is_number(each) or is_line(each) for each in value.values())


def _are_class_names(value: Any) -> bool:
    try:
        return isinstance(value, list) and bool(check_class_names(value))
    except Fault:
        return False


def _required(fits: Callable[[Any], bool]) -> PlainValidator:
    def check(value: Any) -> Any:
        if not fits(value):
            raise ValueError("of another form")
        return value

    return PlainValidator(check)


def _distinct(values: list[int]) -> list[int]:
    if len(set(values)) < len(values):
        raise ValueError("repeated")
    return values


# A value is accepted unchanged or rejected, never converted: "1" and True are not numbers.
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Points = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]
Minutes = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Whole = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
Count = Annotated[int, Field(ge=0, le=LARGEST)]
Line = Annotated[str, _required(is_line)]
RunPath = Annotated[str, _required(_is_path)]  # pydantic's own str rejects names that are not UTF-8
Seconds = Annotated[dict[str, float], _required(_is_seconds)]
Shares = dict[str, Percent | None]
Facts = Annotated[dict[str, Any], _required(_is_facts)]
ClassNames = Annotated[list[str], _required(_are_class_names)]
Indices = Annotated[list[Count], FailFast(), AfterValidator(_distinct)]
