"""Files that list the training images to forget: text, tables, arrays and JSON."""

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medunlearn.errors import DataError
from medunlearn.files import UNOPENED, check_no_pipe, read_archive, read_bytes, read_json, read_npy, unreadable
from medunlearn.runs.schema import Split

COLUMN = "index"
LISTED = 8  # names in an error


def read_indices(path: Path, count: int | None) -> np.ndarray:
    """Return the indices in a file, in its order, shape (F,).

    Args:
        path: A .txt, .csv, .npy, .npz or .json file, or `FILE:NAME`, see `ForgetSpec`.
        count: Number of training images that the indices must lie below; None where it is not known.

    Raises:
        DataError: If the file is missing or of another form, holds more than a list of indices and does not say which
            part is meant, or an index is repeated or out of range.
    """
    argument = f"indices={path}"
    found = _read(path, argument)
    _check_range(found, count, argument)
    values, times = np.unique(found, return_counts=True)
    if (times > 1).any():
        raise DataError(
            f"{argument}: index {values[times > 1][0]} occurs more than once; list each image once", part="data.forget"
        )
    return found.astype(np.int64)


def _check_range(found: np.ndarray, count: int | None, argument: str) -> None:
    wrong = found[(found < 0) | (found >= count)] if count is not None else found[found < 0]
    if len(wrong):
        known = "the first image is 0" if count is None else f"there are {count} training images, 0 to {count - 1}"
        raise DataError(f"{argument}: index {wrong[0]} is out of range; {known}", part="data.forget")


def index_file(path: Path) -> tuple[Path, str | None]:
    """Return the file of `FILE` or `FILE:NAME`, and the name of what is meant in it.

    A file whose own name has a colon is found under that name.

    Example:
        >>> index_file(Path("patients.csv:index"))[1]
        'index'
    """
    file, colon, name = str(path).rpartition(":")
    if not colon or _is_there(path) or _kind(Path(file)) not in READERS:
        return path, None
    return Path(file), name


def _read(path: Path, argument: str) -> np.ndarray:
    file, name = index_file(path)
    kind = _kind(file)
    if file.is_dir():
        raise DataError(f"{argument}: is a directory; give an index file, or split.json of a run", part="data.forget")
    if kind not in READERS:
        raise DataError(
            f"{argument}: unknown kind of file; give one that ends in {', '.join(READERS)}", part="data.forget"
        )
    try:
        found = READERS[kind](file, name)
    except FileNotFoundError:
        raise DataError(f"{argument}: no such file; give the path of an index file", part="data.forget") from None
    except _Ambiguous as error:
        raise DataError(f"{argument}: {error}", part="data.forget") from None
    except _NotAnIndex as error:
        raise DataError(f"{argument}: {error}: {_FORMS[kind]}", part="data.forget") from None
    except UNOPENED as error:
        raise DataError(f"{argument}: {unreadable(error, 'fix the path')}", part="data.forget") from None
    except UnicodeDecodeError:
        raise DataError(f"{argument}: is not UTF-8 text; save it as UTF-8", part="data.forget") from None
    except Exception:  # a file of another kind fails in many ways
        raise DataError(f"{argument}: {_FORMS[kind]}", part="data.forget") from None
    if found.ndim != 1 or (len(found) and found.dtype.kind not in "iu"):
        raise DataError(f"{argument}: {_FORMS[kind]}", part="data.forget")
    return found


def _kind(file: Path) -> str:
    """Return the extension of a file's name, without what follows a colon."""
    return file.suffix.partition(":")[0].lower()


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a path that no file can have
        return False


class _NotAnIndex(ValueError):
    """An entry of an index file is not a whole number; the message gives its position."""


class _Ambiguous(ValueError):
    """The file holds more than a list of indices; the message says what, and what to do."""


def _only(names: Sequence[str], kind: str, file: Path, default: str) -> None:
    """Reject a file that holds more than one list: a whole table of patients would forget all of them."""
    if len(names) > 1:
        example = default if default in names else names[0]
        raise _Ambiguous(
            f"has {len(names)} {kind}, {_listed(names)}, and may list more than what is to be forgotten; write the "
            f"indices to forget into a file of their own, or name the {kind[:-1]} that holds nothing else, as in "
            f"`{file.name}:{example}`"
        )


def _named(name: str, names: Sequence[str], kind: str) -> str:
    """Return the name of a column, array or key that must be there once."""
    if names.count(name) != 1:
        count = f"{names.count(name)} {kind}" if name in names else f"no {kind[:-1]}"
        raise _Ambiguous(
            f"has {count} `{name}`, but {_listed(names) or 'none at all'}; name one of those that the file has"
        )
    return name


def _listed(names: Sequence[str]) -> str:
    shown = [f"`{_shortened(name)}`" for name in names[:LISTED]]
    return ", ".join([*shown, "..."] if len(names) > LISTED else shown)


def _read_txt(file: Path, name: str | None) -> np.ndarray:
    if name is not None:
        raise _Ambiguous(f"a .txt has no columns to be named; leave out `:{name}`")
    lines = read_bytes(file).decode("utf-8-sig").split("\n")
    return _integers((f"line {number}", line) for number, line in enumerate(lines, 1) if line.strip())


def _read_csv(file: Path, name: str | None) -> np.ndarray:
    check_no_pipe(file)
    with file.open(newline="", encoding="utf-8-sig") as content:
        rows = csv.reader(content, skipinitialspace=True)
        names = [each.strip() for each in next(rows, [])]
        _check_head(names)
        if name is not None:
            _named(name, names, "columns")
        elif COLUMN not in names:
            raise _NotAnIndex(f"line 1 names no column `{COLUMN}`, but {_listed(names) or 'none at all'}")
        else:
            _only(names, "columns", file, COLUMN)
        return _integers(_column(rows, names, names.index(name or COLUMN)))


def _check_head(names: Sequence[str]) -> None:
    """Reject a table without a header: its first index would be read as one, and that image would not be forgotten."""
    numbers = [name for name in names if name.lstrip("+-").isdecimal()]
    if numbers:
        raise _NotAnIndex(f"line 1 holds the number {_shortened(numbers[0])} and no names")
    if len(names) == 1 and len(parts := names[0].split(";")) > 1 and COLUMN in (part.strip() for part in parts):
        raise _Ambiguous("line 1 is separated by semicolons; save the table with commas")


def _column(rows: Any, names: Sequence[str], place: int) -> Iterable[tuple[str, str]]:
    """Yield the values of a column, each with its line."""
    for row in rows:
        if len(row) > len(names):
            raise _Ambiguous(
                f"line {rows.line_num} has {len(row)} values below {len(names)} columns; name all columns in line 1"
            )
        if row:
            yield f"line {rows.line_num}", row[place] if place < len(row) else ""


def _read_npy(file: Path, name: str | None) -> np.ndarray:
    if name is not None:
        raise _Ambiguous(f"a .npy holds one array without a name; leave out `:{name}`")
    return read_npy(file)


def _read_npz(file: Path, name: str | None) -> np.ndarray:
    arrays = read_archive(file)
    names = list(arrays)
    if name is None:
        _only(names, "arrays", file, COLUMN)
    return arrays[names[0] if name is None else _named(name, names, "arrays")]


def _read_json(file: Path, name: str | None) -> np.ndarray:
    content = read_json(file)
    if isinstance(content, dict):
        content = content[_key(list(content), name, file)]
    elif name is not None:
        raise _Ambiguous(f"holds a list without a name; leave out `:{name}`")
    if not isinstance(content, list):
        raise ValueError("not a list")
    for number, value in enumerate(content, 1):
        if type(value) is not int:
            raise _NotAnIndex(f"entry {number} is {_shortened(json.dumps(value))}")
    return _integers((f"entry {number}", value) for number, value in enumerate(content, 1))


def _key(names: Sequence[str], name: str | None, file: Path) -> str:
    """Return the key of the list; all keys of a run's `split.json` are known, so there `indices` is meant."""
    if name is not None:
        return _named(name, names, "keys")
    if "indices" in names and not set(names) <= Split.model_fields.keys():
        _only(names, "keys", file, "indices")
    return "indices"


def _integers(entries: Iterable[tuple[str, str | int]]) -> np.ndarray:
    """Return entries as integers; each comes with its position, for errors."""
    numbers = []
    for place, value in entries:
        try:
            numbers.append(np.int64(int(value)))
        except (ValueError, OverflowError):
            raise _NotAnIndex(f"{place} is {_shortened(str(value).strip()) or 'empty'}") from None
    return np.array(numbers, dtype=np.int64)


def _shortened(value: str) -> str:
    return value if len(value) <= 40 else f"{value[:40]}..."


READERS: dict[str, Callable[[Path, str | None], np.ndarray]] = {
    ".txt": _read_txt,
    ".csv": _read_csv,
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".json": _read_json,
}
"""How each kind of file is read, by its ending."""

_FORMS = {
    ".txt": "not readable as a list of indices; write one whole number per line",
    ".csv": "not readable as a list of indices; write a column `index` of whole numbers",
    ".npy": "not readable as a list of indices; save a one-dimensional integer array",
    ".npz": "not readable as a list of indices; save one one-dimensional integer array",
    ".json": "not readable as a list of indices; write a list of whole numbers, or give a run's split.json",
}
