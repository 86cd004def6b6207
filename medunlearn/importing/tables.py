"""Reads tables of images: CSV with a header, JSON lines, and MedMNIST's CSV without a header."""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from medunlearn.errors import Fault, InputError
from medunlearn.files import UNOPENED, read_bytes, unreadable
from medunlearn.importing.entries import SPLIT_NAMES, some
from medunlearn.importing.settings import Settings
from medunlearn.importing.walking import is_text

Role = str
DEFAULTS: dict[Role, tuple[str, ...]] = {
    "path": ("path", "file_name"),
    "label": ("label",),
    "split": ("split",),
    "patient": ("patient",),
    "site": ("site",),
}
"""The default columns, for settings that name none."""

MEDMNIST = re.compile(r"(TRAIN|VALIDATION|TEST),[^,]+(,\d+)+")
"""The lines that MedMNIST's `save` writes: split, file, label."""

SHOWN = 8  # columns in an error


class Row(NamedTuple):
    """A line of a table."""

    line: int
    path: str
    label: str
    split: str | None
    patient: str
    site: str
    more: tuple[str, ...]


class Table(NamedTuple):
    """The content of a table.

    Attributes:
        rows: Its lines.
        columns: The name of the column for each role: `path`, `label`, ....
        head: Whether its first line names the columns; MedMNIST's has none.
    """

    rows: list[Row]
    columns: Mapping[Role, str]
    head: bool = True


def read_table(path: Path, settings: Settings) -> Table:
    """Read a table.

    Raises:
        InputError: If it cannot be read, lacks a column, or has a split of another name.
    """
    argument = f"labels={path}"
    text = _text(path, argument)
    if path.suffix.lower() == ".jsonl":
        lines = list(_json_lines(text, argument))
        columns = _columns(list(dict.fromkeys(name for _, values in lines for name in values)), settings, argument)
    elif is_medmnist(text):
        return Table([_medmnist_row(number, line, argument) for number, line in _csv_lines(text, argument)], {}, False)
    else:
        lines, head = _with_names(text, argument)
        columns = _columns(head, settings, argument)
    if not lines:
        raise InputError(f"{argument}: has no image; write one line for each")
    rows = [_row(number, values, columns, settings, argument) for number, values in lines]
    return Table(_with_splits(rows, argument), columns)


def is_medmnist(text: str) -> bool:
    """Return whether text begins like the CSV that MedMNIST's `save` writes, which has no header."""
    return MEDMNIST.fullmatch(text.partition("\n")[0].rstrip("\r")) is not None


def begins_as_medmnist(path: Path) -> bool:
    """Return whether a file begins like MedMNIST's CSV."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            return is_medmnist(file.readline(1000))
    except (OSError, ValueError):
        return False


def _text(path: Path, argument: str) -> str:
    if path.suffix.lower() not in (".csv", ".jsonl"):
        raise InputError(f"{argument}: unknown kind of table; give a .csv or a .jsonl")
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{argument}: is not UTF-8 text; save it as UTF-8") from None
    except FileNotFoundError:
        raise InputError(f"{argument}: no such file; give the table of the images") from None
    except (*UNOPENED, Fault) as error:
        raise InputError(f"{argument}: {unreadable(error, 'give the table of the images')}") from None


def _csv_lines(text: str, argument: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines of a CSV that are not empty, with their numbers."""
    rows = csv.reader(text.splitlines(keepends=True), skipinitialspace=True, strict=True)
    try:
        for row in rows:
            if any(value.strip() for value in row):
                yield rows.line_num, [value.strip() for value in row]
    except csv.Error as error:
        raise InputError(f"{argument}: line {rows.line_num}: {error}; save the table as CSV again") from None


def _with_names(text: str, argument: str) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    """Return the lines of a CSV by column name, and the column names."""
    rows = _csv_lines(text, argument)
    _, head = next(rows, (0, []))
    for character, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(head) == 1 and character in head[0]:
            raise InputError(f"{argument}: is separated by {name}; save the table with commas")
    if twice := [name for name in head if head.count(name) > 1]:
        raise InputError(f"{argument}: has two columns `{twice[0]}`; give each its own name")
    lines = []
    for number, row in rows:
        if len(row) > len(head):
            raise InputError(
                f"{argument}: line {number} has {len(row)} values below {len(head)} columns; put values with commas "
                "in quotes, and name all columns in line 1"
            )
        lines.append((number, dict(zip(head, row + [""] * (len(head) - len(row)), strict=True))))
    return lines, head


def _json_lines(text: str, argument: str) -> Iterator[tuple[int, dict[str, str]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict) or not is_text(json.dumps(values, ensure_ascii=False)):
            raise InputError(f"{argument}: line {number} is not a JSON object; write one for each image")
        yield number, {name: str(value).strip() for name, value in values.items() if _is_plain(value)}


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _columns(names: list[str], settings: Settings, argument: str) -> dict[Role, str]:
    """Return the columns that are used, by role."""
    found: dict[Role, str] = {}
    for role, defaults in DEFAULTS.items():
        given = getattr(settings, f"{role}_column")
        wanted = defaults if given is None else (given,)
        column = next((name for name in wanted if name in names), None)
        if column is not None:
            found[role] = column
        elif given is not None or role in ("path", "label"):
            listed = some((f"`{name}`" for name in names), SHOWN) or "none at all"
            remedy = "name one of these by" if given is None else "give one of these to"
            raise InputError(f"{argument}: has no column `{wanted[0]}`, but {listed}; {remedy} {role}_column")
    if missing := [name for name in settings.columns if name not in names]:
        raise InputError(f"{argument}: has no column `{missing[0]}`; leave it out of columns")
    return found


def _row(number: int, values: Mapping[str, str], columns: Mapping[Role, str], settings: Settings, argument: str) -> Row:
    path, label, split, patient, site = (values.get(columns[role], "") if role in columns else "" for role in DEFAULTS)
    if not path:
        raise InputError(f"{argument}: line {number} names no file; fill `{columns['path']}`, or delete the line")
    more = tuple(values.get(name, "") for name in settings.columns)
    return Row(number, path, label, split or None, patient, site, more)


def _medmnist_row(number: int, row: list[str], argument: str) -> Row:
    if len(row) > 3:
        raise InputError(f"{argument}: line {number} has {len(row) - 2} labels (multi-label), which is not supported")
    if len(row) < 3 or row[0].lower() not in SPLIT_NAMES:
        raise InputError(
            f"{argument}: line {number} is not SPLIT,FILE,LABEL as MedMNIST writes it; save the images again, or write "
            "a CSV whose first line names its columns"
        )
    return Row(number, row[1], row[2], SPLIT_NAMES[row[0].lower()], "", "", ())


def _with_splits(rows: list[Row], argument: str) -> list[Row]:
    """Return rows with splits named `train`, `val` or `test`; an empty column is ignored."""
    if all(row.split is None for row in rows):
        return rows
    found = []
    for row in rows:
        split = SPLIT_NAMES.get((row.split or "").casefold())
        if split is None:
            value = row.split if row.split else "empty"
            raise InputError(f"{argument}: line {row.line}: the split is {value}; give train, val or test")
        found.append(row._replace(split=split))
    return found
