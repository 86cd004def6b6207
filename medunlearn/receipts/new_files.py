"""Writes files that must not exist yet: keys, salts and receipts are never replaced."""

import os
from pathlib import Path

from medunlearn.errors import InputError
from medunlearn.files import writing_remedy


def write_new(path: Path, content: bytes, argument: str, mode: int = 0o666) -> None:
    """Write a new file.

    Args:
        path: The file.
        content: Its content.
        argument: The argument's name, for errors.
        mode: Permissions from its creation on, restricted by the umask.

    Raises:
        InputError: If it is there already, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(number, "wb") as file:
            file.write(content)
    except OSError as error:
        reason = error.strerror or error
        remedy = "name another file" if isinstance(error, FileExistsError) else writing_remedy(error)
        raise InputError(f"{argument}={path}: cannot be written ({reason}); {remedy}") from None
