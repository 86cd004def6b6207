"""What a layout says of each image, and what it says of the folder as a whole."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

SPLITS = ("train", "val", "test")

SPLIT_NAMES = {"train": "train", "val": "val", "validation": "val", "test": "test"}
"""What a folder or a value of the column of splits may be called, in any case; parts of names count for nothing."""

LONGEST = 200
"""Characters of a name that are shown."""

LISTED = 20
"""Files that are named; of the rest the number is."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of a folder.

    Attributes:
        path: Relative to the folder, with `/`.
        label: Its class, as the layout calls it.
        split: `train`, `val` or `test`; None where the layout does not say.
        patient: Empty where it is not known.
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
    """What a layout says.

    Attributes:
        layout: Which layout it is, and why it was taken for that.
        entries: The images.
        bad: What cannot be imported.
        notes: What the plan says of files that are left out.
        splits: Where splits come from, such as `column split`; None where there are none.
        patients: Where patients come from; None where they are not known.
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
    r"""Return a name of a file or a class with whatever a terminal would obey written out, and not too long.

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
