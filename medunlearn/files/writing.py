"""Writing files whole: a reader finds the old content or the new one, whatever happens in between."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write `content` so that the file is either whole or not there; its directory is made where it is missing.

    Raises:
        OSError: If it cannot be written; an older file then stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # on the disk before it gets its name
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
