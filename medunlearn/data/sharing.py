"""Memory shared by the processes of one machine, so that it holds a data set once however many train on it.

The first process fills a sealed, anonymous file in memory (Linux `memfd`) and writes its address into a note; later
processes, whatever launcher started them, find the note and map the same pages. The note holds no data; the memory has
no name, is read-only and is freed with the last process, however that ends. Where such memory is not available, each
process gets its own.
"""

import hashlib
import mmap
import os
import stat
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt

if sys.platform == "linux":
    import fcntl

    _SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL

Bytes = npt.NDArray[np.uint8]

MOST_KNOWN = 32  # addresses that a note keeps


class _NotShared(Exception):
    """Memory cannot be shared here."""


def shared_bytes(key: str, size: int, fill: Callable[[Bytes], None]) -> Bytes:
    """Return `size` bytes that `fill` has written in this process or another of the same user on this machine.

    Args:
        key: Identity of the content; the same key gives the same bytes.
        size: Number of bytes, at least one.
        fill: Writes the bytes. It runs in one process while the others wait; its exceptions are passed on.

    Returns:
        uint8 (size,). A process that writes into it changes only its own copy.
    """
    name = f"medunlearn-{hashlib.sha256(os.fsencode(key)).hexdigest()[:32]}"
    try:
        with _locked_note(name) as note:
            known = [address for address in note.read().split("\n") if _leads_to(address, name)]
            files = (_opened(address, size) for address in known)
            file = next((found for found in files if found is not None), None)
            if file is None:
                file = _filled(name, size, fill)
            memory = _mapped(file, size)
            # Each process can be found, so that the memory stays shared when the one that filled it ends.
            _rewrite(note, [*known[-MOST_KNOWN:], f"/proc/{os.getpid()}/fd/{file}"])
            return memory
    except _NotShared:
        return _private(size, fill)


@contextmanager
def _locked_note(name: str) -> Iterator[TextIO]:
    """Open the note of this name, for one process at a time."""
    folder = _notes()
    if folder is None:
        raise _NotShared
    with _or_not_shared():
        note = (folder / name).open("a+", errors="replace")
    with note:
        with _or_not_shared():
            fcntl.flock(note, fcntl.LOCK_EX)  # also released if this process is killed
            note.seek(0)
        yield note


def _rewrite(note: TextIO, addresses: list[str]) -> None:
    with _or_not_shared():
        note.truncate(0)
        note.write("\n".join(addresses))
        note.flush()


@contextmanager
def _or_not_shared() -> Iterator[None]:
    """Translate operating-system errors into `_NotShared`."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise _NotShared from error


def _private(size: int, fill: Callable[[Bytes], None]) -> Bytes:
    memory = np.empty(size, dtype=np.uint8)
    fill(memory)
    return memory


def _notes() -> Path | None:
    """Return the folder of the notes, which nobody else may write to; None where memory cannot be shared."""
    if sys.platform != "linux":
        return None
    folder = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"medunlearn-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return folder if own and os.access(folder, os.W_OK) else None


def _leads_to(address: str, name: str) -> bool:
    """Return whether an address still leads to the memory of this name."""
    try:
        return str(Path(address).readlink()).startswith(f"/memfd:{name}")
    except (OSError, ValueError):
        return False


def _opened(address: str, size: int) -> int | None:
    """Return the file in memory at an address; None where it is not what this module leaves there."""
    try:
        file = os.open(address, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    if os.fstat(file).st_size != size or fcntl.fcntl(file, fcntl.F_GET_SEALS) != _SEALS:
        os.close(file)
        return None
    return file


def _filled(name: str, size: int, fill: Callable[[Bytes], None]) -> int:
    with _or_not_shared():
        file = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with _or_not_shared():
            os.ftruncate(file, size)
            memory = np.frombuffer(mmap.mmap(file, size), dtype=np.uint8)
        fill(memory)
        del memory  # sealing fails while the memory is mapped
        with _or_not_shared():
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(file)
        raise
    return file


def _mapped(file: int, size: int) -> Bytes:
    try:
        memory = mmap.mmap(file, size, access=mmap.ACCESS_COPY)
    except (OSError, ValueError) as error:
        os.close(file)
        raise _NotShared from error
    weakref.finalize(memory, os.close, file)  # until then others find it here
    return np.frombuffer(memory, dtype=np.uint8)
