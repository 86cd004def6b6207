"""Writes the run directory, and rejects invalid runs before training rather than after it."""

import sys
from pathlib import Path
from typing import Any, TypeVar, cast

from lightning.pytorch import Callback, LightningModule, Trainer

from medunlearn.callbacks.before_fit import (
    check_callbacks,
    check_checkpoint,
    check_epochs,
    check_free,
    check_hyper_parameters,
    check_nonmembers,
    check_parts,
    take_up_seed,
)
from medunlearn.callbacks.configuration import configuration, kept_problems, trainer_arguments
from medunlearn.callbacks.earlier_runs import check_after, check_reference
from medunlearn.callbacks.request import copies_note, group_rows
from medunlearn.callbacks.results import identity, results
from medunlearn.callbacks.retrain_loss import retrain_loss
from medunlearn.callbacks.runtime import RunTime
from medunlearn.callbacks.tracking import log_results, log_settings
from medunlearn.callbacks.unlearning_metrics import UnlearningMetrics
from medunlearn.contracts import UnlearningData, UnlearningModule
from medunlearn.errors import InputError, on_command_line
from medunlearn.files import own_yaml
from medunlearn.models import save_weights
from medunlearn.runs import RunDir
from medunlearn.runs.comparable import why_incomparable
from medunlearn.runs.record import Record
from medunlearn.runs.starting import check_resumable
from medunlearn.training.plain import plain_checkpoint
from medunlearn.training.progress import say
from medunlearn.training.warning_filters import hide_advertisements

C = TypeVar("C", bound=Callback)


class RunRecord(Callback):
    """Writes the run directory: config and split when fit starts; weights, predictions and metrics when it ends.

    `metrics.json` is written last and in one step, so a run that has it is finished.

    List `RunTime` and `UnlearningMetrics` before it.

    Args:
        run_dir: The run directory; one that holds a run is rejected before training, unless that run is unfinished and
            is resumed by `trainer.fit(..., ckpt_path=...)` or `resume`.
        reference: Run directory of the retrained model that AG is computed against; AG is null if there is no
            finished run yet.
        config: The resolved configuration as YAML, for `config.yaml`; by default it is built from the arguments of
            method, data, callbacks and Trainer by the command line's parser. If `medunlearn fit --config` on it would
            not repeat the run, a comment at its top and a line on stderr say why.
        resume: Resume the unfinished run in `run_dir`, even if it has left no checkpoint.
    """

    def __init__(
        self,
        run_dir: str | Path,
        reference: str | Path | None = None,
        config: str | None = None,
        resume: bool = False,
    ) -> None:
        hide_advertisements()  # which a Trainer prints when it is built, after its callbacks
        self.run = RunDir.given(run_dir, "run_dir")
        self.reference = None if reference is None else RunDir.given(reference, "reference")
        self.config = config
        self.resume = resume
        self.metrics: dict[str, Any] = {}
        self._original_sha256: str | None = None
        self._checked = False

    def check(self, trainer: Trainer, module: LightningModule, data: UnlearningData) -> None:
        """Reject an invalid run before anything is trained or written.

        `trainer.fit` calls this; call it earlier to get errors earlier.

        Args:
            trainer: The Trainer.
            module: The method.
            data: The data module, set up.

        Raises:
            InputError: If Trainer, method, data, original and reference do not fit together.
        """
        check_callbacks(trainer, RunRecord)
        method = cast(UnlearningModule, module)
        if self.config is None:
            check_epochs(trainer, method)
        attack = _sibling(trainer, UnlearningMetrics).attack_settings()
        check_nonmembers(method, attack)
        own = Record.planned(self.run, data.split_record(), attack)
        check_after(own, data)
        original = check_parts(trainer, method, data, own)
        retrain_loss(method, original)  # reject a curve of another model now rather than after training
        _sibling(trainer, UnlearningMetrics).take_up(trainer, method, data, original)
        check_hyper_parameters(trainer, module, data)
        if trainer.is_global_zero:
            check_reference(self.reference, own, data)
        self._checked = True

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Check method and data, and record the original's hash before the method reads its weights."""
        if stage == "fit":
            if not self._checked:
                self.check(trainer, pl_module, cast(Any, trainer).datamodule)
            self._original_sha256 = _original_sha256(cast(UnlearningModule, pl_module))

    def state_dict(self) -> dict[str, Any]:
        """Return the start state that a resumed run restores."""
        return {"original_sha256": self._original_sha256}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the start state of the run that is resumed."""
        self.resume = True
        self._original_sha256 = state_dict["original_sha256"]

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write configuration and split before training.

        Raises:
            InputError: If the run directory holds another run, or the original is not the one of the run's start.
        """
        method = cast(UnlearningModule, pl_module)
        self._check_original(method)
        if self.resume:
            take_up_seed(self.run, method.datamodule)
        if trainer.is_global_zero and not cast(Any, trainer).fast_dev_run:
            check_free(self.run, self.resume)
            self.config = self.config or self._configuration(trainer, method)
            if self.resume and self.run.started:
                check_resumable(self.run, own_yaml(self.config), method.datamodule.split_record())
            self.run.write_config(self.config)
            self.run.stopped.unlink(missing_ok=True)  # a stopped trial is being resumed
            if problems := kept_problems(self.run):
                print(f"{self.run.config} does not repeat this run: {'; '.join(problems)}", file=sys.stderr)
            split = method.datamodule.split_record()
            self.run.write_json(self.run.split, split)
            for note in copies_note(method.datamodule):
                say(note)
            log_settings(trainer.loggers, self.run, own_yaml(self.config), split, type(method).__name__)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Reject states that no checkpoint can hold, before the first epoch rather than after it."""
        if not self.resume:  # a resumed run has written a checkpoint before
            check_checkpoint(trainer)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Convert the checkpoint to plain values, also for a Trainer without this package's checkpoint writer."""
        plain = plain_checkpoint(checkpoint)
        checkpoint.clear()
        checkpoint.update(plain)

    def _configuration(self, trainer: Trainer, method: UnlearningModule) -> str:
        parts = method, method.datamodule, _sibling(trainer, UnlearningMetrics), self.run, self.reference
        return configuration(*parts, trainer_arguments(trainer, RunRecord), self.resume).text

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the results in one process; the others wait until they are written."""
        self._keep_checkpoint(trainer)
        if trainer.is_global_zero and not cast(Any, trainer).fast_dev_run:
            self._write(trainer, pl_module)
        trainer.strategy.barrier("run written")

    def _keep_checkpoint(self, trainer: Trainer) -> None:
        """Save a checkpoint for methods without epochs; otherwise Lightning saves one after an epoch."""
        lightning = cast(Any, trainer)
        if lightning.checkpoint_callback is not None and not lightning.fast_dev_run and trainer.max_epochs == 0:
            trainer.save_checkpoint(self.run.last)

    def _write(self, trainer: Trainer, pl_module: LightningModule) -> None:
        evaluation = _sibling(trainer, UnlearningMetrics)
        assert evaluation.predictions is not None
        method = cast(UnlearningModule, pl_module)
        self._check_original(method)
        self._write_weights(method)
        arrays = evaluation.predictions.to_arrays() | evaluation.attack_rows()
        self.run.write_predictions(arrays | group_rows(method.datamodule, evaluation.predictions))
        compared = self._compared(method, evaluation)
        reference = RunDir(compared.path).read_metrics("reference") if compared else None
        runtime = _sibling(trainer, RunTime)
        self.metrics = results(trainer, method, evaluation, runtime, self.run, reference)
        self.metrics |= identity(method, trainer.current_epoch, self._original_sha256, compared)
        self._check_original(method)  # `before` was read from it
        results_of = self.run, self.metrics, evaluation.predictions, reference
        log_results(trainer.loggers, *results_of, trainer.global_step)
        self.run.write_metrics(self.metrics)

    def _check_original(self, module: UnlearningModule) -> None:
        found = _original_sha256(module)
        if found is None and self._original_sha256 is not None:
            raise InputError(
                f"original={module.original}: its checkpoints/model.ckpt is missing, which this run started from; "
                "bring it back, or start this run again with `--overwrite true`",
                part="model.init_args",
            )
        if found != self._original_sha256:
            raise InputError(
                f"original={module.original}: holds another model than this run started from; bring it "
                "back, or start this run again with `--overwrite true`",
                part="model.init_args",
            )

    def _write_weights(self, module: UnlearningModule) -> None:
        data, mask = module.datamodule, module.mask
        gray = cast(Any, data).data.channels == 1  # as stored; the model may get this channel three times
        extra: dict[str, Any] = {"images": {"size": data.image_size, "gray": gray}}
        if names := data.split_record().get("class_names"):
            extra["class_names"] = names
        if mask:
            extra["saliency_mask"] = {name: value.cpu() for name, value in mask.items()}
        self.run.checkpoints.mkdir(parents=True, exist_ok=True)
        save_weights(module.backbone, self.run.weights, **extra)

    def _compared(self, module: UnlearningModule, evaluation: UnlearningMetrics) -> Record | None:
        """Return the reference; None, with the reason on stderr, if the run cannot be compared with it."""
        if self.reference is None or not self.reference.finished:
            return None
        own = Record.planned(self.run, module.datamodule.split_record(), evaluation.attack_settings())
        try:
            self.reference.check_unaltered("reference")
            record = Record.of(self.reference, "reference")
            if problem := why_incomparable(own, record):
                raise InputError(f"reference={self.reference}: {problem}")
        except InputError as error:
            say(f"AG is null: {error.for_command_line if on_command_line() else error}")
            return None
        return record


def _original_sha256(module: UnlearningModule) -> str | None:
    return None if module.original is None else RunDir(module.original).weights_sha256()


def _sibling(trainer: Trainer, kind: type[C]) -> C:
    return next(callback for callback in cast(Any, trainer).callbacks if isinstance(callback, kind))
