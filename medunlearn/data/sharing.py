"""Memory that processes of one machine share, so that a data set lies in it once however many train on it.

Whoever comes first fills a sealed, anonymous file in memory (Linux `memfd`) and leaves a note of where it is; whoever
comes later, started by whatever launcher, finds the note and maps the same pages. The note holds no data, the memory
has no name and nobody can write to it, and it is gone with the last process, however that ends. Where this is not to be
had, each process gets memory of its own.
"""

import hashlib
import mmap
import os
import stat
import sys
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

if sys.platform == "linux":
    import fcntl

    _SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL

Bytes = npt.NDArray[np.uint8]


def shared_bytes(key: str, size: int, fill: Callable[[Bytes], None]) -> Bytes:
    """Return `size` bytes that `fill` has written in this process or another of the same user on this machine.

    Args:
        key: What the bytes are; whoever says the same gets the same.
        size: How many, at least one.
        fill: Writes them. It runs in one process while the others wait; what it raises comes out here.

    Returns:
        uint8 (size,). What one process writes into it, no other sees.
    """
    name = f"medunlearn-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
    folder = _notes()
    if folder is None:
        return _private(size, fill)
    with (folder / name).open("a+") as note:
        fcntl.flock(note, fcntl.LOCK_EX)  # also given up when this process is killed
        note.seek(0)
        file = _found(note.read(), name, size)
        if file is None:
            file = _filled(name, size, fill)
            note.truncate(0)
            note.write(f"/proc/{os.getpid()}/fd/{file}")
            note.flush()
    return _mapped(file, size)


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
    mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return folder if mine and os.access(folder, os.W_OK) else None


def _found(address: str, name: str, size: int) -> int | None:
    """Return the file in memory at an address that another process left; None where it is gone or another's."""
    try:
        if not str(Path(address).readlink()).startswith(f"/memfd:{name}"):
            return None
        file = os.open(address, os.O_RDONLY | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    if os.fstat(file).st_size != size or fcntl.fcntl(file, fcntl.F_GET_SEALS) != _SEALS:
        os.close(file)
        return None
    return file


def _filled(name: str, size: int, fill: Callable[[Bytes], None]) -> int:
    file = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(file, size)
        fill(np.frombuffer(mmap.mmap(file, size), dtype=np.uint8))  # unmapped with the array, or sealing fails
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(file)
        raise
    return file


def _mapped(file: int, size: int) -> Bytes:
    memory = mmap.mmap(file, size, access=mmap.ACCESS_COPY)
    weakref.finalize(memory, os.close, file)  # until then others find it here
    return np.frombuffer(memory, dtype=np.uint8)
