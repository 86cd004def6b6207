"""Measures the run time of a method, stage by stage."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from lightning.pytorch import Callback, LightningModule, Trainer

from medunlearn.contracts import UnlearningModule
from medunlearn.timing import OVERHEAD, Stopwatch, run_time_minutes


class RunTime(Callback):
    """Measures the run time of a method by stage; RTE is what the method needs.

    The clock runs from the first batch of an epoch to its last, with fetching and augmentation. Validation, evaluation
    and logging inside it stop the clock and are listed beside it, as are download, reading and checkpoints. A stage
    that a method measures itself, such as SalUn's saliency mask, counts. A resumed run adds up its parts; what a killed
    epoch had done is done again and counts once.

    Put it before every other callback. It wraps two methods, `log_metrics` and `save_checkpoint`, while a stage runs:
    Lightning's `Profiler` is not called around loggers, and a Trainer has one alone, which is the user's.
    """

    def __init__(self) -> None:
        self._stopwatch = Stopwatch()
        self._wrapped: list[tuple[Any, str]] = []

    def seconds(self, trainer: Trainer) -> dict[str, float]:
        """Return the seconds spent in each stage, overhead included (0 where there was none)."""
        spent = dict.fromkeys(("training", *OVERHEAD), 0.0)
        for watch in (self._stopwatch, getattr(getattr(trainer, "datamodule", None), "stopwatch", None)):
            for stage, seconds in watch.seconds.items() if watch else ():
                spent[stage] = spent.get(stage, 0.0) + seconds
        return spent

    def minutes(self, trainer: Trainer) -> float:
        """Return RTE in minutes."""
        return run_time_minutes(self.seconds(trainer))

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Share the module's stopwatch, and let loggers and checkpoints charge their time to themselves."""
        self._stopwatch = cast(UnlearningModule, pl_module).stopwatch
        if stage == "fit":
            for logger in trainer.loggers:
                self._wrap(logger, "log_metrics", "logging")
            self._wrap(trainer, "save_checkpoint", "checkpoint")

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Give loggers and trainer their own methods back."""
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
        """Stop the clock, before anything else is done at the end of an epoch."""
        self._stopwatch.stop("training")

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Hold the clock."""
        self._stopwatch.start("validation")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let the clock go on."""
        self._stopwatch.stop("validation")

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run adds to."""
        return {"seconds": dict(self._stopwatch.seconds)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the time of the run that is resumed."""
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
