"""Prints one line at the start of a run and, without a progress bar, as in a log, a line every few minutes."""

import time
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from tqdm import tqdm

from medunlearn.errors import counted, of_a_plan
from medunlearn.training.progress import say

T = TypeVar("T")
PERIOD = 300.0
"""Seconds between two lines during long training."""


class LogLines(ProgressBar):
    """Replaces the progress bar in a log: prints a line after the last epoch, and every five minutes before it."""

    def __init__(self) -> None:
        super().__init__()
        self._enabled = True
        self._begun = self._last = 0.0
        self._first = 0

    def disable(self) -> None:
        """Print nothing, as on every process but the first."""
        self._enabled = False

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print what is trained, and on what."""
        say_start(trainer, pl_module)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._begun = self._last = time.monotonic()
        self._first = trainer.current_epoch

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the progress of the training if a line is due."""
        done, epochs, now = trainer.current_epoch + 1, trainer.max_epochs or -1, time.monotonic()
        if not self._enabled or (done != epochs and now - self._last < PERIOD):
            return
        self._last = now
        took = now - self._begun
        left = took / (done - self._first) * (epochs - done)
        texts = [f"epoch {done}" + (f" of {epochs}" if epochs > 0 else ""), tqdm.format_interval(took)]
        texts += [f"{tqdm.format_interval(left)} left"] if left > 0 else []
        shown = measured(self.get_metrics(trainer, pl_module))
        texts += [
            f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}" for name, value in shown.items()
        ]
        say(", ".join(texts))

    def passing(self, items: Iterable[T], description: str) -> Iterable[T]:
        """Return items unchanged."""
        return items


def measured(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return each logged metric once: its epoch mean if known, otherwise its value at the last step.

    Args:
        found: The metrics that Lightning would show.

    Example:
        >>> measured({"train/loss_step": 1.5, "val/accuracy": 0.25, "train/loss_epoch": 1.2, "v_num": 3})
        {'train/loss': 1.2, 'val/accuracy': 0.25}
    """
    named = {name: value for name, value in found.items() if name != "v_num"}
    return {name.removesuffix("_step").removesuffix("_epoch"): value for name, value in named.items()}


def say_start(trainer: Trainer, module: LightningModule) -> None:
    """Print in one line what is trained and on what hardware; not for a stage of a plan, announced before."""
    if not trainer.is_global_zero or of_a_plan():
        return
    count = sum(each.numel() for each in module.parameters())
    times = f"{trainer.world_size} x " if trainer.world_size > 1 else ""
    epochs = trainer.max_epochs
    end = f", {counted(epochs, 'epoch')}" if epochs is not None and epochs >= 0 else ""
    device = _device(trainer.strategy.root_device)
    say(f"{type(module).__name__}: {count:,} parameters, on {times}{device}, {trainer.precision}{end}")


def _device(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
