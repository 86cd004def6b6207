"""Settings of Lightning's Trainer: this project's defaults, and those that it refuses."""

from collections.abc import Mapping
from typing import Any

from medunlearn.errors import InputError


def check_strategy(strategy: str | Mapping[str, Any]) -> None:
    """Refuse strategies that cut up the model, and those whose processes are copies of this one.

    Args:
        strategy: A name that Lightning knows, or `class_path` and `init_args`.
    """
    name = start = str(strategy)
    if not isinstance(strategy, str):
        name, start = str(strategy.get("class_path")), str((strategy.get("init_args") or {}).get("start_method"))
    plain = name.rpartition(".")[2].lower().replace("_", "")
    if any(kind in plain for kind in ("fsdp", "deepspeed", "modelparallel")):
        raise InputError(
            f"trainer.strategy={name}: cuts the weights up over the processes, but the saliency mask, frozen weights "
            "and model.ckpt need them whole and in float32 in each; use ddp"
        )
    if any(kind in start for kind in ("spawn", "fork", "notebook")):
        raise InputError(
            f"trainer.strategy={name}: its processes are copies of this one, whose errors come out as long "
            "tracebacks; use ddp, which starts each by the same command"
        )


def check_sync_batchnorm(sync_batchnorm: bool, processes: int) -> None:
    """Refuse BatchNorm over several processes where there is no GPU."""
    if sync_batchnorm and processes > 1:
        raise InputError(
            "trainer.sync_batchnorm=true: PyTorch has it for GPUs only; leave it out, or use trainer.accelerator=gpu"
        )


def check_trainer(trainer: Mapping[str, Any]) -> None:
    """Refuse settings of the Trainer that would fail later, or measure another thing than was asked for."""
    if trainer["overfit_batches"]:
        raise InputError(
            f"trainer.overfit_batches={trainer['overfit_batches']}: batches are dealt out by rank and cannot be held; "
            "use trainer.limit_train_batches"
        )
    if trainer["accumulate_grad_batches"] < 1:
        raise InputError(
            f"trainer.accumulate_grad_batches={trainer['accumulate_grad_batches']}: give a whole number of 1 or more"
        )
