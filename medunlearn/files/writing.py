"""Writes files atomically: a reader finds either the old or the new content, even after a crash."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from medunlearn.errors import InputError
from medunlearn.files.paths import expanded


def writing_remedy(error: OSError) -> str:
    """Return the remedy for a failed write, such as `make room there`.

    Args:
        error: The error raised by writing.
    """
    if isinstance(error, PermissionError):
        return "give yourself the right to write there"
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "a file stands where a directory of the path should; name another directory"
    if isinstance(error, IsADirectoryError):
        return "a directory stands where the file should; delete it, or name another directory"
    room = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return "make room there or name another directory" if error.errno in room else "name another directory"


def output_folder(given: Path) -> Path:
    """Return the folder that `--out` names; it need not exist yet.

    Raises:
        InputError: If it is a file.
    """
    folder = expanded(given, "out")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"out={folder}: is a file; name a directory")
    return folder


def writable_folder(given: Path) -> Path:
    """Return the folder that `--out` names, made now: a command checks it before work whose results go there.

    Raises:
        InputError: If it is a file, or cannot be made.
    """
    folder = output_folder(given)
    with writing_to(folder):
        return folder


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Make the folder that `--out` names; within the `with` block, errors of writing to it become `InputError`.

    Raises:
        InputError: If a file cannot be written; the message has the remedy.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise InputError(
            f"out={folder}: cannot be written ({error.strerror or error}); {writing_remedy(error)}"
        ) from error


def access_remedy(error: OSError, path: Path) -> str:
    """Return the remedy for a failed access: reading an existing path, or writing a new one."""
    with suppress(PermissionError):  # the folder may not be readable at all
        if not (isinstance(error, PermissionError) and path.exists()):
            return writing_remedy(error)
    return "give yourself the right to read it"


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write `content` so that the file is either complete or absent; make its directory if it is missing.

    Raises:
        OSError: If it cannot be written; an older file is then unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # on the disk before it gets its final name
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
