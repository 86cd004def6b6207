"""Reads NumPy's `.npy` and `.npz`, and the zip archives that `.npz` files and torch's checkpoints are."""

import io
import lzma
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from medunlearn.errors import Fault
from medunlearn.files.texts import UNOPENED, check_no_pipe

MOST_HEADER = 10_012  # bytes; NumPy applies its own limit of 10,000 only after reading as many as the file declares
DEFLATE = 1032  # bytes that one byte of a deflated stream can stand for at most

# Raised by zipfile, its decompressors and NumPy's header parser on a damaged or manipulated file.
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


class Header(NamedTuple):
    """What an array's header declares, after checking it against the array's size."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool
    start: int
    """Bytes before the first value."""


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive; no member can be larger than declared, nor all together larger than the file allows.

    Raises:
        Fault: If it is not such an archive, or its content is damaged.
        OSError: If the system cannot open it.
    """
    with _damage():
        check_no_pipe(path)
        with path.open("rb") as file:
            if file.read(4) not in (
                b"PK\x03\x04",
                b"PK\x05\x06",
            ):  # zipfile also accepts leading bytes, NumPy does not
                raise zipfile.BadZipFile("File is not a zip file")
        with zipfile.ZipFile(path) as archive:
            _check_members(archive)
            yield archive


def read_header(stream: IO[bytes], size: int, name: str) -> Header:
    """Return what the header of an array declares.

    `numpy.load` would allocate as much as it declares, so a file of a few bytes could ask for terabytes.

    Args:
        stream: At the beginning of the array.
        size: Bytes of header and values.
        name: The array's name for errors.

    Raises:
        Fault: If the header is damaged, declares another size, or Python objects.
    """
    head = io.BytesIO(stream.read(MOST_HEADER))
    try:
        version = npy.read_magic(head)
        # Version 3 is only ever written for field names outside Latin-1, which no image or label has.
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran_order, dtype = read(head)
    except (MemoryError, RecursionError, LookupError, AttributeError, TypeError):  # raised by the parsers
        raise Fault(f"the header of {name} is damaged; save it again") from None
    if dtype.hasobject:
        raise Fault(
            f"{name} holds Python objects, which only pickle reads, and that could run code; save it as numbers"
        )
    if min(shape, default=0) < 0 or head.tell() + math.prod(shape) * dtype.itemsize != size:
        raise Fault(f"{name} declares shape {shape}, but its size in the file differs; save the file again")
    return Header(shape, dtype, fortran_order, head.tell())


def read_array(archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    """Return an array whose header has been read, in C order."""
    with archive.open(f"{name}.npy") as stream:
        return np.ascontiguousarray(npy.read_array(stream, allow_pickle=False))


def read_archive(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an `.npz`, which must be numbers.

    Raises:
        Fault: If it is not an `.npz` of numbers, or damaged.
    """
    with open_archive(path) as archive:
        found = [member for member in archive.infolist() if member.filename.endswith(".npy")]
        names = [member.filename.removesuffix(".npy") for member in found]
        for name, member in zip(names, found, strict=True):
            with archive.open(member) as stream:
                _check_numbers(read_header(stream, member.file_size, name), name)
        return {name: read_array(archive, name) for name in names}


def read_npy(path: Path) -> npt.NDArray[Any]:
    """Return the array of an `.npy`, which must be numbers.

    Raises:
        Fault: If it is not an `.npy` of numbers, or damaged.
        FileNotFoundError: If there is no such file.
    """
    check_no_pipe(path)
    with path.open("rb") as file, _damage():
        _check_numbers(read_header(file, path.stat().st_size, "the array"), "the array")
        file.seek(0)
        return np.asarray(npy.read_array(file, allow_pickle=False))


def _check_members(archive: zipfile.ZipFile) -> None:
    """Reject members that declare more than the file can hold, that occur twice, or that NumPy and torch do not write.

    Compressions other than deflate unpack a whole block at once, whatever its size.
    """
    size = os.fstat(archive.fp.fileno()).st_size if archive.fp else 0
    members = archive.infolist()
    for member in members:
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Fault(f"{member.filename} is compressed in another way than deflate; save it again with NumPy")
        ratio = 1 if member.compress_type == zipfile.ZIP_STORED else DEFLATE
        if member.file_size > ratio * member.compress_size:
            raise Fault(f"{member.filename} declares {member.file_size} bytes, which it cannot hold; save it again")
    if len({member.filename for member in members}) < len(members):
        raise Fault("it holds something twice under one name; save it again")
    if sum(member.compress_size for member in members) > size:
        raise Fault(f"its parts declare more than its {size} bytes; save it again")


def _check_numbers(header: Header, name: str) -> None:
    if header.dtype.kind not in "biuf":
        raise Fault(f"{name} is {header.dtype}, not real numbers; save the file again")


@contextmanager
def _damage() -> Iterator[None]:
    """Translate any error that damage causes into a `Fault`."""
    try:
        yield
    except UNOPENED:
        raise
    except MemoryError:
        raise Fault(
            "its arrays do not fit into memory; use a machine with more memory, or save fewer or smaller ones"
        ) from None
    except _DAMAGE as error:
        problem = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise Fault(f"cut short or damaged ({problem}); copy, download or save it again") from error
