"""Names of groups as a user gives them: a list, one name, or a file of names."""

from collections.abc import Sequence
from typing import Any

import yaml

from medunlearn.errors import DataError
from medunlearn.files import UNOPENED, expanded, read_bytes, unreadable

FILE = ".txt"


def group_names(given: Sequence[str | int] | str | int) -> list[str]:
    """Return names, each once, in their order.

    Args:
        given: A list of names, one name, or the path of a .txt file with a name a line. Text in brackets is read
            as a list with every name as written: `[0017]` is the name 0017, not a number.

    Raises:
        DataError: If there is no name, one is invalid, or the file cannot be read.

    Example:
        >>> group_names("P0017"), group_names(["P2", "P1", "P2"]), group_names("[0017, 1e3]")
        (['P0017'], ['P2', 'P1'], ['0017', '1e3'])
    """
    listed = _listed(given)
    if len(listed) == 1 and str(listed[0]).endswith(FILE):
        listed = _from_file(str(listed[0]))
    names = list(dict.fromkeys(str(name).strip() for name in listed))
    if not names or "" in names:
        raise DataError(
            f"groups={','.join(names)}: holds an empty name; give names such as [P0017]", part="data.forget"
        )
    return names


def _listed(given: Any) -> list[Any]:
    if isinstance(given, str) and given[:1] == "[" and given[-1:] == "]":  # jsonargparse keeps numbers as text
        given = _in_brackets(given)
    listed = list(given) if isinstance(given, list | tuple) else [given]
    wrong = [each for each in listed if type(each) not in (str, int)]
    if wrong:
        raise DataError(
            f"groups={given}: {wrong[0]} is not a name; give names such as [P0017], in quotes where they look like "
            "something else",
            part="data.forget",
        )
    return listed


def _in_brackets(text: str) -> Any:
    try:
        return yaml.load(text, yaml.BaseLoader)  # leaves every scalar as text
    except (yaml.YAMLError, RecursionError):
        return text


def _from_file(given: str) -> list[str]:
    path = expanded(given, "groups", "data.forget")
    try:
        lines = read_bytes(path).decode("utf-8-sig").split("\n")
    except UNOPENED as error:
        raise DataError(f"groups={path}: {unreadable(error, 'fix the path')}", part="data.forget") from None
    except UnicodeDecodeError:
        raise DataError(f"groups={path}: is not UTF-8 text; save it as UTF-8", part="data.forget") from None
    return [line.strip() for line in lines if line.strip()]
