"""Lists the images that tables name: the file of each, its values, and its problems."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from medunlearn.errors import InputError, counted
from medunlearn.importing.entries import SPLIT_NAMES, Bad, Entry, Listing, printable, some
from medunlearn.importing.settings import Settings
from medunlearn.importing.tables import Row, Table, read_table
from medunlearn.importing.walking import LINK, Walk, is_text


class Source(NamedTuple):
    """A table, the split that its folder names, and the folder that its paths are relative to; None to find it."""

    path: Path
    split: str | None = None
    base: Path | None = None


def list_tables(folder: Path, sources: Sequence[Source], found: Walk, settings: Settings) -> Listing:
    """Return the images of a folder, listed by tables.

    Args:
        folder: The folder.
        sources: The tables.
        found: The files of the folder.
        settings: Names of columns, and whether links are followed.

    Raises:
        InputError: If a table cannot be read, or none of its files is in the folder.
    """
    tables = [read_table(source.path, settings) for source in sources]
    places = _Places(folder, settings.follow_links)
    listing, pairs = Listing("", more=tuple(settings.columns) if tables[0].head else ()), []
    for source, table in zip(sources, tables, strict=True):
        base = source.base or _base(folder, source, table.rows)
        pairs += [
            (row._replace(split=source.split or row.split), places.relative(base, row.path)) for row in table.rows
        ]
    if any(row.split for row, _ in pairs) and not all(row.split for row, _ in pairs):
        raise InputError(f"{folder}: one table has splits, another none; give all images a split, or none")
    _add(listing, pairs, places)
    _describe(listing, sources, tables, pairs)
    if not any(row.split for row, _ in pairs):
        _splits_by_folder(listing)
    named = {path for _, path in pairs if path is not None}
    listing.notes += found.notes(_inside(folder, (source.path for source in sources)))
    if unnamed := [path for path in found.images if path not in named]:
        listing.notes.append(f"{counted(len(unnamed), 'image')} not imported, not in the table: {some(unnamed)}")
    return listing


class _Places:
    """Finds the files of a table, and rejects those outside the folder."""

    def __init__(self, folder: Path, follow_links: bool) -> None:
        self.root, self.follow = _normal(folder), follow_links
        self.real = folder.resolve()
        self.inside: dict[Path, bool] = {}

    def relative(self, base: Path, path: str) -> str | None:
        """Return a path relative to the folder, with `/`; None where it leads out of it."""
        if not is_text(path) or "\0" in path:
            return None
        whole = _normal(base / path)
        if "\\" in path and not os.path.lexists(whole):  # a Windows path
            whole = _normal(base / path.replace("\\", "/"))
        return whole.relative_to(self.root).as_posix() if whole.is_relative_to(self.root) else None

    def problem(self, path: str) -> str:
        """Return why a file cannot be read; else an empty text."""
        whole = self.root / path
        try:
            if not self.follow and (whole.is_symlink() or not self._inside(whole.parent)):
                return LINK
            if not whole.exists():
                return "no such file"
            return "" if whole.is_file() else "not a file"
        except OSError as error:
            return f"cannot be opened ({error.strerror})"

    def _inside(self, parent: Path) -> bool:
        if parent not in self.inside:
            self.inside[parent] = parent.resolve().is_relative_to(self.real)
        return self.inside[parent]


def _normal(path: Path) -> Path:
    """Return an absolute path without `..`, without following links."""
    return Path(os.path.normpath(path.absolute()))


OUTSIDE = "lies outside the folder; give a folder that holds all images"


def _base(folder: Path, source: Source, rows: Iterable[Row]) -> Path:
    """Return the folder that the paths of a table are relative to: the first candidate below which one exists."""
    beside = source.path.parent
    bases = (folder, beside, folder / source.path.stem, beside / source.path.stem)
    paths = [row.path.replace("\\", "/") for row in rows]
    for base in bases:
        if any(os.path.lexists(base / path) for path in paths if "\0" not in path):
            return base
    raise InputError(
        f"labels={source.path}: none of its files exists, such as {paths[0]}; write paths relative to {folder}, "
        "with their endings"
    )


def _add(listing: Listing, pairs: Iterable[tuple[Row, str | None]], places: _Places) -> None:
    """Add the entries of rows, each file once, and the problems of the others."""
    entries: dict[str, Entry] = {}
    wrong: dict[str, str] = {}
    repeated = 0
    for row, path in pairs:
        if path is None:
            wrong.setdefault(row.path, OUTSIDE)
            continue
        entry = Entry(path, row.label, row.split, row.patient, row.site, row.more)
        known = entries.setdefault(path, entry)
        if known is not entry:
            repeated += known == entry
            if known != entry:
                wrong.setdefault(path, f"is in the table with {_difference(known, entry)}")
        elif problem := "its label is empty" if not row.label else places.problem(path):
            wrong.setdefault(path, problem)
    listing.entries = sorted((each for each in entries.values() if each.path not in wrong), key=lambda e: e.path)
    listing.bad = [Bad(path, problem) for path, problem in sorted(wrong.items())]
    if repeated:
        listing.notes.append(f"{counted(repeated, 'line')} of the table dropped, repeated word for word")


def _difference(one: Entry, other: Entry) -> str:
    names = ("label", "split", "patient", "site", "more")
    name = next(name for name in names if getattr(one, name) != getattr(other, name))
    if name == "more":
        return "two values of a further column"
    values = " and ".join(printable(getattr(each, name) or "none") for each in (one, other))
    return f"two {name}s, {values}"


def _describe(
    listing: Listing, sources: Sequence[Source], tables: Sequence[Table], pairs: Sequence[tuple[Row, str | None]]
) -> None:
    columns = {role: name for table in tables for role, name in table.columns.items()}
    names = some((printable(source.path.as_posix()) for source in sources), 3)
    if not tables[0].head:
        listing.layout = f"{names}, as MedMNIST's `save` writes it"
        listing.splits = "the table"
        return
    listing.layout = f"{names}, columns {', '.join(printable(name) for name in columns.values())}"
    if any(row.split for row, _ in pairs):
        listing.splits = f"column {columns['split']}" if "split" in columns else "the folders of the tables"
    # An empty column is ignored.
    listing.patients = f"column {columns['patient']}" if any(row.patient for row, _ in pairs) else None
    listing.sites = any(row.site for row, _ in pairs)


def _splits_by_folder(listing: Listing) -> None:
    """Take splits from the first folders of all paths, if all of them are names of splits."""
    tops = {PurePosixPath(entry.path).parts[0].casefold() for entry in listing.entries if "/" in entry.path}
    if tops and tops <= SPLIT_NAMES.keys() and all("/" in entry.path for entry in listing.entries):
        listing.splits = "the folders"
        listing.entries = list(_with_splits(listing.entries))


def _with_splits(entries: Iterable[Entry]) -> Iterator[Entry]:
    for each in entries:
        split = SPLIT_NAMES[PurePosixPath(each.path).parts[0].casefold()]
        yield Entry(each.path, each.label, split, each.patient, each.site, each.more)


def _inside(folder: Path, tables: Iterable[Path]) -> list[str]:
    root = folder.resolve()
    return [path.resolve().relative_to(root).as_posix() for path in tables if path.resolve().is_relative_to(root)]
