"""Files in MedMNIST's format: six arrays in one `.npz`, read without running code from them."""

import hashlib
import math
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from medunlearn.data.labels import check_label_header, check_labels, check_matrix, count_classes, read_class_names
from medunlearn.data.sharing import shared_bytes
from medunlearn.errors import DataError, Fault, InputError
from medunlearn.files import Header, check_no_pipe, open_archive, read_array, read_header
from medunlearn.runs.class_names import check_class_names

SPLITS = ("train", "val", "test")
KEYS = tuple(f"{split}_{part}" for split in SPLITS for part in ("images", "labels"))
CHUNK = 2**20
SMALLEST = 8  # pixels; the network halves an image three times


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
        val: For monitoring and tuning.
        test: For the final figures only; empty if a run does not use them.
        num_classes: Labels are 0 to `num_classes - 1`.
        name: The data set's name, or the file's without its ending.
        class_names: A name for each class, in the order of the labels; None where they have none.

    Raises:
        InputError: If the names are not one for each class.
    """

    train: Split
    val: Split
    test: Split
    num_classes: int
    name: str
    class_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.class_names is not None:
            try:
                check_class_names(self.class_names, self.num_classes)
            except Fault as fault:
                raise DataError(str(fault), part="data") from None

    @property
    def channels(self) -> int:
        """1 for gray, 3 for colour."""
        return 1 if self.train.images.ndim == 3 else 3

    @property
    def size(self) -> int:
        """Height and width in pixels."""
        return int(self.train.images.shape[1])

    def without_test(self) -> "ImageData":
        """Return the same without a test image."""
        return replace(self, test=Split(self.train.images[:0], self.train.labels[:0]))

    @property
    def sha256(self) -> str:
        """SHA-256 over type, shape and bytes of the arrays, whatever their compression; four without test images."""
        return self._sha256[1] if len(self.test) else self._sha256[0]

    @property
    def training_sha256(self) -> str:
        """The same over the training and validation arrays only: equal for two runs that trained on the same data."""
        return self._sha256[0]

    @cached_property
    def _sha256(self) -> tuple[str, str]:
        digest, found = hashlib.sha256(), list[str]()
        for split in (self.train, self.val, self.test):
            for array in (split.images, split.labels.astype("<i8", copy=False)):
                digest.update(f"{array.dtype.str}{array.shape}".encode())
                digest.update(np.ascontiguousarray(array).data)
            found.append(digest.hexdigest())
        return found[1], found[2]


def read_npz(
    path: Path | str,
    num_classes: int | None = None,
    source: str | None = None,
    class_names: Sequence[str] | None = None,
    test: bool = True,
) -> ImageData:
    """Read and check a file in MedMNIST's format.

    Args:
        path: An `.npz` with `train`, `val` and `test` `_images` and `_labels`, and perhaps `class_names`, text `(C,)`.
        num_classes: Number of classes; by default that of the training labels.
        source: How errors name the file; by default `file=PATH`.
        class_names: Names of the classes; by default those of the file, where it has any.
        test: Read the test images. Without them their arrays are not opened and may be missing.

    Raises:
        InputError: If the file cannot be read, or its arrays are missing or invalid.
    """
    if num_classes is not None and num_classes < 2:
        raise InputError(
            f"num_classes={num_classes}: a classifier needs at least 2 classes; give the true number", part="data"
        )
    try:
        return _read(Path(path), num_classes, class_names, SPLITS if test else SPLITS[:2])
    except Fault as fault:
        raise DataError(f"{source or f'file={path}'}: {fault}", part="data") from fault


def _read(path: Path, num_classes: int | None, class_names: Sequence[str] | None, splits: Sequence[str]) -> ImageData:
    _check_magic(path)
    with open_archive(path) as archive:
        # Headers and labels are checked before gigabytes of images are read.
        keys = [key for key in KEYS if key.partition("_")[0] in splits]
        _check_present(archive, keys)
        headers = {key: _header(archive, key) for key in keys}
        for split in splits:
            check_matrix(archive, f"{split}_labels", headers)
        _check_headers(headers, splits)
        labels = {split: read_array(archive, f"{split}_labels").reshape(-1) for split in splits}
        num_classes = num_classes or count_classes(labels["train"])
        check_labels(labels, num_classes)
        own = class_names is None  # given names take precedence over those of the file
        names = read_class_names(archive, num_classes) if own else check_class_names(class_names, num_classes)
        images = _shared_images(archive, path, headers, splits)
    read = {split: Split(images[split], labels[split].astype(np.int64)) for split in splits}
    found = ImageData(**{"test": read["train"], **read}, num_classes=num_classes, name=path.stem, class_names=names)
    return found if "test" in read else found.without_test()


def _check_magic(path: Path) -> None:
    try:
        check_no_pipe(path)
        with path.open("rb") as file:
            magic = file.read(4)
    except FileNotFoundError as error:
        raise Fault("no such file; give the path of a .npz file in MedMNIST's format") from error
    except IsADirectoryError as error:
        raise Fault("this is a directory; give the path of a .npz file in MedMNIST's format") from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise Fault(f"cannot be read ({reason}); give a file that you may read") from error
    if not magic:
        raise Fault("is empty; download or save it again")
    if magic not in (b"PK\x03\x04", b"PK\x05\x06"):
        raise Fault(f"not an .npz file; save the arrays {', '.join(KEYS)} with numpy.savez_compressed")


def _check_present(archive: zipfile.ZipFile, keys: Sequence[str]) -> None:
    names = set(archive.namelist())
    missing = [key for key in keys if f"{key}.npy" not in names]
    if missing:
        raise Fault(f"no array {', '.join(missing)}; the file must hold {', '.join(keys)}")


def _header(archive: zipfile.ZipFile, key: str) -> Header:
    member = archive.getinfo(f"{key}.npy")
    with archive.open(member) as stream:
        return read_header(stream, member.file_size, key)


def _check_headers(headers: dict[str, Header], splits: Sequence[str]) -> None:
    for split in splits:
        images, labels = headers[f"{split}_images"], headers[f"{split}_labels"]
        _check_image_header(f"{split}_images", images)
        check_label_header(f"{split}_labels", labels, number=images.shape[0])
    train = headers["train_images"].shape[1:]
    for split in splits[1:]:
        if (other := headers[f"{split}_images"].shape[1:]) != train:
            raise Fault(f"one image of {split}_images has shape {other}, of train_images {train}; make all alike")


def _check_image_header(key: str, header: Header) -> None:
    shape, dtype = header.shape, header.dtype
    if dtype != np.uint8:
        raise Fault(f"{key} is {dtype}; images must be uint8, 0 to 255")
    if len(shape) not in (3, 4) or shape[3:] not in ((), (3,)):
        raise Fault(f"{key} has shape {shape}; images must be (N, H, W) or (N, H, W, 3)")
    if shape[0] == 0:
        raise Fault(f"{key} is empty; every split needs at least one image")
    if shape[1] != shape[2]:
        raise Fault(f"{key} has images of {shape[1]}x{shape[2]} pixels; they must be square, so crop or pad them")
    if shape[1] < SMALLEST:
        raise Fault(f"{key} has images of {shape[1]}x{shape[2]} pixels; give at least {SMALLEST}x{SMALLEST}")


def _shared_images(
    archive: zipfile.ZipFile, path: Path, headers: dict[str, Header], splits: Sequence[str]
) -> dict[str, npt.NDArray[np.uint8]]:
    """Return the images of each split, read once for all processes of this machine."""
    shapes = {split: headers[f"{split}_images"].shape for split in splits}
    ends = np.cumsum([math.prod(shape) for shape in shapes.values()]).tolist()
    pieces = dict(zip(splits, map(slice, [0, *ends], ends), strict=False))

    def fill(memory: npt.NDArray[np.uint8]) -> None:
        for split, piece in pieces.items():
            key = f"{split}_images"
            _read_into(archive, key, headers[key], memory[piece])

    # The open file's identity, since another file may lie at this path by now, and the checksums of its content.
    found = os.fstat(archive.fp.fileno()) if archive.fp else path.stat()
    sums = [archive.getinfo(f"{split}_images.npy").CRC for split in splits]
    key = f"{path.resolve()} {found.st_dev} {found.st_ino} {found.st_mtime_ns} {found.st_ctime_ns} {shapes} {sums}"
    memory = shared_bytes(key, ends[-1], fill)
    return {split: memory[pieces[split]].reshape(shape) for split, shape in shapes.items()}


def _read_into(archive: zipfile.ZipFile, key: str, header: Header, memory: npt.NDArray[np.uint8]) -> None:
    """Read an array of bytes without an intermediate copy."""
    if header.fortran_order:
        memory[:] = read_array(archive, key).reshape(-1)
        return
    with archive.open(f"{key}.npy") as stream:
        stream.read(header.start)
        start = 0
        while chunk := stream.read(CHUNK):  # to the end, where the checksum is compared
            memory[start : start + len(chunk)] = np.frombuffer(chunk, dtype=np.uint8)
            start += len(chunk)
    if start != len(memory):
        raise Fault(f"{key} ends after {start} of {len(memory)} bytes; save the file again")
