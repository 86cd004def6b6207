"""Folders of images as hospitals and libraries hold them."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SECRET = "Doe^Jane"
"""A name in every DICOM header that these tests make."""


def pixels(height: int = 12, width: int = 12, value: int | None = None, dtype: Any = np.uint8) -> np.ndarray:
    """Return gray pixels: of one value, or rising from left to right."""
    row = np.arange(width) if value is None else np.full(width, value)
    return np.tile(row, (height, 1)).astype(dtype)


def picture(path: str | Path, array: np.ndarray | None = None, **options: Any) -> Path:
    """Save an array as an image; its folders are made."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels() if array is None else array).save(path, **options)
    return path


def class_folder(root: str | Path, **classes: int) -> Path:
    """Make a folder for each class with so many images in it."""
    for number, (name, count) in enumerate(classes.items()):
        for index in range(count):
            picture(Path(root, name, f"{index:03d}.png"), pixels(value=10 * number + index % 10))
    return Path(root)


def table(path: str | Path, *rows: tuple[Any, ...], head: tuple[str, ...] = ("path", "label")) -> Path:
    """Write a CSV."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows] if head else rows)
    return Path(path)


def patients(root: str | Path, count: int = 12, each: int = 3, **columns: Any) -> Path:
    """Make `each` images of each of `count` patients of three classes; return their table, outside the folder."""
    rows = []
    for number in range(count):
        name, label = f"P{number:04d}", ("benign", "malignant", "normal")[number % 3]
        for index in range(each):
            path = picture(Path(root, name, f"{index}.png"), pixels(value=number))
            rows.append((path.relative_to(root).as_posix(), label, name, *(of(number) for of in columns.values())))
    return table(Path(f"{root}.csv"), *rows, head=("path", "label", "patient", *columns))


def dicom(path: str | Path, array: np.ndarray, space: str = "MONOCHROME2", **header: Any) -> Path:
    """Write a DICOM file; `header` adds to it by keyword, or takes out what is None."""
    import pydicom
    from pydicom.uid import ExplicitVRLittleEndian

    found = pydicom.Dataset()
    found.file_meta = pydicom.dataset.FileMetaDataset()
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID = "1.2.3"
    found.file_meta.TransferSyntaxUID = header.pop("syntax", ExplicitVRLittleEndian)
    found.PatientName, found.PatientID = SECRET, "P0017"
    found.Rows, found.Columns = array.shape[:2]
    found.SamplesPerPixel = 1 if array.ndim == 2 else 3
    found.PhotometricInterpretation, found.PlanarConfiguration = space, 0
    found.BitsAllocated = found.BitsStored = 8 * array.dtype.itemsize
    found.PixelRepresentation = int(array.dtype.kind == "i")
    found.PixelData = array.tobytes()
    for name, value in header.items():
        if value is None:
            delattr(found, name)
        else:
            setattr(found, name, value)
    found.HighBit = found.BitsStored - 1
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    found.save_as(path, enforce_file_format=True)
    return Path(path)


def arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Return the arrays of a data file."""
    with np.load(path) as found:
        return dict(found)


def lines(path: str | Path) -> list[dict[str, str]]:
    """Return the lines of a table by the names of its columns."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
