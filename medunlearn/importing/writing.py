"""Writes the data file and its table, image by image, whole or not at all, with the same bytes each time."""

import csv
import hashlib
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from medunlearn.errors import InputError, on_command_line
from medunlearn.files import expanded, writing_remedy
from medunlearn.importing.checking import in_order, shown_progress
from medunlearn.importing.entries import SPLITS, Entry
from medunlearn.importing.pictures import NotAnImage, open_picture, quietly, to_square
from medunlearn.importing.plan import Plan

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time stamp of each array in the archive: the earliest possible one."""


def output_file(out: Path | str, overwrite: bool) -> Path:
    """Return the data file that `out` names.

    Raises:
        InputError: If it is not an .npz, or it or its table exists and may not be overwritten.
    """
    path = expanded(out, "out")
    if path.suffix != ".npz":
        raise InputError(f"out={path}: give a file that ends in .npz")
    if path.is_dir():
        raise InputError(f"out={path}: is a directory; name a file")
    for each in (path, table_of(path)):
        if each.exists() and not overwrite:
            remedy = "give `--overwrite true`" if on_command_line() else "say `overwrite=True`"
            raise InputError(f"out={path}: {each.name} is there; name another file, or {remedy}")
    return path


def table_of(path: Path) -> Path:
    """Return the table beside a data file, `clinic.csv` of `clinic.npz`."""
    return path.with_suffix(".csv")


def write_plan(plan: Plan, out: Path) -> Plan:
    """Write the files of a plan, and return the plan with the data file and its hash.

    Old files are replaced once the new ones are on the disk, the data file last: if it exists, its table is from the
    same import.

    Raises:
        InputError: If it cannot be written, or an image has changed since it was checked.
    """
    table = table_of(out)
    parts = [each.with_name(f"{each.name}.part") for each in (out, table)]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with _created(parts[0]) as file:
            _write_archive(plan, file)
        with _created(parts[1]) as file:
            _write_table(plan, file)
        sha256 = _sha256(parts[0])
        out.unlink(missing_ok=True)
        parts[1].replace(table)
        parts[0].replace(out)
    except OSError as error:
        raise InputError(
            f"out={out}: cannot be written ({error.strerror or error}); {writing_remedy(error)}"
        ) from error
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    return replace(plan, written=out, sha256=sha256)


@contextmanager
def _created(path: Path) -> Iterator[IO[bytes]]:
    with path.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _write_archive(plan: Plan, file: IO[bytes]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        images = _squares(plan)
        for split in SPLITS:
            _write_images(archive, f"{split}_images", plan.shape(split), images)
            _write_array(archive, f"{split}_labels", _labels(plan, split))
        if plan.classes.names is not None:
            _write_array(archive, "class_names", np.array(plan.classes.names))


def _squares(plan: Plan) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the images as stored in the file, decoded a few ahead."""
    channels, levels, size = plan.channels, plan.levels, plan.settings.size

    def square(entry: Entry) -> npt.NDArray[np.uint8]:
        try:
            return to_square(open_picture(plan.folder / entry.path, plan.settings), size, channels, levels)
        except NotAnImage as problem:
            raise InputError(
                f"{entry.path}: {problem}, and was not when it was checked; run the import again"
            ) from None

    with quietly():
        yield from shown_progress(in_order(square, plan.entries), "writing images", len(plan.entries))


def _write_images(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], images: Iterator[npt.NDArray[np.uint8]]
) -> None:
    """Write an array of images one by one, so that memory does not grow with their number."""
    with _member(archive, name) as stream:
        npy.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for _ in range(shape[0]):
            stream.write(next(images).tobytes())


def _write_array(archive: zipfile.ZipFile, name: str, array: npt.NDArray[np.generic]) -> None:
    content = BytesIO()
    npy.write_array(content, array, allow_pickle=False)
    with _member(archive, name) as stream:
        stream.write(content.getvalue())


@contextmanager
def _member(archive: zipfile.ZipFile, name: str) -> Iterator[IO[bytes]]:
    info = zipfile.ZipInfo(f"{name}.npy", EPOCH)
    info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, 0o600 << 16
    with archive.open(info, "w", force_zip64=True) as stream:
        yield stream


def _labels(plan: Plan, split: str) -> npt.NDArray[np.generic]:
    """Return the labels of a split, (N, 1), uint8 if their values fit."""
    number = {name: label for label, name in enumerate(plan.classes.order)}
    labels = [number[entry.label] for entry in plan.entries if entry.split == split]
    return np.array(labels, dtype=np.uint8 if len(number) <= 256 else np.int64)[:, None]


def _write_table(plan: Plan, file: IO[bytes]) -> None:
    """Write a line for each image: split, row in that split's arrays, file, class, patient and further columns."""
    text = TextIOWrapper(file, encoding="utf-8", newline="")
    rows = csv.writer(text, lineterminator="\n")
    known = [*(["patient"] if plan.patients else []), *(["site"] if plan.listing.sites else [])]
    rows.writerow(["split", "index", "file", "label", *known, *plan.listing.more])
    numbers = {name: label for label, name in enumerate(plan.classes.order)}
    index = dict.fromkeys(SPLITS, 0)
    for entry in plan.entries:
        split = str(entry.split)
        label = plan.classes.name(numbers[entry.label])
        rows.writerow([split, index[split], entry.path, label, *(getattr(entry, name) for name in known), *entry.more])
        index[split] += 1
    text.flush()
    text.detach()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
