"""The run directory: where stages meet. Whatever compares, reports or audits reads it through this page."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from medunlearn.errors import InputError


class RunDir:
    """One run directory: the names of its files, how they are read, and how they are written without half results.

    Args:
        path: The directory; it need not exist.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config = self.path / "config.yaml"
        self.split = self.path / "split.json"
        self.checkpoints = self.path / "checkpoints"
        self.last = self.checkpoints / "last.ckpt"
        self.weights = self.checkpoints / "model.ckpt"
        self.predictions = self.path / "predictions.npz"
        self.metrics = self.path / "metrics.json"
        self.logs = self.path / "logs"

    def __str__(self) -> str:
        return str(self.path)

    @property
    def finished(self) -> bool:
        """Whether the run came to its end: `metrics.json` is written last."""
        return self.metrics.is_file()

    @property
    def started(self) -> bool:
        """Whether there is anything of a run, finished or not."""
        return any(file.exists() for file in self._files())

    def clear(self) -> None:
        """Delete the files of a run and nothing else, beginning with the one that says it is finished."""
        for file in self._files():
            shutil.rmtree(file) if file.is_dir() and not file.is_symlink() else file.unlink(missing_ok=True)

    def read_metrics(self, argument: str) -> dict[str, Any]:
        """Return `metrics.json`; raise `InputError` naming `argument` where it is missing or damaged."""
        return self._read_json(self.metrics, argument)

    def read_split(self, argument: str) -> dict[str, Any]:
        """Return `split.json`; raise `InputError` naming `argument` where it is missing or damaged."""
        return self._read_json(self.split, argument)

    def read_config(self, argument: str) -> dict[str, Any]:
        """Return `config.yaml`; raise `InputError` naming `argument` where it is missing or damaged."""
        try:
            content = yaml.safe_load(self.config.read_text())
        except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
            raise InputError(
                f"{argument}={self}: {self.config} cannot be read ({_first_line(error)}); run that stage again"
            ) from None
        if not isinstance(content, dict):
            raise InputError(f"{argument}={self}: {self.config} holds no settings; run that stage again")
        return content

    def read_predictions(self, argument: str) -> dict[str, np.ndarray]:
        """Return the arrays of `predictions.npz`; raise `InputError` where it is missing or damaged."""
        try:
            with np.load(self.predictions, allow_pickle=False) as arrays:
                return dict(arrays)
        except Exception as error:  # a damaged archive fails in many ways
            raise InputError(
                f"{argument}={self}: {self.predictions} cannot be read ({_first_line(error)}); run that stage again"
            ) from None

    def weights_sha256(self) -> str | None:
        """Return the hash of `model.ckpt`, which says which model another run started from; None without one."""
        if not self.weights.is_file():
            return None
        with self.weights.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def write_json(self, path: Path, content: dict[str, Any]) -> None:
        """Write `content` so that the file is either whole or not there."""
        self.write_bytes(path, (json.dumps(content, indent=2) + "\n").encode())

    def write_predictions(self, arrays: dict[str, np.ndarray]) -> None:
        """Write `predictions.npz` so that it is either whole or not there."""
        part = self.predictions.with_name("predictions.part.npz")
        np.savez(part, allow_pickle=False, **arrays)
        part.replace(self.predictions)

    @staticmethod
    def write_bytes(path: Path, content: bytes) -> None:
        """Write `content` so that the file is either whole or not there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)

    def _read_json(self, path: Path, argument: str) -> dict[str, Any]:
        try:
            content = json.loads(path.read_text())
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(
                f"{argument}={self}: {path} cannot be read ({_first_line(error)}); run that stage again"
            ) from None
        if not isinstance(content, dict):
            raise InputError(f"{argument}={self}: {path} holds no JSON object; run that stage again")
        return content

    def _files(self) -> list[Path]:
        return [self.metrics, self.predictions, self.checkpoints, self.split, self.logs, self.config]


def split_sha256(data_sha256: str, indices: np.ndarray) -> str:
    """Return the SHA-256 over the data and the forget set, which two runs must share to be compared.

    Args:
        data_sha256: The hash of the images and labels.
        indices: The forget set as indices into the training set, sorted, shape (F,).
    """
    content = data_sha256.encode() + np.ascontiguousarray(indices, dtype="<i8").tobytes()
    return hashlib.sha256(content).hexdigest()


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
