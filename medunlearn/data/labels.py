"""What a file in MedMNIST's format says of the classes: its labels, and perhaps an array of their names."""

import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt

from medunlearn.errors import Fault, counted
from medunlearn.files import Header, read_array, read_header
from medunlearn.runs.class_names import LONGEST, check_class_names

NAMES = "class_names"
"""The array of a name for each class, which a file may hold."""


def read_class_names(archive: zipfile.ZipFile, num_classes: int) -> tuple[str, ...] | None:
    """Return the names of the classes that a file holds, in the order of the labels; None where it holds none.

    Raises:
        Fault: If they are not an array of text, (C,), with one valid name for each class.
    """
    if f"{NAMES}.npy" not in archive.namelist():
        return None
    member = archive.getinfo(f"{NAMES}.npy")
    with archive.open(member) as stream:
        _check_header(_header(stream, member.file_size), num_classes)
    try:
        names = [name.decode() if isinstance(name, bytes) else name for name in read_array(archive, NAMES).tolist()]
    except (ValueError, SystemError):  # SystemError: characters beyond Unicode
        raise Fault(f"{NAMES} holds bytes that are not text; save it with UTF-8 names") from None
    return check_class_names(names, num_classes)


def _header(stream: Any, size: int) -> Header:
    try:
        return read_header(stream, size, NAMES)
    except Fault as fault:
        raise Fault(f"{fault.problem}; save it as text, `numpy.array([...], dtype=str)`, or leave it out") from None


def _check_header(header: Header, num_classes: int) -> None:
    """Reject arrays that are not text, or too long, before memory is allocated."""
    shape, dtype = header.shape, header.dtype
    if dtype.kind not in "US":
        raise Fault(f"{NAMES} is {dtype}; save it as text, `numpy.array([...], dtype=str)`, or leave it out")
    if shape != (num_classes,):
        raise Fault(
            f"{NAMES} has shape {shape} for {num_classes} classes; give one name for each class, ({num_classes},)"
        )
    if dtype.itemsize > 4 * LONGEST:  # four bytes a character, in both kinds at most
        raise Fault(f"{NAMES} is {dtype}, of longer names than {LONGEST} characters; shorten them")


def check_label_header(key: str, header: Header, number: int) -> None:
    """Reject labels that are not one whole number for each of `number` images."""
    shape, dtype = header.shape, header.dtype
    if dtype.kind not in "iu":
        raise Fault(f"{key} is {dtype}; labels must be integers, 0 to C-1")
    if len(shape) not in (1, 2) or shape[1:] not in ((), (1,)):
        raise Fault(f"{key} has shape {shape}; labels must be (N,) or (N, 1), one class for each image")
    if shape[0] != number:
        labels = counted(shape[0], "label")
        raise Fault(f"{key} has {labels} for {counted(number, 'image')}; give one label for each image")


def check_matrix(archive: zipfile.ZipFile, key: str, headers: dict[str, Header]) -> None:
    """Reject a matrix of labels, multi-label or one-hot, with a remedy for its kind; other matrices pass."""
    shape, dtype = headers[key].shape, headers[key].dtype
    if len(shape) != 2 or shape[0] == 0 or shape[1] < 2 or dtype.kind not in "biuf":
        return
    values = read_array(archive, key)
    if not ((values == 0) | (values == 1)).all():
        return
    if (values.sum(1) == 1).all():
        raise Fault(f"{key} has shape {shape}, one-hot rows; save {key}.argmax(1)")
    raise Fault(
        f"{key} has shape {shape}, {shape[1]} labels of 0 or 1 for each image (multi-label), which is not supported; "
        "save one class for each image"
    )


def count_classes(labels: npt.NDArray[Any]) -> int:
    """Return the number of classes in the training labels, shape (N,), in which each class must occur.

    Raises:
        Fault: If a label is negative, one between 0 and the largest is missing, or all are 0.
    """
    classes = np.unique(labels).tolist()
    if classes[0] < 0:
        raise Fault(f"train_labels holds {classes[0]}; number the classes from 0")
    absent = next((expected for expected, found in enumerate(classes) if expected != found), None)
    if absent is not None:
        raise Fault(
            f"label {absent} does not occur in train_labels, but {classes[-1]} does; "
            f"renumber the labels 0 to {len(classes) - 1}, or state data.num_classes"
        )
    if len(classes) < 2:
        raise Fault("every label in train_labels is 0; give at least 2 classes")
    return len(classes)


def check_labels(labels: dict[str, npt.NDArray[Any]], num_classes: int) -> None:
    """Reject labels, by split, that are not the number of a class."""
    for split, values in labels.items():
        wrong = next((value for value in (int(values.min()), int(values.max())) if not 0 <= value < num_classes), None)
        if wrong is not None:
            more = "" if wrong < 0 else ", or state data.num_classes"
            raise Fault(
                f"{split}_labels holds {wrong}, but the {num_classes} classes are 0 to {num_classes - 1}; "
                f"renumber the labels{more}"
            )
