"""Completes the options of `validate`, `test` and `predict` from a run named as first argument."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medunlearn.cli.given import Setting, given_settings, last
from medunlearn.errors import InputError
from medunlearn.plugins import method_hint
from medunlearn.runs import RunDir
from medunlearn.runs.commands import check_finished, command_for, shown

COMMANDS = ("validate", "test", "predict")

TRAINER: dict[str, Any] = {
    "precision": "32-true",
    **dict.fromkeys(("limit_val_batches", "limit_test_batches", "limit_predict_batches")),
}
"""Trainer arguments that replace those of the fit, so that the model is measured as in `metrics.json`."""


def with_option_name(command: str, options: Sequence[str]) -> list[str]:
    """Return options with the option name added to a first argument without one: `--run_dir RUN` for `RUN`.

    Args:
        command: The command.
        options: Its options.

    Raises:
        InputError: If the first argument must be an option; suggests one.
    """
    if not options or options[0].startswith("-"):
        return list(options)
    first, *more = options
    if command in COMMANDS and not first.endswith((".yaml", ".yml")):
        return ["--run_dir", first, *more]
    raise InputError(f"{first}: is not the value of an option; {_meant(command, first)}")


def _meant(command: str, first: str) -> str:
    """Return a suggestion of the intended command."""
    run = RunDir(first)
    if run.finished:
        return f"the run there is finished, and `{shown(['medunlearn', 'test', '--run_dir', first])}` measures it"
    if run.started:
        return f"the run there is unfinished; go on with `{command_for(run.path)}`"
    if first.endswith((".yaml", ".yml")):
        return f"give `{shown(['medunlearn', command, '--config', first])}`"
    if hint := method_hint(first):
        return hint
    option = "data.file" if Path(first).is_file() else "run_dir"
    return f"did you mean `--{option} {shown([first])}`? `medunlearn {command} --help` lists the options"


def with_own_config(command: str, options: Sequence[str]) -> list[str]:
    """Return options with `--config RUN/config.yaml` prepended if they name only a run, so that its settings apply.

    Args:
        command: The command.
        options: Its options.

    Raises:
        InputError: If there is no finished run.
    """
    asks = {"-h", "--help", "-c", "--config", "--print_config"} & {option.partition("=")[0] for option in options}
    if command not in COMMANDS or asks:
        return list(options)
    given = given_settings(options)
    run_dir = last(given, "run_dir")
    if run_dir is None or last(given, "model", "model.class_path") is not None:
        return list(options)
    run = RunDir.given(str(run_dir), "run_dir")
    check_finished(run, "run_dir")
    return ["--config", str(run.config), *options]


def trainer_arguments(given: Sequence[Setting]) -> dict[str, Any]:
    """Return the arguments of `TRAINER` that are not set on the command line; settings in a config are overridden.

    Args:
        given: The settings that were given.
    """
    typed = {setting.key for setting in given if setting.source.startswith("-")}
    return {name: value for name, value in TRAINER.items() if f"trainer.{name}" not in typed}
