from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer

from medunlearn.callbacks.environment import hardware, versions
from medunlearn.callbacks.runtime import RunTime
from medunlearn.callbacks.tracking import track
from medunlearn.callbacks.unlearning_metrics import UnlearningMetrics
from medunlearn.contracts import UnlearningModule
from medunlearn.metrics import GAP_METRICS, Predictions, attack_sample, average_gap
from medunlearn.models import ResNet18, save_weights
from medunlearn.runs import RunDir

C = TypeVar("C", bound=Callback)


class RunRecord(Callback):
    """Writes the run directory: config and split when fit starts; weights, predictions and metrics when it ends.

    `metrics.json` is written last and in one step, so a run that has it is finished.

    Args:
        run_dir: The run directory.
        reference: Run directory of the retrained model that AG is taken against; null in the metrics where it is
            missing.
        config: The resolved configuration as YAML, for `config.yaml`.
    """

    def __init__(self, run_dir: str | Path, reference: str | Path | None = None, config: str | None = None) -> None:
        self.run = RunDir(run_dir)
        self.reference = None if reference is None else RunDir(reference)
        self.config = config
        self.metrics: dict[str, Any] = {}

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what was asked for, before the work."""
        if trainer.is_global_zero and not cast(Any, trainer).fast_dev_run:
            if self.config is not None:
                self.run.write_bytes(self.run.config, self.config.encode())
            self.run.write_json(self.run.split, cast(UnlearningModule, pl_module).datamodule.split_record())

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what came of it, in one process; the others go on once it is written."""
        if trainer.is_global_zero and not cast(Any, trainer).fast_dev_run:
            self._write(trainer, pl_module)
        trainer.strategy.barrier("run written")

    def _write(self, trainer: Trainer, pl_module: LightningModule) -> None:
        evaluation = _sibling(trainer, UnlearningMetrics)
        assert evaluation.predictions is not None
        method = cast(UnlearningModule, pl_module)
        self._write_weights(method)
        self.run.write_predictions(evaluation.predictions.to_arrays() | _attack_arrays(evaluation))
        self.metrics = self._collect(trainer, method, evaluation)
        track(trainer.loggers, self.run, self.metrics, evaluation.predictions, self._reference_metrics())
        self.run.write_json(self.run.metrics, self.metrics)

    def _write_weights(self, module: UnlearningModule) -> None:
        extra = {"saliency_mask": {name: value.cpu() for name, value in module.mask.items()}} if module.mask else {}
        self.run.checkpoints.mkdir(parents=True, exist_ok=True)
        save_weights(cast(ResNet18, module.backbone), self.run.weights, **extra)

    def _collect(self, trainer: Trainer, module: UnlearningModule, evaluation: UnlearningMetrics) -> dict[str, Any]:
        predictions = evaluation.predictions
        assert predictions is not None
        data = module.datamodule
        runtime = _sibling(trainer, RunTime)
        reference = self._reference_metrics()
        return {
            "method": type(module).__name__,
            **evaluation.metrics,
            "AG": average_gap(evaluation.metrics, reference) if reference else None,
            "validation": _validation(evaluation, reference),
            "RTE": runtime.minutes(trainer),
            "runtime": runtime.seconds(trainer),
            "n": {part: len(getattr(predictions, part).labels) for part in ("forget", "retain", "test", "val")},
            "data": data.data_name,
            "num_classes": data.num_classes,
            "split_sha256": data.split_record()["sha256"],
            "data_sha256": data.split_record()["data_sha256"],
            "attack": evaluation.attack_settings(),
            "trained_on": module.training_part,
            "original": None if module.original is None else str(module.original),
            "original_sha256": None if module.original is None else RunDir(module.original).weights_sha256(),
            "reference": str(self.reference) if reference else None,
            "before": self._before(module, evaluation),
            "parameters": _count_parameters(module),
            "epochs": trainer.current_epoch,
            "seed": data.seed,
            "processes": trainer.world_size,
            "precision": str(trainer.precision),
            "files": self.run.hashes(),
            "versions": versions(),
            "hardware": hardware(trainer.strategy.root_device),
        }

    def _before(self, module: UnlearningModule, evaluation: UnlearningMetrics) -> dict[str, float | None] | None:
        """Return the metrics of the model that unlearning started from, on this run's split."""
        if module.original is None:
            return None
        arrays = RunDir(module.original).read_predictions("model.init_args.original", Predictions.names())
        original = Predictions.from_arrays(arrays).split_by(module.datamodule.forget_indices)
        return evaluation.measure(original)

    def _reference_metrics(self) -> dict[str, Any] | None:
        if self.reference is None or not self.reference.finished:
            return None
        return self.reference.read_metrics("reference")


def _validation(evaluation: UnlearningMetrics, reference: dict[str, Any] | None) -> dict[str, float | None]:
    """Return the metrics and AG with the validation set for the test set, which may guide the choice of settings."""
    theirs = (reference or {}).get("validation")
    if theirs is None or any(theirs.get(key) is None for key in GAP_METRICS):
        return {**evaluation.validation, "AG": None}
    return {**evaluation.validation, "AG": average_gap(evaluation.validation, theirs)}


def _attack_arrays(evaluation: UnlearningMetrics) -> dict[str, np.ndarray]:
    """Return which rows of the retain part and of the non-members' part the attack learned from."""
    assert evaluation.predictions is not None
    retain, outside = evaluation.predictions.retain, getattr(evaluation.predictions, evaluation.nonmembers)
    members, nonmembers = attack_sample(len(retain.labels), len(outside.labels), evaluation.seed)
    return {"attack_member_rows": members, "attack_nonmember_rows": nonmembers}


def _count_parameters(module: UnlearningModule) -> dict[str, int]:
    counts = {"total": sum(parameter.numel() for parameter in module.backbone.parameters())}
    if module.mask is not None:
        counts["free"] = sum(int(value.sum()) for value in module.mask.values())
    return counts


def _sibling(trainer: Trainer, kind: type[C]) -> C:
    for callback in cast(Any, trainer).callbacks:
        if isinstance(callback, kind):
            return callback
    raise TypeError(f"Expected `Trainer(callbacks=[..., {kind.__name__}(), RunRecord(...)])`: RunRecord needs it")
