"""The images of a run: which were removed, how many, and the data with and without them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medunlearn.data.npz import ImageData, Split
from medunlearn.data.source import ImageSource
from medunlearn.errors import Fault, FileError, InputError
from medunlearn.files import exists
from medunlearn.metrics import Predictions
from medunlearn.receipts.schema import Images, SplitCounts
from medunlearn.runs import RunDir, split_sha256
from medunlearn.runs.values import is_whole

SPLITS = ("train", "val", "test")
NOT_HERE = "the data are not here; give their file by --data.file"
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Removed:
    """Which images were removed, as ascending rows of their splits.

    Attributes:
        train: The forget set.
        val: Validation images of withdrawn groups.
        test: Test images of withdrawn groups.
    """

    train: Rows
    val: Rows
    test: Rows

    @classmethod
    def of(cls, split: Mapping[str, Any]) -> "Removed":
        """Return the removed images that `split.json` lists.

        Raises:
            Fault: If it lists no rows.
        """
        dropped = split.get("dropped") or {}
        others = (dropped.get(name, []) if isinstance(dropped, dict) else None for name in SPLITS[1:])
        listed = [split.get("indices"), *others]
        for rows in listed:
            if not isinstance(rows, list) or not all(is_whole(row) and row >= 0 for row in rows):
                raise Fault("split.json lists no images; run that stage again")
        return cls(*(np.sort(np.array(rows, dtype=np.int64)) for rows in listed))

    def split_sha256(self, data_sha256: str) -> str:
        """Return the hash of data and forget set that `split.json` keeps."""
        return split_sha256(data_sha256, self.train, {"val": self.val, "test": self.test})

    def images(self, data: ImageData) -> list[npt.NDArray[np.uint8]]:
        """Return the removed images in order: train, val, test.

        Raises:
            Fault: If the data do not have as many.
        """
        found: list[npt.NDArray[np.uint8]] = []
        for name in SPLITS:
            rows, images = getattr(self, name), getattr(data, name).images
            if len(rows) and rows[-1] >= len(images):
                raise Fault(f"the data have {len(images)} {name} images, and image {rows[-1]} was removed; {NOT_HERE}")
            found += [images[row] for row in rows]
        return found

    def without(self, data: ImageData) -> ImageData:
        """Return the data without them."""
        train, val, test = (_without(getattr(data, name), getattr(self, name)) for name in SPLITS)
        return replace(data, train=train, val=val, test=test)


def read_data(run: RunDir, file: Path | None) -> ImageData:
    """Return the images of a run: those of a file, or those that its configuration names. Nothing is downloaded.

    Raises:
        InputError: If they are not available.
    """
    settings = _settings(run)
    path, known = _file(settings, file), settings.get("num_classes")
    if path is None and not settings.get("dataset"):
        raise FileError(f"data.file: {NOT_HERE}")
    return ImageSource(
        dataset=None if path else str(settings.get("dataset")),
        size=settings.get("size", 64),
        root=Path(str(settings.get("root", "data"))),
        download=False,
        file=path,
        num_classes=known if path and is_whole(known) else None,
        class_names=None,
        test=settings.get("test") is not False,
    ).read()


def data_or_reason(run: RunDir, file: Path | None) -> tuple[ImageData | None, str]:
    """Return the images of a run, or why they are not here.

    Raises:
        InputError: If their file is here, or is named by the user, and cannot be read.
    """
    path = _file(_settings(run), file)
    try:
        return read_data(run, file), ""
    except InputError:
        if file is not None or (path is not None and exists(path)):
            raise
        return None, NOT_HERE


def _settings(run: RunDir) -> dict[str, Any]:
    found = run.read_config("receipt").get("data") if exists(run.config) else None
    return found if isinstance(found, dict) else {}


def _file(settings: Mapping[str, Any], given: Path | None) -> Path | None:
    named = settings.get("file")
    return given or (Path(str(named)) if named else None)


def counts(removed: Removed, predictions: Predictions, data: ImageData | None) -> Images:
    """Return numbers of images by split and class; for withdrawn validation and test images the data are needed."""
    forget, retain = predictions.forget.labels, predictions.retain.labels
    whole = by_class(np.concatenate([forget, retain]))
    train = SplitCounts(before=whole, removed=len(forget), after=by_class(retain))
    others = {}
    for name in SPLITS[1:]:
        after, gone = by_class(getattr(predictions, name).labels), len(getattr(removed, name))
        known = after if data is None else by_class(getattr(data, name).labels)
        before = None if data is None and gone else known
        others[name] = SplitCounts(before=before, removed=gone, after=after)
    return Images(train=train, **others)


def by_class(labels: npt.NDArray[np.int64]) -> dict[str, int]:
    """Return the number of images by class number.

    Example:
        >>> by_class(np.array([0, 2, 2]))
        {'0': 1, '2': 2}
    """
    numbers, found = np.unique(labels, return_counts=True)
    return {str(number): int(count) for number, count in zip(numbers, found, strict=True)}


def _without(split: Split, rows: Rows) -> Split:
    if not len(rows):
        return split
    kept = np.setdiff1d(np.arange(len(split)), rows)
    return Split(split.images[kept], split.labels[kept])
