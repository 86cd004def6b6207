"""Carries out one run, for the command line and `medunlearn.fit` alike."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint, ProgressBar
from lightning.pytorch.utilities import rank_zero_only

from medunlearn.callbacks.run_record import RunRecord
from medunlearn.callbacks.runtime import RunTime
from medunlearn.contracts import UnlearningData
from medunlearn.runs import RunDir
from medunlearn.runs.starting import check_resumable
from medunlearn.training.checkpoints import AtomicCheckpointIO
from medunlearn.training.failures import explained, go_on
from medunlearn.training.interruption import Interruption
from medunlearn.training.lines import LogLines
from medunlearn.training.loggers import default_loggers
from medunlearn.training.memory import keep_freed_memory
from medunlearn.training.one_bar import OneBar
from medunlearn.training.precision import default_precision
from medunlearn.training.processes import failing_together
from medunlearn.training.progress import shows_bars


def trainer_defaults() -> dict[str, Any]:
    """Return this project's defaults for Trainer arguments that differ from Lightning's."""
    return {
        "precision": default_precision(),
        "num_sanity_val_steps": 0,
        "log_every_n_steps": 10,
        "use_distributed_sampler": False,
    }


def fill_arguments(given: dict[str, Any], method: type) -> None:
    """Fill in the method's Trainer arguments that were not given; epochs only if no other end was given."""
    for name, value in cast(Any, method).trainer_arguments.items():
        if given.get(name) is None and (name != "max_epochs" or given.get("max_steps", -1) == -1):
            given[name] = value


def trainer_parts(run: RunDir, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Trainer's callbacks and plugins: those given plus those of every run.

    Args:
        run: The run directory.
        given: The Trainer's arguments.
    """
    logged = given.get("logger") is not False and not given.get("fast_dev_run")
    kept = given.get("enable_checkpointing") is not False
    callbacks: list[Callback] = [RunTime(), *listed(given.get("callbacks"))]
    callbacks += one_bar(given)
    callbacks += [LearningRateMonitor("epoch")] if logged else []
    callbacks += [_last_checkpoint(run)] if kept else []
    callbacks += [Interruption(run.last if kept else None)]
    return {"callbacks": callbacks, "plugins": [*listed(given.get("plugins")), AtomicCheckpointIO()]}


def prepare(
    trainer: Trainer,
    method: LightningModule,
    data: LightningDataModule,
    record: RunRecord,
    settings: Mapping[str, Any],
    overwrite: bool,
) -> None:
    """Check settings, method, data and Trainer against each other before the run directory is changed.

    Args:
        trainer: The Trainer.
        method: What is trained.
        data: The images.
        record: The callback that writes the run directory.
        settings: The resolved settings, as plain values.
        overwrite: Delete the run that is there.
    """
    if trainer.strategy.root_device.type == "cpu":
        keep_freed_memory()
    data.prepare_data()
    data.setup("fit")
    images = cast(UnlearningData, data)
    record.check(trainer, method, images)
    if record.resume:
        check_resumable(record.run, dict(settings), images.split_record())
    if cast(Any, trainer).fast_dev_run:
        return
    if overwrite:
        rank_zero_only(record.run.clear)()
    # From Python, loggers may be given as objects, which the settings cannot hold.
    if has_default_logger(settings["trainer"].get("logger")) and not trainer.loggers:
        with explained(record.run):
            trainer.loggers = default_loggers(record.run)


def train(trainer: Trainer, record: RunRecord, **arguments: Any) -> None:
    """Run `trainer.fit`, from the last checkpoint if resumed; expected failures become one-line errors.

    Args:
        trainer: The Trainer.
        record: The callback that writes the run directory.
        arguments: Further arguments of `trainer.fit`.
    """
    if record.resume and record.run.last.is_file():
        arguments["ckpt_path"] = record.run.last
    # Seed again, so that training does not depend on random numbers drawn in between, such as by a notebook.
    torch.manual_seed(arguments["datamodule"].seed)
    interruption = next(each for each in cast(Any, trainer).callbacks if isinstance(each, Interruption))
    together = failing_together(trainer.strategy.launcher, lambda: go_on(record.run))
    with interruption.listening(trainer), together, explained(record.run):
        trainer.fit(**arguments | {"weights_only": True})


def one_bar(given: Mapping[str, Any]) -> list[Callback]:
    """Return the progress callback for a Trainer without one, unless progress is disabled.

    It is a bar on a terminal, in a notebook, or if `enable_progress_bar` is true; otherwise lines in a log.
    """
    own = any(isinstance(each, ProgressBar) for each in listed(given.get("callbacks")))
    asked = given.get("enable_progress_bar")
    if own or asked is False:
        return []
    return [OneBar() if asked or shows_bars(sys.stdout) else LogLines()]


def summary(given: Mapping[str, Any]) -> dict[str, bool]:
    """Return the argument that disables Lightning's table of layers, unless it was requested."""
    return {} if given.get("enable_model_summary") is not None else {"enable_model_summary": False}


def has_default_logger(value: Any) -> bool:
    """Return whether an argument `logger` requests the default loggers."""
    return value is None or value is True


def listed(value: Any) -> Sequence[Any]:
    """Return one value, several or none as a list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _last_checkpoint(run: RunDir) -> ModelCheckpoint:
    return ModelCheckpoint(
        dirpath=run.checkpoints, filename=run.last.stem, enable_version_counter=False, save_on_train_epoch_end=True
    )
