import sys
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_only

from medunlearn.callbacks.configuration import configuration
from medunlearn.callbacks.runtime import RunTime
from medunlearn.callbacks.tracking import track
from medunlearn.callbacks.unlearning_metrics import UnlearningMetrics
from medunlearn.contracts import UnlearningModule
from medunlearn.errors import InputError, RunError
from medunlearn.metrics import GAP_METRICS, Predictions, attack_sample, average_gap
from medunlearn.models import save_weights
from medunlearn.runs import RunDir
from medunlearn.runs.comparable import why_incomparable
from medunlearn.runs.record import Record, role_of
from medunlearn.runs.requirements import missing_reference, require_original, require_reference
from medunlearn.training.environment import hardware, versions

C = TypeVar("C", bound=Callback)

LISTED = "Trainer(callbacks=[RunTime(), UnlearningMetrics(), RunRecord(...)])"


class RunRecord(Callback):
    """Writes the run directory: config and split when fit starts; weights, predictions and metrics when it ends.

    `metrics.json` is written last and in one step, so a run that has it is finished.

    List `RunTime` and `UnlearningMetrics` before it.

    Args:
        run_dir: The run directory; one that holds a finished run is refused when fit starts.
        reference: Run directory of the retrained model that AG is taken against; one that cannot be compared with is
            refused when fit starts, and AG is null where it is missing.
        config: The resolved configuration as YAML, for `config.yaml`; by default what can be read from the parts.
    """

    def __init__(self, run_dir: str | Path, reference: str | Path | None = None, config: str | None = None) -> None:
        self.run = RunDir(run_dir)
        self.reference = None if reference is None else RunDir(reference)
        self.config = config
        self.metrics: dict[str, Any] = {}
        self._original_sha256: str | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Keep which original the run starts from, before the method reads it."""
        if stage == "fit":
            _check_order(trainer)
            self._original_sha256 = _original_sha256(cast(UnlearningModule, pl_module))

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run must know of its start."""
        return {"original_sha256": self._original_sha256}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the start of the run that is resumed."""
        self._original_sha256 = state_dict["original_sha256"]

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what was asked for, before the work.

        Raises:
            InputError: If the run directory holds a finished run, the original is not the one of the run's start, or
                original or reference do not go with this run.
        """
        self._check_original(cast(UnlearningModule, pl_module))
        writing = trainer.is_global_zero and not cast(Any, trainer).fast_dev_run
        if writing and self.run.finished:
            raise RunError(
                f"run_dir={self.run}: already holds a finished run; name another run_dir, or delete that one"
            )
        evaluation = _sibling(trainer, UnlearningMetrics)
        self._require(cast(UnlearningModule, pl_module), evaluation)
        if writing:
            config = self.config or configuration(trainer, pl_module, evaluation, self.run, self.reference)
            self.run.write_config(config)
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
        self._check_original(method)
        self._write_weights(method)
        self.run.write_predictions(evaluation.predictions.to_arrays() | _attack_arrays(evaluation))
        compared = self._compared(method, evaluation)
        reference = RunDir(compared.path).read_metrics("reference") if compared else None
        self.metrics = self._collect(trainer, method, evaluation, reference) | self._identity(method, compared)
        self._check_original(method)  # which `before` has been read from
        track(trainer.loggers, self.run, self.metrics, evaluation.predictions, reference)
        self.run.write_metrics(self.metrics)

    def _require(self, module: UnlearningModule, evaluation: UnlearningMetrics) -> None:
        """Refuse an original or a reference that do not go with this run; mention a reference that is missing."""
        split = module.datamodule.split_record()
        own = Record.planned(self.run, split, evaluation.attack_settings())
        if module.original is not None:
            require_original(own, RunDir(module.original), "model.init_args.original", split["train_size"])
        if self.reference is not None:
            require_reference(own, self.reference)
            if self.config is None and (message := missing_reference(self.reference)):  # else the command line has
                rank_zero_only(print)(message, file=sys.stderr)

    def _check_original(self, module: UnlearningModule) -> None:
        if _original_sha256(module) != self._original_sha256:
            raise RunError(
                f"model.init_args.original={module.original}: holds another model than this run started from; bring it "
                "back, or start this run anew with `--overwrite true`"
            )

    def _write_weights(self, module: UnlearningModule) -> None:
        extra = {"saliency_mask": {name: value.cpu() for name, value in module.mask.items()}} if module.mask else {}
        self.run.checkpoints.mkdir(parents=True, exist_ok=True)
        save_weights(module.backbone, self.run.weights, **extra)

    def _collect(
        self,
        trainer: Trainer,
        module: UnlearningModule,
        evaluation: UnlearningMetrics,
        reference: dict[str, Any] | None,
    ) -> dict[str, Any]:
        predictions = evaluation.predictions
        assert predictions is not None
        data = module.datamodule
        runtime = _sibling(trainer, RunTime)
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

    def _identity(self, module: UnlearningModule, reference: Record | None) -> dict[str, Any]:
        """Return what the run is, and the runs that it rests on, by directory and by the hash of their weights."""
        given = {
            "trained_on": module.training_part,
            "original": None if module.original is None else str(module.original),
        }
        return {
            "role": role_of(given),
            **given,
            "original_sha256": self._original_sha256,
            "reference": str(self.reference) if reference else None,
            "reference_sha256": reference.weights_sha256 if reference else None,
        }

    def _before(self, module: UnlearningModule, evaluation: UnlearningMetrics) -> dict[str, float | None] | None:
        """Return the metrics of the model that unlearning started from, on this run's split."""
        if module.original is None:
            return None
        arrays = RunDir(module.original).read_predictions("model.init_args.original", Predictions.names())
        original = Predictions.from_arrays(arrays).split_by(module.datamodule.forget_indices)
        return evaluation.measure(original)

    def _compared(self, module: UnlearningModule, evaluation: UnlearningMetrics) -> Record | None:
        """Return the reference; None, and why on stderr, where the run cannot be compared with it."""
        if self.reference is None or not self.reference.finished:
            return None
        own = Record.planned(self.run, module.datamodule.split_record(), evaluation.attack_settings())
        try:
            self.reference.check_unaltered("reference")
            record = Record.of(self.reference, "reference")
            if problem := why_incomparable(own, record):
                raise RunError(f"reference={self.reference}: {problem}")
        except InputError as error:
            print(f"AG is null: {error}", file=sys.stderr)
            return None
        return record


def _original_sha256(module: UnlearningModule) -> str | None:
    return None if module.original is None else RunDir(module.original).weights_sha256()


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


def _check_order(trainer: Trainer) -> None:
    """Refuse callbacks that RunRecord would miss, or meet too early, once everything has been trained."""
    listed = [type(callback) for callback in cast(Any, trainer).callbacks]
    place = next(number for number, kind in enumerate(listed) if issubclass(kind, RunRecord))
    for needed, before in ((RunTime, listed), (UnlearningMetrics, listed[:place])):
        if not any(issubclass(kind, needed) for kind in before):
            late = needed is UnlearningMetrics and any(issubclass(kind, needed) for kind in listed)
            raise InputError(
                f"callbacks={[kind.__name__ for kind in listed]}: {needed.__name__} is "
                f"{'listed after RunRecord' if late else 'missing'}; list them as `{LISTED}`"
            )


def _sibling(trainer: Trainer, kind: type[C]) -> C:
    return next(callback for callback in cast(Any, trainer).callbacks if isinstance(callback, kind))
