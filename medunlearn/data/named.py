"""Data sets by name other than MedMNIST's: generated ones, and those of plug-ins.

A plug-in is a callable that returns `ImageData`. It gets those of the arguments `size`, `root` and `download` that it
accepts.
"""

import inspect
from pathlib import Path

from medunlearn.data.npz import ImageData
from medunlearn.errors import DataError, owned_by
from medunlearn.plugins import find, names


def is_named(dataset: str | None) -> bool:
    """Return whether a data set is one of these, rather than MedMNIST's."""
    return dataset in names("datasets")


def read_named(dataset: str, size: int, root: Path, download: bool) -> ImageData:
    """Return the images and labels of a data set.

    Args:
        dataset: Its name.
        size: Height and width in pixels that were asked for.
        root: Directory of its files.
        download: Whether missing files may be downloaded.

    Raises:
        InputError: If there is no such data set, or what it returns is not `ImageData`.
    """
    with owned_by("data", "dataset"):
        make = find("datasets", dataset, "dataset")
    try:
        takes = inspect.signature(make).parameters
    except (TypeError, ValueError):  # not a callable, or one that is not written in Python
        raise DataError(
            f"dataset={dataset}: its plug-in is a {type(make).__name__} whose parameters cannot be read; "
            "make it a function",
            part="data",
        ) from None
    given = {"size": size, "root": root, "download": download}
    data = make(**{name: value for name, value in given.items() if name in takes})
    if not isinstance(data, ImageData):
        raise DataError(
            f"dataset={dataset}: its plug-in returns {type(data).__name__}, not medunlearn.ImageData; fix it",
            part="data",
        )
    return data
