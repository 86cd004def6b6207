"""Ends a run on a signal so that it can be resumed without losing work."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, cast

import torch
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from medunlearn.errors import Interrupted
from medunlearn.training.failures import end_of_worker


@contextmanager
def ending_at_once() -> Iterator[None]:
    """End a `with` block that trains nothing on Ctrl-C; Lightning itself would print a message and exit with status 1.

    Raises:
        Interrupted: On the signal.
    """
    listener, before = os.getpid(), signal.getsignal(signal.SIGINT)

    def handle(number: int, frame: FrameType | None) -> None:
        if os.getpid() == listener:  # not a fork, such as a data-loading worker
            raise Interrupted(number)

    _set(signal.SIGINT, handle)
    try:
        yield
    finally:
        _set(signal.SIGINT, before)


class Interruption(Callback):
    """Ends a run on Ctrl-C, SIGTERM or SLURM's requeue signal so that it can be resumed with identical results.

    During training, the current batch is finished and a checkpoint saved. Elsewhere, in the saliency mask or the
    evaluation, there is nothing to save beyond the last checkpoint, and the run ends at once. A second signal always
    ends it at once. Several processes synchronise after each batch, so that one signal ends them all. Data-loading
    workers, which also get a terminal's Ctrl-C, ignore it and are ended by the process that started them.

    Lightning's own handlers, which this replaces, lose the epoch on SIGTERM and, on SLURM, save in the middle of a
    step.

    Args:
        checkpoint: Where the checkpoint is kept; None for none.
    """

    def __init__(self, checkpoint: Path | None) -> None:
        self.checkpoint = checkpoint
        self._received: int | None = None
        self._training = False

    @contextmanager
    def listening(self, trainer: Trainer) -> Iterator[None]:
        """Install the signal handlers for a `with` block around `trainer.fit`, then restore the previous ones."""
        before = {number: signal.getsignal(number) for number in _signals(trainer)}
        self._received, self._training = None, False
        self._listen(trainer)
        try:
            yield
        finally:
            for number, handler in before.items():
                _set(number, handler)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Install the handlers again: Lightning has replaced them by its own."""
        self._listen(trainer)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """From here on, a signal takes effect at the end of the batch."""
        self._training = True

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """After a signal, save a checkpoint and end; after an epoch's last batch, its own checkpoint follows."""
        stepped = (batch_idx + 1) % trainer.accumulate_grad_batches == 0  # else accumulated ones would be lost
        if stepped and not trainer.is_last_batch and (number := self._asked(trainer)):
            if self.checkpoint is not None:
                trainer.save_checkpoint(self.checkpoint)
            _leave(trainer, number)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """After a signal, end now that the previous epoch has its checkpoint."""
        if number := self._asked(trainer):
            _leave(trainer, number)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """After a signal, end; from here on signals take effect at once."""
        self._training = False
        if number := self._asked(trainer):
            _leave(trainer, number)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """End if the signal has killed a worker, for which PyTorch installs its own SIGTERM handler."""
        if self._received and end_of_worker(exception):
            _leave(trainer, self._received)

    def _listen(self, trainer: Trainer) -> None:
        listener = os.getpid()

        def handle(number: int, frame: FrameType | None) -> None:
            if os.getpid() != listener:  # a fork, such as a data-loading worker
                return
            again = self._received is not None
            self._received = number
            launcher = trainer.strategy.launcher
            if number == signal.SIGTERM and launcher is not None:  # Ctrl-C and SLURM signal every process
                launcher.kill(number)
            if again or not self._training:
                _leave(trainer, number)

        for number in _signals(trainer):
            _set(number, handle)

    def _asked(self, trainer: Trainer) -> int:
        """Return the signal that any process has received, equal on all processes; 0 for none."""
        own = self._received or 0
        if trainer.world_size == 1:
            return own
        received = torch.tensor(own, device=trainer.strategy.root_device)
        return int(cast(Tensor, trainer.strategy.reduce(received, reduce_op="max")))


def _leave(trainer: Trainer, number: int) -> None:
    if number in _requeue_signal(trainer):
        _requeue()
    raise Interrupted(number)


def _signals(trainer: Trainer) -> tuple[int, ...]:
    return (signal.SIGINT, signal.SIGTERM, *_requeue_signal(trainer))


def _set(number: int, handler: Any) -> None:
    if threading.current_thread() is threading.main_thread():  # Python delivers signals only to it
        signal.signal(number, handler)


def _requeue_signal(trainer: Trainer) -> tuple[int, ...]:
    """Return the signal by which SLURM requests a requeue, if this is a SLURM job with requeueing."""
    environment = cast(Any, trainer)._accelerator_connector.cluster_environment
    if not isinstance(environment, SLURMEnvironment) or not environment.auto_requeue:
        return ()
    return (environment.requeue_signal or signal.SIGUSR1,)


@rank_zero_only
def _requeue() -> None:
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    job = f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}" if array else os.environ["SLURM_JOB_ID"]
    subprocess.run(["scontrol", "requeue", job], check=False)


def restarted_by_slurm() -> bool:
    """Return whether SLURM runs the same command again after a requeue."""
    return os.environ.get("SLURM_RESTART_COUNT", "0") != "0"
