"""Checks whether a run may start in a directory, resume the run there, or reuse an existing run."""

from collections.abc import Iterable, Iterator
from pkgutil import resolve_name
from typing import Any

from medunlearn.errors import InputError
from medunlearn.files import exists
from medunlearn.runs.directory import RunDir

SAME_BY_HASH = ("data.file", "data.groups", "data.root", "data.download", "data.num_workers")
"""Settings that may change on resuming, since the data hash is compared instead."""

DISPLAY = ("trainer.enable_progress_bar", "trainer.enable_model_summary")
"""Settings of the output during a run, which do not affect its result."""

MAY_CHANGE = tuple(
    f"trainer.{name}"
    for name in (
        "accelerator",
        "strategy",
        "devices",
        "num_nodes",
        "sync_batchnorm",
        "max_epochs",
        "max_time",
        "logger",
    )
)
"""Settings that may change on resuming: hardware, duration and logging."""

ADDED = {"data.test": True, "data.forget.group_by": "patient"}
"""Settings missing in older runs, with the values that these runs used."""

SETTINGS = ("data", "model", "seed_everything", "trainer", "evaluation")
"""The groups of settings that define a run."""


def check_run_dir(run: RunDir, resume: bool, overwrite: bool) -> None:
    """Reject overwriting a run, or resuming one that does not exist."""
    if resume and overwrite:
        raise InputError("resume=true: contradicts overwrite=true; keep one of them")
    if run.path.exists() and not run.path.is_dir():
        raise InputError(f"run_dir={run}: is a file; name a directory")
    if run.finished and resume:
        raise InputError(
            f"run_dir={run}: already holds a finished run, which cannot be resumed; to train for longer, give a larger "
            "`--trainer.max_epochs` with another run_dir, or with `--overwrite true` in place of `--resume true`"
        )
    if run.finished and not overwrite:
        raise InputError(
            f"run_dir={run}: already holds a finished run; `--overwrite true` starts again, another run_dir keeps it"
        )
    if run.started and not (exists(run.config) or resume or overwrite):
        raise InputError(
            f"run_dir={run}: holds {', '.join(run.present())} and no config.yaml, of a run that ended early or of "
            "something else; name another run_dir, or give `--overwrite true` to delete it"
        )
    if run.started and not (resume or overwrite):
        raise InputError(
            f"run_dir={run}: already holds an unfinished run; give `--resume true` to go on with it, "
            "or `--overwrite true` to start again"
        )
    if resume and not run.started:
        raise InputError(f"run_dir={run}: there is no run to resume; leave out `--resume true`")


def check_resumable(run: RunDir, settings: dict[str, Any], split: dict[str, Any]) -> None:
    """Reject resuming a run with data, method or seed other than it was started with."""
    if exists(run.config):
        for key, before, now in _differences(run.read_config("run_dir"), settings, SETTINGS):
            if key not in (*SAME_BY_HASH, *DISPLAY, *MAY_CHANGE):
                raise InputError.of_option(
                    f"{key}={now}: the run in {run} was started with {before}; resume it with the same"
                )
    before = run.read_split("run_dir") if exists(run.split) else split
    if any(before.get(key) != split[key] for key in ("sha256", "data_sha256", "indices")):
        raise InputError(f"run_dir={run}: its data or forget set has changed since it was started; bring it back")


def check_same_run(run: RunDir, settings: dict[str, Any]) -> None:
    """Reject an existing run, finished or not, whose settings differ from the requested ones."""
    state = "finished" if run.finished else "unfinished"
    for key, before, now in _differences(run.read_config("run_dir"), settings, (*SETTINGS, "reference")):
        if key not in DISPLAY:
            raise InputError.of_option(
                f"{key}={now}: the {state} run in {run} was made with {before}; "
                "use the same, name another run_dir, or delete that one"
            )


def _differences(before: dict[str, Any], now: dict[str, Any], groups: Iterable[str]) -> Iterator[tuple[str, Any, Any]]:
    for group in groups:
        yield from _walk(before.get(group), now.get(group), group)


def _walk(before: Any, now: Any, key: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in {**before, **now}:
            yield from _walk(before.get(name), now.get(name), f"{key}.{name}")
    elif before is None and key in ADDED and now == ADDED[key]:
        return
    elif before != now and not (key.endswith(".class_path") and _same_class(before, now)):
        yield key, before, now


def _same_class(before: Any, now: Any) -> bool:
    """Return whether two import paths lead to the same class, such as `medunlearn.SalUn` and its full path."""
    try:
        return resolve_name(str(before)) is resolve_name(str(now))
    except (ImportError, AttributeError, ValueError):
        return False
