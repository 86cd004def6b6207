"""Shell commands shown in messages, such as the one that creates or resumes a run."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from medunlearn.errors import InputError, RunError, on_command_line
from medunlearn.files import exists, unreadable
from medunlearn.files.checkpoints import tensor_names
from medunlearn.files.configs import read_config, shipped_configs
from medunlearn.runs.directory import RunDir

RULES = ("rate", "classes", "indices", "seed", "stratified", "groups", "group_by", "after")
SPLIT = ("dataset", "size", "groups", *(f"forget.{rule}" for rule in RULES))
"""Settings below `data`, other than `file`, that choose images and forget set."""

CURVE_PARTS = "learning_curve"
"""The folder beside an original in which `medunlearn curve` trains parts."""

MADE_BY = {
    "original": "medunlearn.Train(data.num_classes)",
    "reference": "medunlearn.Retrain(data.num_classes)",
}
"""Python expression for the method of the run that a setting names."""


def shown(argv: Iterable[str | Path]) -> str:
    """Return a command quoted for a shell.

    Example:
        >>> shown(["wandb", "sync", "my runs/logs"])
        "wandb sync 'my runs/logs'"
    """
    return shlex.join(str(argument) for argument in argv)


def command_for(run_dir: Path, data_file: Path | None = None, split: Mapping[str, Any] | None = None) -> str:
    """Return the shell command that would create a run directory.

    Args:
        run_dir: The run directory.
        data_file: The current command's `data.file`, if given, so that the run has the same data.
        split: The `data` settings of the current run, whose images and forget set the other run must share.

    Example:
        >>> command_for(Path("runs/r"), Path("own.npz"), {"forget": {"classes": [2]}})
        "medunlearn fit --config configs/NAME.yaml --data.file own.npz --data.forget.classes '[2]' --run_dir runs/r"
    """
    return shown(["medunlearn", "fit", *_arguments(run_dir, data_file, split or {})])


def remedy_for(
    run_dir: Path, argument: str = "", data_file: Path | None = None, split: Mapping[str, Any] | None = None
) -> str:
    """Return how to create or resume a run: a command or, when called from Python, a Python call.

    Args:
        run_dir: The run directory.
        argument: The setting that names it.
        data_file: As in `command_for`.
        split: As in `command_for`.

    Example:
        >>> remedy_for(Path("runs/t"), "original")
        "medunlearn.fit(medunlearn.Train(data.num_classes), data, run_dir='runs/t')"
        >>> remedy_for(Path("runs/t/learning_curve"))
        'medunlearn curve runs/t'
    """
    begun = exists(run_dir / "config.yaml")
    if run_dir.name == CURVE_PARTS and not begun:
        return shown(["medunlearn", "curve", run_dir.parent])
    if on_command_line():
        return command_for(run_dir, data_file, split)
    method = "method" if begun else MADE_BY.get(argument, "method")
    return f"medunlearn.fit({method}, data, run_dir={str(run_dir)!r}{', resume=True' if begun else ''})"


def check_finished(
    run: RunDir, argument: str, data_file: Path | None = None, split: Mapping[str, Any] | None = None
) -> None:
    """Check that a run that another one needs is finished and unaltered.

    Args:
        run: The run.
        argument: The setting that names it.
        data_file: As in `command_for`.
        split: As in `command_for`.

    Raises:
        InputError: If it is missing, unfinished or altered; the message says how to create it.
    """
    if not run.finished:
        _check_directory(run, argument)
        state = "the run there is unfinished" if run.started else "no run there"
        raise InputError(
            f"{argument}={run}: {state}; make it with `{remedy_for(run.path, argument, data_file, split)}`"
        )
    run.check_unaltered(argument)


def _check_directory(run: RunDir, argument: str) -> None:
    """Reject a file, such as weights from elsewhere, and a directory without read permission."""
    try:
        if not run.path.is_file():
            run.metrics.stat()
            return
    except PermissionError as error:
        raise RunError(f"{argument}={run}: {unreadable(error, 'name another run')}") from None
    except (OSError, ValueError):
        return
    whole = RunDir(run.path.parent.parent if run.path.parent.name == "checkpoints" else run.path.parent)
    if whole.finished:
        raise RunError(f"{argument}={run}: is a file of a run; give that run's directory, {whole}")
    fit = "medunlearn fit" if on_command_line() else "medunlearn.fit"
    raise RunError(
        f"{argument}={run}: {_kind_of(run.path)}, and {argument} must be the directory of a finished run, which keeps "
        f"its data, forget set and figures; make one with `{fit}`"
    )


def _kind_of(path: Path) -> str:
    """Describe a file for users who pass weights from elsewhere instead of a run directory."""
    names = tensor_names(path)
    if not names:
        return "is a file"
    prefixes = {"module.": "DataParallel", "_orig_mod.": "torch.compile"}
    known = next((prefix for prefix in prefixes if all(name.startswith(prefix) for name in names)), None)
    return "is a file of weights" + (f" with the prefix `{known}` of {prefixes[known]}" if known else "")


def _arguments(run_dir: Path, data_file: Path | None, split: Mapping[str, Any]) -> list[str | Path]:
    if exists(run_dir / "config.yaml"):
        return ["--config", run_dir / "config.yaml", "--resume", "true"]
    data: list[str | Path] = [] if data_file is None else ["--data.file", data_file]
    for path in _known_configs():
        config = read_config(path)
        if Path(str(config.get("run_dir"))) == run_dir:
            return ["--config", Path("configs") / path.name, *data, *_split_options(split, config.get("data"))]
    return ["--config", "configs/NAME.yaml", *data, *_split_options(split, {}), "--run_dir", run_dir]


def _split_options(split: Mapping[str, Any], config: Any) -> Iterator[str]:
    """Yield options that give a run the images and forget set of another one, overriding its config."""
    for name in SPLIT if split else ():
        wanted, stated = _below(split, name), _below(config, name)
        named = name.startswith("forget.") or name == "groups" or split.get("file") is None
        if (name, wanted) == ("forget.group_by", "patient") and not stated:  # its default
            continue
        if named and (wanted or stated) and wanted != stated:
            yield f"--data.{name}"
            yield yaml.safe_dump(wanted, default_flow_style=True).removesuffix("...\n").strip()


def _below(settings: Any, name: str) -> Any:
    """Return a setting by its dotted name, as YAML has it; None where there is none."""
    for key in name.split("."):
        settings = settings.get(key) if isinstance(settings, Mapping) else None
    return str(settings) if isinstance(settings, Path) else settings


def _known_configs() -> Iterator[Path]:
    for folder in (Path("configs"), shipped_configs()):
        yield from sorted(folder.glob("*.yaml"))
