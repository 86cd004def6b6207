"""Names of groups as a user gives them: a list, one name, or a file of names."""

from collections.abc import Sequence

from medunlearn.errors import DataError
from medunlearn.files import UNOPENED, expanded, read_bytes, unreadable

FILE = ".txt"


def group_names(given: Sequence[str] | str) -> list[str]:
    """Return names, each once, in their order.

    Args:
        given: A list of names, one name, or the path of a .txt file with a name a line.

    Raises:
        DataError: If there is none, or the file cannot be read.

    Example:
        >>> group_names("P0017"), group_names(["P2", "P1", "P2"])
        (['P0017'], ['P2', 'P1'])
    """
    listed = [given] if isinstance(given, str) else list(given)
    if len(listed) == 1 and str(listed[0]).endswith(FILE):
        listed = _from_file(str(listed[0]))
    names = list(dict.fromkeys(str(name).strip() for name in listed))
    if not names or "" in names:
        raise DataError(
            f"groups={','.join(names)}: holds an empty name; give names such as [P0017]", part="data.forget"
        )
    return names


def _from_file(given: str) -> list[str]:
    path = expanded(given, "groups", "data.forget")
    try:
        lines = read_bytes(path).decode("utf-8-sig").split("\n")
    except UNOPENED as error:
        raise DataError(f"groups={path}: {unreadable(error, 'mend the path')}", part="data.forget") from None
    except UnicodeDecodeError:
        raise DataError(f"groups={path}: is no text in UTF-8; save it as UTF-8", part="data.forget") from None
    return [line.strip() for line in lines if line.strip()]
