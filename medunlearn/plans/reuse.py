"""Checks before the first stage runs: settings, data, earlier runs, and whether these may be reused."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from medunlearn.errors import InputError
from medunlearn.files import expanded
from medunlearn.plans.options import setting
from medunlearn.plans.stages import Stage
from medunlearn.runs import RunDir
from medunlearn.runs.commands import check_finished


class Fit(Protocol):
    """Interface of plans to `medunlearn fit` and its data, implemented by the command line."""

    def settings(self, argv: list[str]) -> dict[str, Any]:
        """Return the resolved settings of a command; raise `InputError` where an option is wrong."""

    def check_same_run(self, run: RunDir, settings: dict[str, Any]) -> None:
        """Raise `InputError` where a run was made under other settings."""

    def split(self, data: dict[str, Any]) -> dict[str, Any] | None:
        """Return the content of `split.json` for the user's current files; None if they are missing."""

    def check_data(self, file: Path | None, num_classes: int | None, indices: Path | None, test: bool = True) -> None:
        """Raise `InputError` where a data file or a list of indices is missing or cannot be read."""


def check_settings(stages: Sequence[Stage], fit: Fit) -> list[dict[str, Any]]:
    """Return the resolved settings of each stage, before any is run.

    Raises:
        InputError: If an option is wrong for any stage, or a run, finished or begun, has other settings or other data.
    """
    found, splits = [], dict[str, dict[str, Any] | None]()
    for stage in stages:
        with naming(stage):
            settings = fit.settings(stage.argv)
        found.append(settings)
        if stage.run.config.is_file():
            fit.check_same_run(stage.run, settings)
            _check_same_files(stage.run, settings["data"], splits, fit)
        elif stage.run.finished:
            stage.run.read_config("run_dir")  # raises the error that it is missing
    return found


def check_inputs(stages: Sequence[Stage], fit: Fit) -> None:
    """Check that the inputs of the stages exist: data files, and earlier runs that no stage of the plan makes.

    MedMNIST's files may be missing, since they are downloaded later; a finished stage needs nothing. Writes nothing.

    Raises:
        InputError: If a file or run is missing or cannot be read.
    """
    made = {stage.run.path for stage in stages}
    checked = set[tuple[Path | None, int | None, Path | None, bool]]()
    for stage in stages:
        if stage.run.finished:
            continue
        file, indices = (_path(stage, name) for name in ("data.file", "data.forget.indices"))
        classes = setting(stage.settings, "data.num_classes")
        test = setting(stage.settings, "data.test") is not False
        data = (file, classes if isinstance(classes, int) else None, indices, test)
        with naming(stage):
            if data not in checked:
                fit.check_data(*data)
                checked.add(data)
            for argument, need in stage.needs.items():
                if need not in made:
                    split = setting(stage.settings, "data") if argument == "reference" else None
                    check_finished(RunDir(need), argument, file, split)


@contextmanager
def naming(stage: Stage) -> Iterator[None]:
    """Add the name of the stage's config to errors within a `with` block."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{stage.config.name}: {error.for_command_line}") from None


def _path(stage: Stage, name: str) -> Path | None:
    value = setting(stage.settings, name)
    return expanded(value, name) if isinstance(value, str) else None


def _check_same_files(run: RunDir, data: dict[str, Any], splits: dict[str, dict[str, Any] | None], fit: Fit) -> None:
    """Reject a run whose data file or index file has changed since.

    MedMNIST's own files are not checked here: each use checks their MD5.
    """
    if not run.split.is_file():
        return
    key = repr({**data, "augmentation": None, "batch_size": None})
    if key not in splits:
        splits[key] = fit.split(data)
    now, then = splits[key], run.read_split("run_dir")
    if now and now["sha256"] != then.get("sha256"):
        same_images = now["data_sha256"] == then.get("data_sha256")
        named = data["forget"]["indices"] if same_images else data["file"] or f"the data set {data['dataset']}"
        raise InputError(
            f"run_dir={run}: {named} has changed since that run was begun; bring it back, name another run_dir, or "
            "delete that one"
        )
