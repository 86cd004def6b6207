"""Decodes every image once before anything is written, and collects all that cannot be imported."""

import os
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from medunlearn.importing.entries import Bad, Entry
from medunlearn.importing.pictures import NotAnImage, open_picture, quietly
from medunlearn.importing.settings import Settings
from medunlearn.training.progress import progress

T = TypeVar("T")
R = TypeVar("R")

WORKERS = min(4, os.cpu_count() or 1)
"""Threads; decoders work outside Python's lock, and each may hold a whole image."""


class Look(NamedTuple):
    """Properties of an image other than its pixels.

    Attributes:
        width: In pixels.
        height: In pixels.
        kind: Format and bits.
        colour: Whether it is stored in colour.
        largest: The largest value of a 16-bit image; 0 for 8 bits.
        remarks: Conversions that a user should know.
    """

    width: int
    height: int
    kind: str
    colour: bool
    largest: int
    remarks: tuple[str, ...]


def look_at(folder: Path, entries: Sequence[Entry], settings: Settings) -> tuple[list[Entry], list[Look], list[Bad]]:
    """Decode every image.

    Args:
        folder: The folder that paths are relative to.
        entries: The images.
        settings: How they are read, and where patients come from.

    Returns:
        The images that can be imported, with their patients if these come from paths or headers; the properties of each
        of them; and the images that cannot be imported, with reasons.

    Raises:
        InputError: If an image is DICOM and pydicom is not installed.
    """
    pattern = re.compile(settings.patient_pattern) if settings.patient_pattern is not None else None

    def look(entry: Entry) -> tuple[Entry, Look] | Bad:
        try:
            picture = open_picture(folder / entry.path, settings)
            patient = picture.patient or (_matched(pattern, entry.path) if pattern else entry.patient)
        except NotAnImage as problem:
            return Bad(entry.path, str(problem))
        found = Look(*picture.image.size, picture.kind, picture.colour, picture.largest, picture.remarks)
        return replace(entry, patient=patient), found

    good: list[Entry] = []
    looks: list[Look] = []
    bad: list[Bad] = []
    with quietly():
        for found in shown_progress(in_order(look, entries), "checking images", len(entries)):
            if isinstance(found, Bad):
                bad.append(found)
            else:
                good.append(found[0])
                looks.append(found[1])
    return good, looks, bad


def _matched(pattern: re.Pattern[str], path: str) -> str:
    found = pattern.search(path)
    if found is None or not found[1]:
        raise NotAnImage("has no patient in its path by patient_pattern")
    return found[1]


def in_order(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield what a function returns for each item, in their order, computed in threads a few items ahead.

    Example:
        >>> list(in_order(abs, [-1, 2, -3]))
        [1, 2, 3]
    """
    pool = ThreadPoolExecutor(WORKERS)
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= 4 * WORKERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def shown_progress(items: Iterable[T], description: str, total: int) -> Iterable[T]:
    """Show a bar over items on a terminal."""
    return progress(items, description, sys.stderr.isatty(), total)
