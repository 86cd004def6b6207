"""Reads unambiguous JSON: no repeated keys, no NaN, and limits on nesting and file size."""

import json
from pathlib import Path
from typing import Any, NoReturn

from medunlearn.errors import Fault
from medunlearn.files import check_no_pipe
from medunlearn.files.texts import MOST_DIGITS, MOST_LEVELS

MOST_BYTES = 2**26  # of a receipt; one of 100,000 images has some 10 million

TOO_DEEP = f"nested more than {MOST_LEVELS} deep; bring the file back"


def read_strict(path: Path) -> dict[str, Any]:
    """Return the object that a JSON file holds.

    Raises:
        Fault: If it is too large, is not JSON, or could be read in two ways.
        OSError: If it cannot be read.
    """
    check_no_pipe(path)
    if (size := path.stat().st_size) > MOST_BYTES:
        raise Fault(f"its {size} bytes are more than the {MOST_BYTES} of any receipt; give a receipt")
    with path.open("rb") as file:
        return parsed(file.read(MOST_BYTES + 1))


def parsed(content: bytes) -> dict[str, Any]:
    """Return the object that JSON text holds.

    Raises:
        Fault: If it is not JSON, or could be read in two ways.

    Example:
        >>> parsed(b'{"a": 1}')
        {'a': 1}
        >>> parsed(b'{"a": 1, "a": 2}')
        Traceback (most recent call last):
        medunlearn.errors.Fault: the key 'a' stands twice in it; bring the file back
    """
    try:
        found = json.loads(
            content.decode(), object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite, parse_int=_short
        )
    except RecursionError:
        raise Fault(TOO_DEEP) from None
    except ValueError as error:
        reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error).partition("\n")[0]
        raise Fault(f"no JSON: {reason}; bring the file back") from None
    if not isinstance(found, dict):
        raise Fault("it holds no JSON object; bring the file back")
    _check_depth(found)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen = set[str]()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Fault(f"the key {twice[:50]!r} stands twice in it; bring the file back")
    return found


def _no_number(name: str) -> NoReturn:
    raise Fault(f"{name} is no number of JSON; bring the file back")


def _finite(text: str) -> float:
    if (value := float(text)) in (float("inf"), float("-inf")):
        raise Fault("a number in it is too large; bring the file back")
    return value


def _short(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise Fault(f"a number in it has {len(text)} digits; bring the file back")
    return int(text)


def _check_depth(content: Any) -> None:
    level = [content]
    for _ in range(MOST_LEVELS):
        inside = (each.values() if isinstance(each, dict) else each for each in level)
        level = [value for values in inside for value in values if isinstance(value, dict | list)]
    if level:
        raise Fault(TOO_DEEP)
