"""What `validate`, `test` and `predict` take from a finished run, and what they do otherwise than its fit did."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medunlearn.cli.given import Setting, given_settings, last
from medunlearn.runs import RunDir
from medunlearn.runs.commands import check_finished

COMMANDS = ("validate", "test", "predict")

TRAINER: dict[str, Any] = {
    "precision": "32-true",
    **dict.fromkeys(("limit_val_batches", "limit_test_batches", "limit_predict_batches")),
}
"""Arguments of the Trainer that hold whatever the fit was given: the model is measured as `metrics.json` has it."""


def with_own_config(command: str, options: Sequence[str]) -> list[str]:
    """Return options that name a run alone with its `config.yaml` before them, so that the run says the rest.

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
    run = RunDir(Path(str(run_dir)))
    check_finished(run, "run_dir")
    return ["--config", str(run.config), *options]


def trainer_arguments(given: Sequence[Setting]) -> dict[str, Any]:
    """Return the arguments of `TRAINER` that the command line itself leaves open; what a config says does not count.

    Args:
        given: The settings that were given.
    """
    typed = {setting.key for setting in given if setting.source.startswith("-")}
    return {name: value for name, value in TRAINER.items() if f"trainer.{name}" not in typed}
