"""Recognises the layout of a folder: a table, MedMNIST's own, CLASS/FILE, or SPLIT/CLASS/FILE."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from medunlearn.errors import InputError, counted
from medunlearn.importing.entries import SPLIT_NAMES, Bad, Entry, Listing, some
from medunlearn.importing.listing import Source, list_tables
from medunlearn.importing.settings import Settings
from medunlearn.importing.tables import begins_as_medmnist
from medunlearn.importing.walking import Walk, walk

METADATA = ("metadata.csv", "metadata.jsonl")
"""Tables of Hugging Face's image folders; if there is one, names of folders are ignored."""

MEANT = frozenset(("training", "valid", "dev", "testing", "eval", "evaluation", "holdout"))
"""Names of folders that would become classes although a split is probably meant."""


def list_folder(folder: Path, labels: Path | None, settings: Settings) -> Listing:
    """Return the images of a folder, listed by its layout.

    Args:
        folder: The folder.
        labels: The table of the images; by default the layout is recognised.
        settings: Names of columns, and whether links are followed.

    Raises:
        InputError: If the folder has no known layout, or its table cannot be read.
    """
    found = walk(folder, settings.follow_links)
    if labels is not None:
        listing = list_tables(folder, [Source(labels)], found, settings)
    elif tables := _medmnist(folder, found):
        listing = list_tables(folder, [Source(folder / tables[0])], found, settings)
    elif tables := [name for name in found.others if _is_metadata(name)]:
        listing = list_tables(folder, [_metadata(folder, name) for name in tables], found, settings)
    else:
        listing = _by_folders(folder, found)
    if not listing.entries and not listing.bad:
        raise InputError(f"{folder}: holds no image; give the folder above the images")
    return listing


def _medmnist(folder: Path, found: Walk) -> list[str]:
    tables = [name for name in found.others if "/" not in name and name.lower().endswith(".csv")]
    tables = [name for name in tables if begins_as_medmnist(folder / name)]
    if len(tables) > 1:
        raise InputError(f"{folder}: holds several tables of MedMNIST, {some(tables)}; name one by labels")
    return tables


def _is_metadata(name: str) -> bool:
    """Return whether a table lies where Hugging Face looks for it: at the top, or in the folder of a split."""
    *folders, last = PurePosixPath(name).parts
    return last in METADATA and (not folders or (len(folders) == 1 and folders[0].casefold() in SPLIT_NAMES))


def _metadata(folder: Path, name: str) -> Source:
    parent = PurePosixPath(name).parent.as_posix()
    return Source(folder / name, SPLIT_NAMES.get(parent.casefold()), base=folder / parent)


def _by_folders(folder: Path, found: Walk) -> Listing:
    """Return the images with classes, and possibly splits, from the names of their folders."""
    tops = sorted({PurePosixPath(name).parts[0] for name in found.images if "/" in name})
    splits = [name for name in tops if name.casefold() in SPLIT_NAMES]
    _check_tops(folder, tops, splits, found)
    depth = 1 if splits else 0
    layout = "a folder for each split, in it one for each class" if splits else "a folder for each class"
    listing = Listing(layout, bad=list(found.bad), splits="the folders" if splits else None)
    for path in found.images:
        parts = PurePosixPath(path).parts
        if len(parts) < depth + 2:
            listing.bad.append(Bad(path, "lies in no folder of a class"))
        else:
            split = SPLIT_NAMES[parts[0].casefold()] if splits else None
            listing.entries.append(Entry(path, parts[depth], split))
    listing.notes = found.notes() + _empty(found, depth, listing.entries)
    return listing


def _check_tops(folder: Path, tops: list[str], splits: list[str], found: Walk) -> None:
    """Reject folders whose meaning is uncertain."""
    if found.images and not tops:
        table = next((name for name in found.others if name.lower().endswith((".csv", ".jsonl"))), "labels.csv")
        raise InputError(
            f"{folder}: its {counted(len(found.images), 'image')} lie in no folder of a class; name their table, as in "
            f"labels={folder / table}, or sort them into a folder for each class"
        )
    if splits and (others := sorted({*tops} - {*splits})):
        raise InputError(
            f"{folder}: has the folders {some(splits)} of splits beside {some(others)}; sort all images into folders "
            "of splits, or write a CSV with a column `split`"
        )
    if meant := [name for name in tops if name.casefold() in MEANT]:
        raise InputError(
            f"{folder}: would take the folder {meant[0]} for a class; rename it to train, val or test, or write "
            "a CSV that names the classes"
        )


def _empty(found: Walk, depth: int, entries: Iterable[Entry]) -> list[str]:
    """Return a note on folders that would be classes if they held an image."""
    classes = {entry.label for entry in entries}
    folders = [PurePosixPath(name).parts for name in found.folders]
    empty = sorted({parts[depth] for parts in folders if len(parts) == depth + 1} - classes)
    return [f"no class, since there is no image in the folder: {some(empty)}"] if empty else []
