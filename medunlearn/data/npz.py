"""Files in MedMNIST's format: six arrays in one `.npz`, read without running code from them."""

import hashlib
import lzma
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from medunlearn.data.sharing import shared_bytes
from medunlearn.errors import InputError

SPLITS = ("train", "val", "test")
KEYS = tuple(f"{split}_{part}" for split in SPLITS for part in ("images", "labels"))
CHUNK = 2**20
SMALLEST = 8  # pixels; the network halves an image three times

# What zipfile, its decompressors and NumPy's header parser raise on a file that somebody or something has changed.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    tokenize.TokenError,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    ValueError,
)


@dataclass(frozen=True, eq=False)
class Split:
    """Images with one label each.

    Attributes:
        images: uint8 `(N, H, W)` or `(N, H, W, 3)`.
        labels: int64 `(N,)`.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, eq=False)
class ImageData:
    """The three splits of one data set, as they lie in the file.

    Attributes:
        train: What models learn from; the forget set is chosen here.
        val: For watching and tuning.
        test: For the final figures alone.
        num_classes: Labels are 0 to `num_classes - 1`.
        name: The data set's name, or the file's without its ending.
    """

    train: Split
    val: Split
    test: Split
    num_classes: int
    name: str

    @property
    def channels(self) -> int:
        """1 for gray, 3 for colour."""
        return 1 if self.train.images.ndim == 3 else 3

    @property
    def size(self) -> int:
        """Height and width in pixels."""
        return int(self.train.images.shape[1])

    @cached_property
    def sha256(self) -> str:
        """SHA-256 over type, shape and bytes of the six arrays, so that it does not hang on the compression."""
        digest = hashlib.sha256()
        for split in (self.train, self.val, self.test):
            for array in (split.images, split.labels.astype("<i8", copy=False)):
                digest.update(f"{array.dtype.str}{array.shape}".encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


class _Header(NamedTuple):
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class _Fault(Exception):
    """What is wrong with a file and how to put it right, not yet naming the file."""


def read_npz(path: Path | str, num_classes: int | None = None, source: str | None = None) -> ImageData:
    """Read and check a file in MedMNIST's format.

    Args:
        path: An `.npz` with `train`, `val` and `test` `_images` and `_labels`.
        num_classes: How many classes there are; by default as many as the training labels say.
        source: How errors name the file; by default `data.file=PATH`.

    Raises:
        InputError: The file cannot be read, or does not hold what it should.
    """
    if num_classes is not None and num_classes < 2:
        raise InputError(f"data.num_classes={num_classes}: a classifier needs at least 2 classes; give the true number")
    try:
        return _read(Path(path), num_classes)
    except _Fault as fault:
        # A path or a parser's message may hold line breaks.
        raise InputError(" ".join(f"{source or f'data.file={path}'}: {fault}".splitlines())) from fault


def _read(path: Path, num_classes: int | None) -> ImageData:
    _check_magic(path)
    with _archive(path) as archive:
        # Everything that the headers and labels can tell comes before gigabytes of images are read.
        _check_present(archive)
        headers = {key: _header(archive, key) for key in KEYS}
        _check_headers(headers)
        labels = {split: _array(archive, f"{split}_labels").reshape(-1) for split in SPLITS}
        num_classes = num_classes or _count_classes(labels["train"])
        _check_labels(labels, num_classes)
        images = _shared_images(archive, path, headers)
    splits = {split: Split(images[split], labels[split].astype(np.int64)) for split in SPLITS}
    return ImageData(**splits, num_classes=num_classes, name=path.stem)


def _check_magic(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except FileNotFoundError as error:
        raise _Fault("no such file; give the path of a .npz file in MedMNIST's format") from error
    except IsADirectoryError as error:
        raise _Fault("this is a directory; give the path of a .npz file in MedMNIST's format") from error
    except OSError as error:
        raise _Fault(f"cannot be read ({error.strerror}); give a file that you may read") from error
    if magic not in (b"PK\x03\x04", b"PK\x05\x06"):
        raise _Fault(f"not an .npz file; save the arrays {', '.join(KEYS)} with numpy.savez_compressed")


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except MemoryError as error:
        raise _Fault("its images do not fit into memory; use a machine with more memory or smaller images") from error
    except _DAMAGE as error:
        raise _Fault(f"cut short or damaged ({error}); copy, download or save it again") from error


def _check_present(archive: zipfile.ZipFile) -> None:
    names = set(archive.namelist())
    missing = [key for key in KEYS if f"{key}.npy" not in names]
    if missing:
        raise _Fault(f"no array {', '.join(missing)}; the file must hold {', '.join(KEYS)}")


def _header(archive: zipfile.ZipFile, key: str) -> _Header:
    """The shape and type that a member declares, once they are known to agree with its size.

    `numpy.load` would allocate whatever the header declares, so a file of a few bytes could ask for terabytes.
    """
    member = archive.getinfo(f"{key}.npy")
    with archive.open(member) as stream:
        version = npy.read_magic(stream)
        # Version 3 is only ever written for field names outside Latin-1, which no image or label has.
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(stream)
        start = stream.tell()
    if dtype.hasobject:
        raise _Fault(
            f"{key} holds Python objects, which only pickle reads, and that could run code; save it as numbers"
        )
    if min(shape, default=0) < 0 or start + math.prod(shape) * dtype.itemsize != member.file_size:
        raise _Fault(f"{key} declares shape {shape}, but its size in the file is another; save the file again")
    return _Header(shape, dtype)


def _check_headers(headers: dict[str, _Header]) -> None:
    for split in SPLITS:
        images, labels = headers[f"{split}_images"], headers[f"{split}_labels"]
        _check_image_header(f"{split}_images", images)
        _check_label_header(f"{split}_labels", labels, number=images.shape[0])
    train = headers["train_images"].shape[1:]
    for split in SPLITS[1:]:
        other = headers[f"{split}_images"].shape[1:]
        if other != train:
            raise _Fault(f"one image of {split}_images has shape {other}, of train_images {train}; make all alike")


def _check_image_header(key: str, header: _Header) -> None:
    shape, dtype = header.shape, header.dtype
    if dtype != np.uint8:
        raise _Fault(f"{key} is {dtype}; images must be uint8, 0 to 255")
    if len(shape) not in (3, 4) or shape[3:] not in ((), (3,)):
        raise _Fault(f"{key} has shape {shape}; images must be (N, H, W) or (N, H, W, 3)")
    if shape[0] == 0:
        raise _Fault(f"{key} is empty; every split needs at least one image")
    if shape[1] != shape[2]:
        raise _Fault(f"{key} has images of {shape[1]}x{shape[2]} pixels; they must be square, so crop or pad them")
    if shape[1] < SMALLEST:
        raise _Fault(f"{key} has images of {shape[1]}x{shape[2]} pixels; give at least {SMALLEST}x{SMALLEST}")


def _check_label_header(key: str, header: _Header, number: int) -> None:
    shape, dtype = header.shape, header.dtype
    if dtype.kind not in "iu":
        raise _Fault(f"{key} is {dtype}; labels must be integers, 0 to C-1")
    if len(shape) not in (1, 2) or shape[1:] not in ((), (1,)):
        raise _Fault(f"{key} has shape {shape}; labels must be (N,) or (N, 1), one class for each image")
    if shape[0] != number:
        raise _Fault(f"{key} has {shape[0]} labels for {number} images; give one label for each image")


def _shared_images(
    archive: zipfile.ZipFile, path: Path, headers: dict[str, _Header]
) -> dict[str, npt.NDArray[np.uint8]]:
    """Return the images of each split, read once for all processes of this machine."""
    shapes = {split: headers[f"{split}_images"].shape for split in SPLITS}
    ends = np.cumsum([math.prod(shape) for shape in shapes.values()]).tolist()
    pieces = dict(zip(SPLITS, map(slice, [0, *ends], ends), strict=False))

    def fill(memory: npt.NDArray[np.uint8]) -> None:
        for split, piece in pieces.items():
            _read_into(archive, f"{split}_images", memory[piece])

    # Of the file that is open, which need no longer be the one at this path; the checksums are of what is in it.
    found = os.fstat(archive.fp.fileno()) if archive.fp else path.stat()
    sums = [archive.getinfo(f"{split}_images.npy").CRC for split in SPLITS]
    key = f"{path.resolve()} {found.st_dev} {found.st_ino} {found.st_mtime_ns} {found.st_ctime_ns} {shapes} {sums}"
    memory = shared_bytes(key, ends[-1], fill)
    return {split: memory[pieces[split]].reshape(shape) for split, shape in shapes.items()}


def _read_into(archive: zipfile.ZipFile, key: str, memory: npt.NDArray[np.uint8]) -> None:
    """Read an array of bytes, whose shape has been checked, without a copy of it on the way."""
    with archive.open(f"{key}.npy") as stream:
        version = npy.read_magic(stream)
        _, fortran_order, _ = (npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0)(stream)
        start = 0
        while not fortran_order and (chunk := stream.read(CHUNK)):  # to the end, where the checksum is compared
            memory[start : start + len(chunk)] = np.frombuffer(chunk, dtype=np.uint8)
            start += len(chunk)
    if fortran_order:
        memory[:] = _array(archive, key).reshape(-1)
    elif start != len(memory):
        raise _Fault(f"{key} ends after {start} of {len(memory)} bytes; save the file again")


def _array(archive: zipfile.ZipFile, key: str) -> npt.NDArray[Any]:
    with archive.open(f"{key}.npy") as stream:
        return np.ascontiguousarray(npy.read_array(stream, allow_pickle=False))


def _count_classes(labels: npt.NDArray[Any]) -> int:
    classes = np.unique(labels).tolist()
    if classes[0] < 0:
        raise _Fault(f"train_labels holds {classes[0]}; number the classes from 0")
    absent = next((expected for expected, found in enumerate(classes) if expected != found), None)
    if absent is not None:
        raise _Fault(
            f"label {absent} does not occur in train_labels, but {classes[-1]} does; "
            f"renumber the labels 0 to {len(classes) - 1}, or state data.num_classes"
        )
    if len(classes) < 2:
        raise _Fault("every label in train_labels is 0; give at least 2 classes")
    return len(classes)


def _check_labels(labels: dict[str, npt.NDArray[Any]], num_classes: int) -> None:
    for split, values in labels.items():
        wrong = next((value for value in (int(values.min()), int(values.max())) if not 0 <= value < num_classes), None)
        if wrong is not None:
            raise _Fault(
                f"{split}_labels holds {wrong}, but the {num_classes} classes are 0 to {num_classes - 1}; "
                "renumber the labels, or state data.num_classes"
            )
