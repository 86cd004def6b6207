"""Measures a finished run in `validate` and `test`, with the names and values of its `metrics.json`."""

import sys
from typing import Any, cast

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn

from medunlearn.callbacks.predicting import predict
from medunlearn.callbacks.unlearning_metrics import UnlearningMetrics
from medunlearn.contracts import UnlearningModule
from medunlearn.runs import RunDir
from medunlearn.runs.comparable import why_other_data
from medunlearn.runs.record import Record


class FinishedRun(Callback):
    """Logs UA, RA, TA and MIA in `test`; in `validate` the validation set replaces the test set.

    Logged values are printed and sent to every logger. On images other than the run's it is unknown which were trained
    on, so only the accuracy that the method itself logs is available.

    Args:
        run: The run directory.
    """

    def __init__(self, run: RunDir) -> None:
        self.run = run

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure with the validation set, unless this is the validation of a fit."""
        if trainer.state.fn == TrainerFn.VALIDATING and self._of_the_run(trainer, pl_module):
            evaluation, predictions = _evaluated(trainer, pl_module)
            _log(pl_module, {f"validation/{name}": v for name, v in evaluation.measure_validation(predictions).items()})

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure with the test set."""
        if self._of_the_run(trainer, pl_module):
            evaluation, predictions = _evaluated(trainer, pl_module)
            _log(pl_module, evaluation.measure(predictions))

    def _of_the_run(self, trainer: Trainer, pl_module: LightningModule) -> bool:
        """Return whether the images are those of the run; print a note if they or the forget set differ."""
        split = cast(UnlearningModule, pl_module).datamodule.split_record()
        now, kept = Record.planned(self.run, split, {}), Record.of(self.run, "run_dir")
        others = bool(why_other_data(now, kept))
        other_split = kept.split_sha256 not in (None, now.split_sha256)  # older runs may not say
        if now.untested != kept.untested:  # then the hashes differ in any case
            other_split = self.run.read_split("run_dir")["indices"] != split["indices"]
        if trainer.is_global_zero and others:
            print("UA, RA and MIA are left out: these are not the run's images", file=sys.stderr)
        elif trainer.is_global_zero and other_split:
            differs = "so UA, RA and MIA are not comparable with its metrics.json"
            print(f"The forget set is not that of {self.run}, {differs}", file=sys.stderr)
        return not others


def _evaluated(trainer: Trainer, module: LightningModule) -> tuple[UnlearningMetrics, Any]:
    """Return the `UnlearningMetrics` callback and the model's predictions in the Trainer's precision."""
    callbacks = cast(Any, trainer).callbacks
    evaluation = next(each for each in callbacks if isinstance(each, UnlearningMetrics))
    with trainer.precision_plugin.forward_context():
        return evaluation, predict(trainer, module)


def _log(module: LightningModule, figures: dict[str, float | None]) -> None:
    """Log values in float64, reduced by maximum: all processes have equal values, and a mean would round."""
    for name, value in figures.items():
        if value is not None:
            exact = torch.tensor(value, dtype=torch.float64)
            module.log(name, exact, reduce_fx="max", sync_dist=True, batch_size=1)
