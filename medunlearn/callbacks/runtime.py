"""Measures the run time of a method, stage by stage."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from lightning.pytorch import Callback, LightningModule, Trainer

from medunlearn.contracts import UnlearningModule
from medunlearn.timing import OVERHEAD, Stopwatch, run_time_minutes


class RunTime(Callback):
    """Measures the run time of a method by stage; RTE is the time of the stages that belong to the method.

    The clock runs from the first to the last batch of each epoch, including data loading and augmentation. Validation,
    evaluation and logging stop it and are timed as separate stages, as are download, reading and checkpoints. Stages
    that a method measures itself, such as SalUn's saliency mask, count towards RTE. A resumed run adds up its parts;
    the repeated part of an interrupted epoch counts once.

    List it before every other callback. It wraps `log_metrics` of the loggers and `save_checkpoint` of the Trainer.
    Lightning's `Profiler` cannot replace it: it is not called around loggers, and a Trainer has only one, which is the
    user's.
    """

    def __init__(self) -> None:
        self._stopwatch = Stopwatch()
        self._wrapped: list[tuple[Any, str]] = []

    def seconds(self, trainer: Trainer) -> dict[str, float]:
        """Return the seconds spent in each stage, also in those outside RTE (0 for a stage that did not occur)."""
        spent = dict.fromkeys(("training", *OVERHEAD), 0.0)
        for watch in (self._stopwatch, getattr(getattr(trainer, "datamodule", None), "stopwatch", None)):
            for stage, seconds in watch.seconds.items() if watch else ():
                spent[stage] = spent.get(stage, 0.0) + seconds
        return spent

    def minutes(self, trainer: Trainer) -> float:
        """Return RTE in minutes."""
        return run_time_minutes(self.seconds(trainer))

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Share the module's stopwatch, and time logging and checkpoints as separate stages."""
        self._stopwatch = cast(UnlearningModule, pl_module).stopwatch
        if stage == "fit":
            for logger in trainer.loggers:
                self._wrap(logger, "log_metrics", "logging")
            self._wrap(trainer, "save_checkpoint", "checkpoint")

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Restore the wrapped methods of loggers and Trainer."""
        for owner, method in self._wrapped:
            delattr(owner, method)
        self._wrapped.clear()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock where a run is resumed in the middle of an epoch, for which Lightning calls no start hook."""
        if trainer.fit_loop.restarted_mid_epoch:
            self._stopwatch.start("training")

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._stopwatch.start("training")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock before all other work at the end of an epoch."""
        self._stopwatch.stop("training")

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Hold the clock."""
        self._stopwatch.start("validation")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restart the clock."""
        self._stopwatch.stop("validation")

    def state_dict(self) -> dict[str, Any]:
        """Return the times so far, to which a resumed run adds."""
        return {"seconds": dict(self._stopwatch.seconds)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the times of the run that is resumed."""
        self._stopwatch.seconds.update(state_dict["seconds"])

    def _wrap(self, owner: Any, method: str, stage: str) -> None:
        setattr(owner, method, _timed(getattr(owner, method), self._stopwatch, stage))
        self._wrapped.append((owner, method))


def _timed(call: Callable[..., Any], stopwatch: Stopwatch, stage: str) -> Callable[..., Any]:
    @wraps(call)
    def timed(*args: Any, **kwargs: Any) -> Any:
        with stopwatch.measure(stage):
            return call(*args, **kwargs)

    return timed
