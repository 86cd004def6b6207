"""The run directory. All code that compares, reports or audits a run reads it through `RunDir`."""

import hashlib
import io
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np

from medunlearn.errors import Fault, FileError, RunError
from medunlearn.files import exists, expanded, read_archive, read_json, read_yaml, unreadable, write_whole
from medunlearn.runs.arrays import check_predictions
from medunlearn.runs.content import Content, check
from medunlearn.runs.curve_schema import Curve
from medunlearn.runs.poison_schema import PoisonContent
from medunlearn.runs.schema import Metrics, Split


class RunDir:
    """One run directory: names, reading and atomic writing of its files.

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
        self.predicted = self.path / "predict.npz"
        self.logs = self.path / "logs"
        self.stopped = self.path / "stopped.json"
        self.curve = self.path / "learning_curve.json"  # written after the run, for an original
        self.poison = self.path / "poison.json"  # written after the run, by `medunlearn poison`

    @classmethod
    def given(cls, path: str | Path, argument: str, part: str = "") -> Self:
        """Return the run directory at a path from the user, with `~` and environment variables expanded.

        Raises:
            InputError: If a variable is not set; names `argument` of `part`.
        """
        return cls(expanded(path, argument, part))

    def __str__(self) -> str:
        return str(self.path)

    @property
    def finished(self) -> bool:
        """Whether the run is finished: `metrics.json` is written last."""
        return exists(self.metrics)

    @property
    def started(self) -> bool:
        """Whether the directory holds any file of a run, finished or not."""
        return any(file.exists() for file in self._files())

    @property
    def was_stopped(self) -> bool:
        """Whether it is a tuning trial that its study has stopped early."""
        return exists(self.stopped) and not self.finished

    def present(self) -> list[str]:
        """Return the names of a run's files and folders that exist."""
        return [file.name for file in self._files() if file.exists()]

    def clear(self) -> None:
        """Delete the files of a run and nothing else, `metrics.json` first, so that it no longer counts as finished."""
        for file in (*self._files(), self.curve, self.poison):
            shutil.rmtree(file) if file.is_dir() and not file.is_symlink() else file.unlink(missing_ok=True)

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of the run's result files by name, as stored in `metrics.json`."""
        kept = (file for file in (self.config, self.split, self.weights, self.predictions) if file.is_file())
        return {str(file.relative_to(self.path)): _sha256(file) for file in kept}

    def check_unaltered(self, argument: str, hashes_required: bool = True) -> None:
        """Raise `RunError` naming `argument` if a file is not the one that the finished run wrote."""
        written = self.read_metrics(argument).get("files")
        if written is None and not hashes_required:  # made before hashes were kept
            return
        if not isinstance(written, dict) or not written:
            raise RunError(f"{argument}={self}: {self.metrics} holds no hashes of its files; run that stage again")
        with self._refused(self.path, argument):
            found = self.hashes()
        for name, sha256 in written.items():
            if name not in found:
                raise RunError(f"{argument}={self}: {name} is missing; bring it back, or run that stage again")
            if found[name] != sha256:
                raise RunError(
                    f"{argument}={self}: {name} is not the file that the run wrote (its SHA-256 differs from the one "
                    "in metrics.json); bring it back, or run that stage again"
                )

    def read_metrics(self, argument: str) -> dict[str, Any]:
        """Return `metrics.json`; raise `FileError` naming `argument` where it is missing or wrong inside."""
        return self._read_mapping(self.metrics, argument, read_json, Metrics)

    def read_split(self, argument: str) -> dict[str, Any]:
        """Return `split.json`; raise `FileError` naming `argument` where it is missing or wrong inside."""
        return self._read_mapping(self.split, argument, read_json, Split)

    def read_curve(self, argument: str) -> dict[str, Any]:
        """Return `learning_curve.json`; raise `FileError` naming `argument` where it is missing or wrong inside."""
        return self._read_mapping(self.curve, argument, read_json, Curve, "make it again, or delete it")

    def read_poison(self, argument: str) -> dict[str, Any]:
        """Return `poison.json`; raise `FileError` naming `argument` where it is missing or wrong inside."""
        return self._read_mapping(self.poison, argument, read_json, PoisonContent, "delete it, and it is made again")

    def read_config(self, argument: str) -> dict[str, Any]:
        """Return `config.yaml`; raise `FileError` naming `argument` where it is missing or damaged."""
        return self._read_mapping(self.config, argument, read_yaml)

    def read_predictions(self, argument: str, needed: Iterable[str] = ()) -> dict[str, np.ndarray]:
        """Return the arrays of `predictions.npz`.

        Args:
            argument: What errors name.
            needed: Names of required arrays.

        Raises:
            FileError: If the file is missing, damaged or inconsistent, or lacks an array.
        """
        with self._refused(self.predictions, argument):
            arrays = read_archive(self.predictions)
            if missing := [name for name in needed if name not in arrays]:
                raise Fault(f"it lacks {missing[0]}; write it again")
            check_predictions(arrays)
        return arrays

    def weights_sha256(self) -> str | None:
        """Return the SHA-256 of `model.ckpt`, by which other runs identify their original; None if it is missing."""
        return _sha256(self.weights) if self.weights.is_file() else None

    def remade_original(self, argument: str) -> str:
        """Return the path of this run's original if it holds a different model now; else an empty string.

        A run stores the hash of its initial weights. If the original is run again with other settings, this run's
        configuration, which names only a directory, does not show it.
        """
        metrics = self.read_metrics(argument)
        original, before = metrics.get("original"), metrics.get("original_sha256")
        now = RunDir(original).weights_sha256() if original and before else None
        return str(original) if now not in (None, before) else ""

    def write_config(self, text: str) -> None:
        """Write `config.yaml` so that it is either whole or not there."""
        write_whole(self.config, text.encode())

    def write_metrics(self, content: dict[str, Any]) -> None:
        """Write `metrics.json`, which marks the run as finished.

        Raises:
            RunError: If a known key has a value of the wrong form.
        """
        try:
            check(content, Metrics)
        except Fault as fault:
            raise RunError(f"run_dir={self}: {self.metrics.name} cannot be written ({fault.problem})") from None
        self.write_json(self.metrics, content)

    def write_json(self, path: Path, content: dict[str, Any]) -> None:
        """Write `content` so that the file is either whole or not there."""
        write_whole(path, (json.dumps(content, indent=2) + "\n").encode())

    def write_curve(self, content: dict[str, Any]) -> None:
        """Write `learning_curve.json`, checked as in `read_curve`."""
        check(content, Curve)
        self.write_json(self.curve, content)

    def write_poison(self, content: dict[str, Any]) -> None:
        """Write `poison.json`, checked as in `read_poison`."""
        check(content, PoisonContent)
        self.write_json(self.poison, content)

    def write_predictions(self, arrays: dict[str, np.ndarray]) -> None:
        """Write `predictions.npz` so that it is either whole or not there."""
        self.write_arrays(self.predictions, arrays)

    def write_arrays(self, path: Path, arrays: dict[str, np.ndarray]) -> None:
        """Write an archive of arrays so that it is either whole or not there.

        Raises:
            ValueError: If an array holds Python objects, which only a pickle can keep.
        """
        for name, array in arrays.items():
            if array.dtype.hasobject:  # `allow_pickle=False` does this from NumPy 2.1 on
                raise ValueError(f"Expected `{name}` to hold numbers or text, but got objects")
        content = io.BytesIO()
        np.savez(content, **arrays)  # type: ignore[arg-type]  # NumPy's stub takes them for `allow_pickle`
        write_whole(path, content.getbuffer())

    def _read_mapping(
        self,
        path: Path,
        argument: str,
        read: Callable[[Path], Any],
        model: type[Content] = Content,
        remedy: str = "run that stage again",
    ) -> dict[str, Any]:
        with self._refused(path, argument, remedy):
            content = read(path)
            if isinstance(content, dict):
                check(content, model)
                return content
        held = "JSON object" if path.suffix == ".json" else "settings"
        raise FileError(f"{argument}={self}: {path} holds no {held}; {remedy}")

    @contextmanager
    def _refused(self, path: Path, argument: str, remedy: str = "run that stage again") -> Iterator[None]:
        """Convert a fault in a file into an error that names the argument and the file."""
        try:
            yield
        except (Fault, OSError, ValueError) as error:
            problem = unreadable(error, remedy)
            raise FileError(f"{argument}={self}: {path} {problem}") from None

    def _files(self) -> list[Path]:
        kept = [self.predictions, self.checkpoints, self.split, self.logs, self.config]
        return [self.metrics, self.predicted, self.stopped, *kept]


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
