"""Reports a trial's proxy gap to its study, from the process that trains it, and stops the trial if it is too large."""

import math
from pathlib import Path
from typing import Any, cast

from lightning.pytorch import Callback, LightningModule, Trainer

from medunlearn.callbacks import RunRecord, RunTime, UnlearningMetrics
from medunlearn.callbacks.predicting import original_predictions
from medunlearn.contracts import UnlearningModule
from medunlearn.errors import InputError, Stopped
from medunlearn.metrics import why_no_proxy
from medunlearn.tuning.halving import rung_reached
from medunlearn.tuning.journal import TrialFile


class ReportProxyGap(Callback):
    """Measures the proxy gap after half and after three quarters of the schedule, and ends a trial that is behind.

    With several processes, rank 0 queries the study and all follow its decision. The time counts as evaluation, not as
    the method's run time. A stopped trial leaves `stopped.json` and no `metrics.json`.

    Args:
        file: The file of the study.
        trial: The trial's number.
    """

    def __init__(self, file: Path, trial: int) -> None:
        self.trial = TrialFile(file, trial)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Prepare the measurement, and reject data on which the proxy gap cannot be measured.

        Raises:
            InputError: If images are missing.
        """
        method = cast(UnlearningModule, pl_module)
        found = original_predictions(method, method.datamodule)
        if stage != "fit" or found is None:
            return
        if why := why_no_proxy(found):
            raise InputError(f"tune: needs the proxy gap, which cannot be measured: {why}; give data that have them")
        _found(trainer, UnlearningMetrics).compare_epochs(method, method.datamodule, found)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure if a rung is reached, and stop the trial if it is behind the others.

        Raises:
            Stopped: If the trial is stopped; in every process.
        """
        rung = rung_reached(*_schedule(trainer))
        if rung is None or cast(Any, trainer).fast_dev_run:
            return
        with cast(UnlearningModule, pl_module).stopwatch.measure("evaluation"):
            gap = _found(trainer, UnlearningMetrics).epoch_gap(trainer, pl_module)
            why = self.trial.judged(gap, rung) if trainer.is_global_zero else ""
            why = trainer.strategy.broadcast(why)
        for logger in trainer.loggers:
            logger.log_metrics({"proxy/gap_at_rung": gap}, step=trainer.global_step)
        if why:
            self._stop(trainer, why, gap)

    def _stop(self, trainer: Trainer, why: str, gap: float) -> None:
        if trainer.is_global_zero:
            runtime, run = _found(trainer, RunTime), _found(trainer, RunRecord).run
            epochs = {"epochs": trainer.current_epoch + 1, "of": trainer.max_epochs}
            times = {"RTE": runtime.minutes(trainer), "runtime": runtime.seconds(trainer)}
            run.write_json(run.stopped, {"why": why, "gap": gap if math.isfinite(gap) else None, **epochs, **times})
        raise Stopped(why)


def _schedule(trainer: Trainer) -> tuple[float, float]:
    """Return the share of the schedule in % before and after the current epoch; 0 if the schedule has no known end."""
    epochs, done = trainer.max_epochs, trainer.current_epoch
    if epochs is None or epochs < 1:
        return 0, 0
    return 100 * done / epochs, 100 * (done + 1) / epochs


def _found(trainer: Trainer, kind: type[Any]) -> Any:
    return next(each for each in cast(Any, trainer).callbacks if isinstance(each, kind))
