"""What of an earlier call may be used again: only what was made under the settings that are asked for now."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medunlearn.errors import InputError
from medunlearn.plans.plan import Stage
from medunlearn.runs import RunDir
from medunlearn.runs.starting import check_same_run


def check_settings(stages: Sequence[Stage]) -> list[dict[str, Any]]:
    """Return the resolved settings of each stage, before any is run.

    Raises:
        InputError: If an option is wrong for any stage, or a run, finished or begun, has other settings or other data.
    """
    from medunlearn.cli.fit import resolved_settings  # heavy

    found, splits = [], dict[str, dict[str, Any] | None]()
    for stage in stages:
        try:
            settings = resolved_settings(stage.fit)
        except InputError as error:
            raise InputError(f"{stage.config.name}: {error}") from None
        found.append(settings)
        if stage.run.config.is_file():
            check_same_run(stage.run, settings)
            _check_same_files(stage.run, settings["data"], splits)
        elif stage.run.finished:
            stage.run.read_config("run_dir")  # says that it is missing
    return found


def _check_same_files(run: RunDir, data: dict[str, Any], splits: dict[str, dict[str, Any] | None]) -> None:
    """Refuse a run whose images or list of indices lie in a file that holds something else now.

    MedMNIST's own files need no look: each use checks their MD5.
    """
    if not run.split.is_file():
        return
    key = repr({**data, "augmentation": None, "batch_size": None})
    if key not in splits:
        splits[key] = _split_now(data)
    now, then = splits[key], run.read_split("run_dir")
    if now and now["sha256"] != then.get("sha256"):
        same_images = now["data_sha256"] == then.get("data_sha256")
        named = data["forget"]["indices"] if same_images else data["file"]
        raise InputError(
            f"run_dir={run}: {named} has changed since that run was begun; bring it back, name another run_dir, or "
            "delete that one"
        )


def _split_now(data: dict[str, Any]) -> dict[str, Any] | None:
    """Return what `split.json` would hold with the files as they are now; None where no file of the user's is there."""
    from medunlearn.data import MedMNISTDataModule

    indices = data["forget"]["indices"] and Path(data["forget"]["indices"])
    files = [Path(file) for file in (data["file"], indices) if file]
    if not files or not all(file.is_file() for file in files):
        return None
    try:
        changed = {"download": False, "forget": {**data["forget"], "indices": indices}}
        return MedMNISTDataModule(**{**data, **changed}).split_record()
    except InputError:
        if data["file"] is None:  # MedMNIST's file is not there yet
            return None
        raise
