"""Rejects Trainer settings that would fail late or give other results than requested."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from lightning.pytorch import Callback, Trainer

from medunlearn.errors import InputError, check_least, counted

LEAST = {
    "accumulate_grad_batches": 1,
    "check_val_every_n_epoch": 1,
    "num_nodes": 1,
    "log_every_n_steps": 0,
    "min_epochs": 0,
    "min_steps": 0,
    "num_sanity_val_steps": -1,
}
"""The smallest valid values of settings that Lightning does not check."""


def check_trainer(trainer: Mapping[str, Any]) -> None:
    """Reject settings that no run supports.

    Args:
        trainer: The resolved settings of the Trainer, by name.
    """
    if trainer["overfit_batches"]:
        raise InputError(
            f"overfit_batches={trainer['overfit_batches']}: batches are shared out by rank and cannot be held; "
            "use trainer.limit_train_batches",
            part="trainer",
        )
    for name, least in LEAST.items():
        value = trainer.get(name)
        if value is not None:
            check_least(name, value, least, part="trainer")
    if (trainer.get("gradient_clip_val") or 0) < 0:
        raise InputError(
            f"gradient_clip_val={trainer['gradient_clip_val']}: give a number above 0, or null", part="trainer"
        )
    if trainer.get("val_check_interval") in (0, 0.0):
        raise InputError(
            f"val_check_interval={trainer['val_check_interval']}: give a number of batches, or a share of the "
            "epoch such as 0.5; `--trainer.limit_val_batches 0` leaves validation out",
            part="trainer",
        )


def check_strategy(strategy: str | Mapping[str, Any]) -> None:
    """Reject strategies that shard the model or fork this process.

    Args:
        strategy: A name that Lightning knows, or `class_path` and `init_args`.
    """
    name = start = str(strategy)
    if not isinstance(strategy, str):
        name, start = str(strategy.get("class_path")), str((strategy.get("init_args") or {}).get("start_method"))
    plain = name.rpartition(".")[2].lower().replace("_", "")
    if any(kind in plain for kind in ("fsdp", "deepspeed", "modelparallel")):
        raise InputError(
            f"strategy={name}: splits the weights over the processes, but the saliency mask, frozen weights "
            "and model.ckpt need them whole and in float32 in each; use ddp",
            part="trainer",
        )
    if any(kind in start for kind in ("spawn", "fork", "notebook")):
        raise InputError(
            f"strategy={name}: its processes are copies of this one, whose errors appear as long "
            "tracebacks; use ddp, which starts each by the same command",
            part="trainer",
        )


def has_sync_batchnorm(trainer: Trainer) -> bool:
    """Return whether a Trainer synchronises BatchNorm over processes."""
    return cast(Any, trainer)._accelerator_connector._layer_sync is not None


def check_sync_batchnorm(sync_batchnorm: bool, processes: int) -> None:
    """Reject synchronised BatchNorm without a GPU."""
    if sync_batchnorm and processes > 1:
        raise InputError(
            "sync_batchnorm=true: PyTorch has it for GPUs only; leave it out, or use trainer.accelerator=gpu",
            part="trainer",
        )


def check_epoch(trainer: Trainer, batches: int, validation_batches: int) -> None:
    """Reject limits that leave no batch, and a validation that comes after the end of the epoch.

    Args:
        trainer: The Trainer, before it is run.
        batches: Training batches of an epoch.
        validation_batches: Validation batches.
    """
    left = _limited(trainer.limit_train_batches, batches, "limit_train_batches")
    _limited(trainer.limit_val_batches, validation_batches, "limit_val_batches")
    interval = getattr(trainer, "val_check_interval", None)  # absent if the interval is a time
    if isinstance(interval, int) and trainer.check_val_every_n_epoch is not None and interval > left:
        raise InputError(
            f"val_check_interval={interval}: an epoch has {counted(left, 'batch')}; give at most {left}, a share "
            "such as 0.5, or `--trainer.check_val_every_n_epoch null` to count over epochs",
            part="trainer",
        )


def check_monitors(callbacks: Iterable[Callback], logged: Sequence[str]) -> None:
    """Reject callbacks that monitor a value that is never logged.

    Args:
        callbacks: The callbacks of the Trainer.
        logged: The names of all values that are logged for callbacks.
    """
    for callback in callbacks:
        monitor = getattr(callback, "monitor", None)
        if monitor is not None and monitor not in logged:
            raise InputError(
                f"callbacks: {type(callback).__name__} monitors {monitor}, which is not logged; "
                f"choose one of {', '.join(logged)}",
                part="trainer",
            )


def _limited(limit: int | float | None, batches: int, name: str) -> int:
    """Return how many batches remain under a limit."""
    if limit is None:
        return batches
    left = min(limit, batches) if isinstance(limit, int) else int(limit * batches)
    if limit and not left:
        least = math.ceil(100 / batches) / 100 if batches else 1
        given = f"{name}={limit}: leaves none of {counted(batches, 'batch')}"
        raise InputError(f"{given}; give at least {least}", part="trainer")
    return left
