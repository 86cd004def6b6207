"""The run directory: where stages meet. Whatever compares, reports or audits a run reads it through `RunDir`."""

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
        self.predicted = self.path / "predict.npz"
        self.logs = self.path / "logs"
        self.stopped = self.path / "stopped.json"
        self.curve = self.path / "learning_curve.json"  # made afterwards, of an original
        self.poison = self.path / "poison.json"  # made afterwards, by `medunlearn poison`

    @classmethod
    def given(cls, path: str | Path, argument: str, part: str = "") -> Self:
        """Return the run directory at a path that a user has given, with `~` and environment variables in it.

        Raises:
            InputError: If a variable is not set; names `argument` of `part`.
        """
        return cls(expanded(path, argument, part))

    def __str__(self) -> str:
        return str(self.path)

    @property
    def finished(self) -> bool:
        """Whether the run came to its end: `metrics.json` is written last."""
        return exists(self.metrics)

    @property
    def started(self) -> bool:
        """Whether there is anything of a run, finished or not."""
        return any(file.exists() for file in self._files())

    @property
    def was_stopped(self) -> bool:
        """Whether it is a trial that its study has stopped before its end."""
        return exists(self.stopped) and not self.finished

    def present(self) -> list[str]:
        """Return the names of the files and folders of a run that are there."""
        return [file.name for file in self._files() if file.exists()]

    def clear(self) -> None:
        """Delete the files of a run and nothing else, beginning with the one that says it is finished."""
        for file in (*self._files(), self.curve, self.poison):
            shutil.rmtree(file) if file.is_dir() and not file.is_symlink() else file.unlink(missing_ok=True)

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of what a run leaves for others, by name; `metrics.json` keeps them."""
        kept = (file for file in (self.config, self.split, self.weights, self.predictions) if file.is_file())
        return {str(file.relative_to(self.path)): _sha256(file) for file in kept}

    def check_unaltered(self, argument: str, hashes_required: bool = True) -> None:
        """Raise `RunError` naming `argument` where a file is not the one that the finished run wrote."""
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
            needed: Names of arrays that must be there.

        Raises:
            FileError: If the file is missing or damaged, lacks an array, or holds what no run writes.
        """
        with self._refused(self.predictions, argument):
            arrays = read_archive(self.predictions)
            if missing := [name for name in needed if name not in arrays]:
                raise Fault(f"it lacks {missing[0]}; write it again")
            check_predictions(arrays)
        return arrays

    def weights_sha256(self) -> str | None:
        """Return the hash of `model.ckpt`, which says which model another run started from; None without one."""
        return _sha256(self.weights) if self.weights.is_file() else None

    def remade_original(self, argument: str) -> str:
        """Return the run that this one started from where that run holds another model now; else an empty text.

        A run keeps the hash of the weights that it started from. When that original is made again under other settings,
        the run's own configuration does not change, for it names a directory.
        """
        metrics = self.read_metrics(argument)
        original, before = metrics.get("original"), metrics.get("original_sha256")
        now = RunDir(original).weights_sha256() if original and before else None
        return str(original) if now not in (None, before) else ""

    def write_config(self, text: str) -> None:
        """Write `config.yaml` so that it is either whole or not there."""
        write_whole(self.config, text.encode())

    def write_metrics(self, content: dict[str, Any]) -> None:
        """Write `metrics.json`, with which the run is finished.

        Raises:
            RunError: If a key that others read is not of its form.
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
        """Write `learning_curve.json`, as `read_curve` would take it."""
        check(content, Curve)
        self.write_json(self.curve, content)

    def write_poison(self, content: dict[str, Any]) -> None:
        """Write `poison.json`, as `read_poison` would take it."""
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
        """Name the argument and the file in whatever is wrong with the file."""
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
