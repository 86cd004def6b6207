"""Walks through a folder: which files are images by their names, and which are left out."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from medunlearn.errors import counted
from medunlearn.importing.entries import Bad, some

_PICTURES = (".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".tif", ".tiff", ".gif", ".webp", ".ppm", ".pgm", ".pbm", ".pnm")
IMAGES = frozenset((*_PICTURES, ".jp2", ".j2k", ".dcm", ".dicom", ".ima"))
"""Endings of images, in any case."""

JUNK = frozenset(("thumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin", "dicomdir"))
"""Files that operating systems leave in folders, by name in lower case; hidden files count too."""

DEEPEST = 100

MAGIC = b"DICM"
"""Bytes 128 to 131 of a DICOM file, which often has no ending."""


@dataclass
class Walk:
    """What was found in a folder, sorted.

    Attributes:
        images: Paths relative to the folder.
        others: Files that are not images by their names, likewise.
        ignored: Files that operating systems leave in folders, counted by name.
        bad: Links, pipes, folders that cannot be opened, and names that are not UTF-8.
        folders: Folders, likewise.
    """

    images: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    bad: list[Bad] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)

    def notes(self, tables: Iterable[str] = ()) -> list[str]:
        """Return remarks on the files that are left out, except tables that were read."""
        found = []
        if self.ignored:
            names = some(
                f"{name} ({number:,})" if number > 1 else name for name, number in sorted(self.ignored.items())
            )
            found.append(f"ignored, left by systems: {names}")
        if others := [name for name in self.others if name not in set(tables)]:
            found.append(f"{counted(len(others), 'file')} not imported, not images by their names: {some(others)}")
        return found


def walk(folder: Path, follow_links: bool = False) -> Walk:
    """Return the files of a folder and its subfolders.

    Args:
        folder: The folder.
        follow_links: Follow symbolic links; without, each is bad, so that nothing outside the folder is read.
    """
    found = Walk()
    _enter(folder, "", follow_links, found, (_identity(folder.stat()),))
    found.images.sort()
    found.others.sort()
    found.folders.sort()
    return found


def _enter(folder: Path, start: str, follow: bool, found: Walk, above: tuple[tuple[int, int], ...]) -> None:
    if len(above) > DEEPEST:
        found.bad.append(Bad(start, f"lies more than {DEEPEST} folders deep"))
        return
    try:
        with os.scandir(folder / start) as listed:
            entries = sorted(listed, key=lambda each: each.name)
    except OSError as error:
        found.bad.append(Bad(start, f"cannot be opened ({error.strerror})"))
        return
    for entry in entries:
        path = f"{start}/{entry.name}" if start else entry.name
        if entry.name.startswith(".") or entry.name.lower() in JUNK:
            found.ignored[entry.name] += 1
        elif problem := _problem(entry, follow, above):
            found.bad.append(Bad(path, problem))
        elif entry.is_dir():
            found.folders.append(path)
            _enter(folder, path, follow, found, (*above, _identity(entry.stat())))
        else:
            (found.images if is_image(folder, path) else found.others).append(path)


def _problem(entry: "os.DirEntry[str]", follow: bool, above: tuple[tuple[int, int], ...]) -> str:
    """Return why an entry of a folder is neither a file nor a folder that may be read; else an empty text."""
    if not is_text(entry.name):
        return "its name is not in UTF-8; rename it"
    if entry.is_symlink():
        if not follow:
            return LINK
        try:
            if _identity(entry.stat()) in above:
                return "a symbolic link to a folder around it"
        except OSError:
            return "a symbolic link to nothing, or in a circle"
    return "" if entry.is_dir() or entry.is_file() else "a pipe or device, not a file"


LINK = "a symbolic link, followed only with follow_links=true"


def is_text(name: str) -> bool:
    """Return whether the name of a file can be encoded in UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_image(folder: Path, path: str) -> bool:
    """Return whether a file is an image by its extension; with none or a numeric one, whether it is DICOM."""
    ending = PurePosixPath(path).suffix.lower()
    return ending in IMAGES or ((not ending or ending[1:].isdecimal()) and is_dicom(folder / path))


def is_dicom(path: Path) -> bool:
    """Return whether a file is DICOM by its first bytes."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == MAGIC
    except OSError:
        return False


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def parents(path: str) -> Iterator[str]:
    """Yield the names of the folders that a path goes through, outermost first."""
    yield from PurePosixPath(path).parts[:-1]
