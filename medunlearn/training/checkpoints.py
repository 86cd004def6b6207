"""Checkpoints to resume from: written atomically and verified by their SHA-256."""

import hashlib
import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from medunlearn.errors import InputError
from medunlearn.files import write_whole
from medunlearn.training.plain import plain_checkpoint


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes checkpoints atomically with their SHA-256 in a file beside them, and reads only files that match it.

    Lightning's own class moves a temporary file into place, which is not atomic between two file systems.
    """

    def __init__(self) -> None:
        super().__init__()
        self._written: dict[Path, str] = {}

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint such that the file is always either the complete old or the complete new one.

        Raises:
            InputError: If it holds a value that could not be read again; the message names its place.
        """
        content = io.BytesIO()
        torch.save(plain_checkpoint(checkpoint), content)
        path, sha256 = Path(path), hashlib.sha256(content.getbuffer()).hexdigest()
        # Both the old and the new hash are noted before the file is replaced, so a kill or a full disk in between never
        # leaves a checkpoint with an unknown hash.
        known = [self._written[path]] if path in self._written else _known(path)
        write_whole(_note(path), "\n".join(dict.fromkeys([sha256, *known])).encode())
        write_whole(path, content.getbuffer())
        self._written[path] = sha256

    def load_checkpoint(
        self, path: str | Path, map_location: Any = "cpu", weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Return a checkpoint without running code stored in it.

        Raises:
            InputError: If it is not the file that was written.
        """
        with Path(path).open("rb") as file:
            if not _note(Path(path)).is_file():
                raise InputError(
                    f"resume=true: {path} has no {_note(Path(path)).name} beside it, which says what the run wrote; "
                    "bring it back, or start again with `--overwrite true`"
                )
            if hashlib.file_digest(file, "sha256").hexdigest() not in _known(Path(path)):
                raise InputError(
                    f"resume=true: {path} is not the checkpoint that the run wrote (its SHA-256 is not the one in "
                    f"{_note(Path(path)).name}); start again with `--overwrite true`"
                )
        return super().load_checkpoint(path, map_location, weights_only=True)


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _known(path: Path) -> list[str]:
    try:
        return _note(path).read_text().split()
    except (OSError, ValueError):
        return []
