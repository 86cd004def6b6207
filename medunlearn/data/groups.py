"""Groups of images (patients, sites or devices), read from a table with a row for each image."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from medunlearn.data.npz import SPLITS
from medunlearn.errors import DataError, Fault, counted, suggestion
from medunlearn.files import check_no_pipe, unreadable

OTHER_NAMES = {"training": "train", "validation": "val"}
PLACE = ("split", "index")
SOURCE = "image_id"
"""The column of MedMNIST's own tables that names the image in the data set that it comes from."""

PATIENTS = {
    **dict.fromkeys(("organamnist", "organcmnist", "organsmnist"), r"((?:train|val|test)-\d+)-\d+-[a-z]+-\d+"),
    "octmnist": r"[A-Z]+-(\d+)-\d+(?:\.\w+)?",
    "pneumoniamnist": r"(person\d+)_\w+(?:\.\w+)?",
}
"""Where the patient, or the CT volume, stands in the names of MedMNIST's source images (MedMNIST, issue 65)."""

DIGITS = 18  # at most in an index; longer numbers are invalid, and parsing them takes quadratic time

Names = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Groups:
    """The group of every image.

    Args:
        by: What the groups are, such as `patient`.
        names: By split, the group name of each image in order, shape (N,); empty if unknown.
        source: The table's name in errors.

    Example:
        >>> groups = Groups("patient", {"train": np.array(["P2", "P1", "P2", ""])})
        >>> groups.rows("train", ["P2"]), groups.numbers["train"]
        (array([0, 2]), array([2, 1, 2, 3]))
    """

    by: str
    names: Mapping[str, Names]
    source: str = "groups"

    def rows(self, split: str, wanted: Iterable[str]) -> npt.NDArray[np.int64]:
        """Return the sorted indices of the images of some groups in a split."""
        return np.flatnonzero(np.isin(self.names[split], [*wanted])) if split in self.names else np.empty(0, np.int64)

    @cached_property
    def numbers(self) -> dict[str, npt.NDArray[np.int64]]:
        """By split, the group number of each image, (N,), consistent over splits; an unknown group is a new one."""
        sizes = [len(each) for each in self.names.values()]
        joined = np.concatenate([*self.names.values()])
        known, found = np.unique(joined, return_inverse=True)
        unknown = joined == ""
        found[unknown] = len(known) + np.arange(unknown.sum())
        return dict(zip(self.names, np.split(found.astype(np.int64), np.cumsum(sizes)[:-1]), strict=True))

    def check_known(self, wanted: Iterable[str]) -> None:
        """Reject group names that no image has.

        Raises:
            DataError: If there are any; it names the first, and a similar known name.
        """
        known = {name for names in self.names.values() for name in np.unique(names).tolist()} - {""}
        missing = [name for name in wanted if name not in known]
        if missing:
            hint = suggestion(missing[0], known) or f"there are {counted(len(known), self.by)}, {_some(known)}; "
            raise DataError(
                f"groups={missing[0]}: no image of {self.source} is of this {self.by}; {hint}give the name as the "
                "table has it",
                part="data.forget",
            )


class _Row(NamedTuple):
    line: int
    split: str
    place: int
    name: str


def read_groups(path: Path, by: str, sizes: Mapping[str, int], dataset: str | None = None) -> Groups:
    """Return the group of every image.

    Args:
        path: A .csv with the columns `split` (train, val or test), `index` (the image's position in its split) and one
            named like `by`, a row for each image, as `medunlearn import` writes it. MedMNIST's own tables have
            `image_id` instead of a patient; for OrganA/C/S, OCT and Pneumonia it contains the patient.
        by: The column: `patient`, `site`, `device` or another.
        sizes: Number of images by split; rows of other splits are ignored.
        dataset: Name of the MedMNIST set.

    Raises:
        DataError: If the table is missing, belongs to other images, lacks an image or lists one twice.
    """
    source = f"groups={path}"
    try:
        rows = _rows(path, by, dataset)
        found = _placed(rows, by, sizes)
    except Fault as fault:
        raise DataError(f"{source}: {fault}", part="data") from None
    except UnicodeDecodeError:
        raise DataError(f"{source}: is not UTF-8 text; save it as UTF-8", part="data") from None
    except (OSError, csv.Error) as error:
        reason = unreadable(error, "give the table that `medunlearn import` wrote")
        raise DataError(f"{source}: {reason}", part="data") from None
    return Groups(by, found, str(path))


def _rows(path: Path, by: str, dataset: str | None) -> list[_Row]:
    check_no_pipe(path)
    with path.open(newline="", encoding="utf-8-sig") as content:
        table = csv.reader(content, skipinitialspace=True)
        head = [each.strip() for each in next(table, [])]
        column, pattern = _column(head, by, dataset)
        places = [head.index(each) for each in PLACE]
        return [_row(table.line_num, row, places, column, pattern) for row in table if row]


def _column(head: Sequence[str], by: str, dataset: str | None) -> tuple[int, str | None]:
    """Return the index of the column with the groups, and the pattern that extracts the name."""
    if len(head) == 1 and ";" in head[0]:
        raise Fault("line 1 is separated by semicolons; save the table with commas")
    for each in PLACE:
        if head.count(each) != 1:
            raise Fault(f"line 1 has {head.count(each)} columns `{each}`; write `split,index,{by}` and a row an image")
    if head.count(by) == 1:
        return head.index(by), None
    pattern = PATIENTS.get(str(dataset)) if by == "patient" and SOURCE in head else None
    if pattern is None:
        others = [each for each in head if each not in PLACE]
        raise Fault(f"line 1 has {head.count(by)} columns `{by}`, but {', '.join(others) or 'no other'}; name one of "
                    "these by data.forget.group_by")  # fmt: skip
    return head.index(SOURCE), pattern


def _row(line: int, row: Sequence[str], places: Sequence[int], column: int, pattern: str | None) -> _Row:
    if len(row) <= max(*places, column):
        raise Fault(f"line {line} has {counted(len(row), 'value')}, fewer than columns are named; fix that line")
    split, index, name = (row[place].strip() for place in (*places, column))
    split = OTHER_NAMES.get(split.lower(), split.lower())
    if split not in SPLITS:
        raise Fault(f"line {line} has the split {split[:40]!r}; write train, val or test")
    if not index.isascii() or not index.isdecimal():
        raise Fault(f"line {line} has the index {index[:40]!r}; write a whole number of 0 or more")
    if pattern is not None:
        found = re.fullmatch(pattern, name)
        if found is None and not name.startswith(("IM-", "NORMAL")):  # Pneumonia's healthy images name no patient
            raise Fault(f"line {line} has the image {name[:40]!r}, in which no patient is found; add a column patient")
        name = found[1] if found else ""
    return _Row(line, split, int(index) if len(index) < DIGITS else 10**DIGITS, name)


def _placed(rows: Iterable[_Row], by: str, sizes: Mapping[str, int]) -> dict[str, Names]:
    found: dict[str, list[str | None]] = {split: [None] * size for split, size in sizes.items()}
    for row in rows:
        places = found.get(row.split)
        if places is None:
            continue
        if row.place >= len(places):
            raise Fault(
                f"line {row.line} is of {row.split} image {row.place}, and there are {len(places)}; give the table of "
                "these data"
            )
        if places[row.place] is not None:
            raise Fault(f"line {row.line} is of {row.split} image {row.place}, as an earlier line is; keep one of them")
        places[row.place] = row.name
    for split, names in found.items():
        if None in names:
            raise Fault(
                f"has no row for {split} image {names.index(None)}; give the table of these data, a row for each image "
                f"(an empty {by} says that none is known)"
            )
    return {split: np.array(names, dtype=np.str_).reshape(-1) for split, names in found.items()}


def _some(names: Iterable[str]) -> str:
    shown = sorted(names)
    return ", ".join([*shown[:4], *(["..."] if len(shown) > 4 else [])])
