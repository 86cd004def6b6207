"""Records of a layout: of each image, and of the folder as a whole."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

SPLITS = ("train", "val", "test")

SPLIT_NAMES = {"train": "train", "val": "val", "validation": "val", "test": "test"}
"""Allowed names of a split, as a folder or in a column, in any case; only whole names count."""

LONGEST = 200
"""Characters of a name that are shown."""

LISTED = 20
"""Number of files that are named; the rest is only counted."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of a folder.

    Attributes:
        path: Relative to the folder, with `/`.
        label: Its class, as the layout calls it.
        split: `train`, `val` or `test`; None if the layout has none.
        patient: Empty if it is not known.
        site: Likewise.
        more: Values of the further columns that are kept.
    """

    path: str
    label: str
    split: str | None = None
    patient: str = ""
    site: str = ""
    more: tuple[str, ...] = ()


class Bad(NamedTuple):
    """A file that cannot be imported, and why."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{printable(self.path)}: {self.problem}"


@dataclass
class Listing:
    """The content of a folder, as its layout gives it.

    Attributes:
        layout: Description of the layout, and how it was recognised.
        entries: The images.
        bad: Files that cannot be imported.
        notes: Remarks of the plan on files that are left out.
        splits: Source of the splits, such as `column split`; None if there are none.
        patients: Source of the patients; None if they are not known.
        sites: Whether sites are known.
        more: Names of the further columns that are kept.
    """

    layout: str
    entries: list[Entry] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    splits: str | None = None
    patients: str | None = None
    sites: bool = False
    more: tuple[str, ...] = ()


def printable(text: str) -> str:
    r"""Return a name of a file or a class with control characters escaped, and shortened if long.

    Example:
        >>> printable("a" + chr(27) + "[2J.png")
        'a\\x1b[2J.png'
    """
    found = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return found if len(found) <= LONGEST else f"{found[: LONGEST // 2]}...{found[-LONGEST // 2 :]}"


def some(names: Iterable[str], most: int = 3) -> str:
    """Return the first names of many, and how many more there are.

    Example:
        >>> some(["a", "b", "c", "d"])
        'a, b, c and 1 more'
    """
    listed = [printable(name) for name in names]
    more = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {more:,} more" if more > 0 else "")
