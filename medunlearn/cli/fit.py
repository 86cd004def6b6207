import sys
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import torch
import yaml
from jsonargparse import ArgumentError, Namespace
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities import rank_zero_only

from medunlearn.callbacks import Interruption, RunRecord, RunTime, UnlearningMetrics, restarted_by_slurm
from medunlearn.cli import checks
from medunlearn.data import MedMNISTDataModule
from medunlearn.errors import InputError, option_error
from medunlearn.files.configs import resolve_configs
from medunlearn.methods import Classifier
from medunlearn.models import load_weights
from medunlearn.runs import RunDir
from medunlearn.runs.record import Record
from medunlearn.runs.requirements import require_finished
from medunlearn.training.checkpoints import WholeCheckpoints
from medunlearn.training.failures import explained
from medunlearn.training.loggers import default_loggers
from medunlearn.training.memory import keep_freed_memory
from medunlearn.training.precision import check_precision, default_precision
from medunlearn.training.processes import failing_together
from medunlearn.training.remarks import leave_out_remarks


class UnlearningCLI(LightningCLI):
    """Wires data, method, measurement and run directory; the parts themselves know nothing of each other."""

    datamodule: MedMNISTDataModule
    model: Classifier

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add what a run needs beside data, model and trainer."""
        parser.add_argument("--run_dir", type=Path | None, default=None, help="The run directory.")
        parser.add_argument("--resume", type=bool, default=False, help="Go on with the unfinished run in run_dir.")
        parser.add_argument("--overwrite", type=bool, default=False, help="Delete the run in run_dir and start anew.")
        parser.add_argument(
            "--reference", type=Path | None, default=None, help="Run directory of the Retrain run that AG is taken to."
        )
        parser.add_lightning_class_args(UnlearningMetrics, "evaluation")
        parser.link_arguments("data.num_classes", "model.init_args.num_classes", apply_on="instantiate")
        parser.link_arguments("data.in_channels", "model.init_args.in_channels", apply_on="instantiate")
        parser.link_arguments("data.image_size", "model.init_args.image_size", apply_on="instantiate")

    @property
    def settings(self) -> Namespace:
        """The resolved configuration of the command."""
        return cast(Namespace, self.config[self.config.subcommand])

    @property
    def run(self) -> RunDir:
        """The run directory."""
        return RunDir(self.settings.run_dir)

    def plain_settings(self) -> dict[str, Any]:
        """Return the resolved configuration of the command as `config.yaml` holds it."""
        content = yaml.safe_load(self.parser.dump(self.config, skip_none=False))
        return cast(dict[str, Any], content[self.config.subcommand])

    def before_instantiate_classes(self) -> None:
        """Refuse what can be refused before any data is read."""
        checks.check_run_dir_named(self.settings.run_dir)
        checks.check_strategy(self.settings.trainer.strategy)
        checks.check_ckpt_path(self.settings.ckpt_path, self.config.subcommand)
        self._fill_epochs()
        if self.config.subcommand == "fit":
            if self.run.started and restarted_by_slurm():
                self.settings.resume, self.settings.overwrite = True, False
            check_precision(self.settings.trainer.precision)
            checks.check_trainer(self.settings.trainer.as_dict())
            # Other processes meet the directory as the first one has left it.
            rank_zero_only(checks.check_run_dir)(self.run, self.settings.resume, self.settings.overwrite)
            original = self.settings.model.init_args.get("original")
            if original is not None:
                require_finished(RunDir(original), "model.init_args.original", self.settings.data.file)
        else:
            require_finished(self.run, "run_dir", self.settings.data.file)

    def _set_seed(self) -> None:
        checks.check_seed(self.settings.seed_everything)
        super()._set_seed()

    def _fill_epochs(self) -> None:
        trainer = self.settings.trainer
        if trainer.max_epochs is None and trainer.max_steps == -1:
            trainer.max_epochs = _method(self.settings.model.class_path).default_epochs

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Add the callbacks that every run has; `RunRecord` comes last, as LightningCLI's own config saver would."""
        given = self.settings.trainer
        callbacks = [RunTime(), *(self._get(self.config_init, "trainer").callbacks or [])]
        if self.config.subcommand == "fit":
            logged = given.logger is not False and not given.fast_dev_run
            callbacks += [LearningRateMonitor("epoch")] if logged else []
            kept = given.enable_checkpointing is not False
            callbacks += [_last_checkpoint(self.run)] if kept else []
            callbacks += [Interruption(self.run.last if kept else None)]
            kwargs["plugins"] = [*_listed(self._get(self.config_init, "trainer").plugins), WholeCheckpoints()]
        if _default_logger(given.logger):
            kwargs["logger"] = False  # started by before_fit, once everything has been checked
        try:
            return super().instantiate_trainer(callbacks=callbacks, **kwargs)
        except (MisconfigurationException, ValueError, TypeError, ImportError) as error:
            raise InputError(
                f"trainer: {error}; `medunlearn {self.config.subcommand} --help` lists its options"
            ) from error

    @property
    def evaluation(self) -> UnlearningMetrics:
        """The callback that measures."""
        return cast(UnlearningMetrics, self._get(self.config_init, "evaluation"))

    def before_fit(self) -> None:
        """Check data, original and reference against each other; only then touch the run directory."""
        if self.trainer.strategy.root_device.type == "cpu":
            checks.check_sync_batchnorm(self.settings.trainer.sync_batchnorm, self.trainer.world_size)
            keep_freed_memory()
        self.datamodule.prepare_data()
        self.datamodule.setup("fit")
        if self.model.original is not None:
            self.datamodule.require_forget_set()
        self.datamodule.train_on(self.model.training_part)
        size = self.datamodule.data.size
        checks.check_batches(
            self.datamodule.smallest_batch(),
            1 if self.settings.trainer.sync_batchnorm else self.trainer.world_size,
            self.datamodule.batch_size,
            size,
            self.model.backbone.last_map(size),
        )
        split = self.datamodule.split_record()
        own = Record.planned(self.run, split, self.evaluation.attack_settings())
        checks.check_original(self.model, own, split)
        checks.check_reference(self.settings.reference, own, self.settings.data.file)
        if self.settings.resume:
            checks.check_resumable(self.run, self.plain_settings(), split)
        if self.settings.overwrite and not self.settings.trainer.fast_dev_run:
            rank_zero_only(self.run.clear)()
        if _default_logger(self.settings.trainer.logger) and not self.settings.trainer.fast_dev_run:
            with explained(self.run):
                self.trainer.loggers = default_loggers(self.run, self.plain_settings())

    def fit(self, **kwargs: Any) -> None:
        """Run the stage, from its last checkpoint where it is resumed."""
        if self.settings.resume and self.run.last.is_file():
            kwargs["ckpt_path"] = self.run.last
        interruption = next(each for each in cast(Any, self.trainer).callbacks if isinstance(each, Interruption))
        with (
            failing_together(self.trainer.strategy.launcher),
            explained(self.run),
            interruption.listening(self.trainer),
        ):
            self.trainer.fit(**kwargs | {"weights_only": True})

    def after_fit(self) -> None:
        """Print the run's row of the comparison."""
        from medunlearn.report.table import comparison

        if self.trainer.is_global_zero and self.run.finished:
            earlier = [path for path in (self.model.original, self.settings.reference) if path is not None]
            runs = [run for run in map(RunDir, [*earlier, self.run.path]) if run.finished]
            print(f"\n{comparison(runs)}\nWritten to {self.run}")
            if (reference := self.settings.reference) and not RunDir(reference).finished:
                named = " ".join(str(path) for path in (*earlier, self.run))
                print(
                    f"reference={reference}: no finished run there, so AG is null; once there is one, "
                    f"`medunlearn report {named}` tells the gap",
                    file=sys.stderr,
                )

    def before_validate(self) -> None:
        """Take the model of the finished run."""
        load_weights(self.model.backbone, self.run.path, "run_dir")

    before_test = before_validate
    before_predict = before_validate

    def predict(self, **kwargs: Any) -> None:
        """Write `predict.npz` into the run directory: probs (N, C), labels (N,), index (N,) of the test images."""
        path = self.run.predicted
        checks.check_predict(path, self.settings.overwrite, self.trainer.world_size)
        batches = self.trainer.predict(**kwargs | {"return_predictions": True}) or []
        arrays = {key: torch.cat([batch[key] for batch in batches]).numpy() for key in batches[0]}
        self.run.write_arrays(path, arrays)
        print(f"Written to {path}")


class _ParsedCLI(UnlearningCLI):
    """Resolves a configuration and stops there."""

    def before_instantiate_classes(self) -> None:
        self._fill_epochs()

    def instantiate_classes(self) -> None:
        pass

    def _set_seed(self) -> None:
        pass

    def _run_subcommand(self, subcommand: str) -> None:
        pass


def resolved_settings(args: list[str]) -> dict[str, Any]:
    """Return the configuration that a command line resolves to, as `config.yaml` would hold it; nothing is run.

    Args:
        args: `fit` and its options.

    Raises:
        InputError: If an option is wrong.
    """
    return _parse(_ParsedCLI, args).plain_settings()


def run(args: list[str]) -> int:
    """Run one of Lightning's commands.

    Args:
        args: `fit`, `validate`, `test` or `predict`, and its options.

    Raises:
        InputError: If an option or what it names is wrong.
    """
    _parse(UnlearningCLI, args)
    return 0


def _parse(kind: type[UnlearningCLI], args: list[str]) -> UnlearningCLI:
    leave_out_remarks()
    quiet = {"exit_on_error": False, "allow_abbrev": False}
    checks.check_words(args)
    try:
        return kind(
            Classifier,
            MedMNISTDataModule,
            subclass_mode_model=True,
            save_config_callback=_run_record,  # type: ignore[arg-type]
            seed_everything_default=0,
            trainer_defaults={
                "precision": default_precision(),
                "num_sanity_val_steps": 0,
                "log_every_n_steps": 10,
                "use_distributed_sampler": False,
            },
            parser_kwargs=dict.fromkeys(UnlearningCLI.subcommands(), quiet) | quiet,
            args=resolve_configs(args),
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
        )
    except ArgumentError as error:
        raise InputError(option_error(str(error), args[0])) from None
    except ValueError as error:  # jsonargparse wraps what a method's own checks raise
        if (cause := _input_error(error)) is None:
            raise
        raise cause from None


def _input_error(error: BaseException | None) -> InputError | None:
    while error is not None and not isinstance(error, InputError):
        error = error.__cause__ or error.__context__
    return error


def _method(class_path: str) -> type[Classifier]:
    module, _, name = class_path.rpartition(".")
    method: type[Classifier] = getattr(import_module(module), name)
    return method


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _default_logger(value: Any) -> bool:
    return value is None or value is True


def _last_checkpoint(run: RunDir) -> ModelCheckpoint:
    return ModelCheckpoint(
        dirpath=run.checkpoints, filename=run.last.stem, enable_version_counter=False, save_on_train_epoch_end=True
    )


def _run_record(parser: LightningArgumentParser, config: Namespace) -> RunRecord:
    """Return the callback that writes the run directory; LightningCLI calls this where it would save the config."""
    kept = config.clone()
    kept.resume = kept.overwrite = False  # of this call, not of the experiment
    return RunRecord(config.run_dir, config.reference, parser.dump(kept, skip_none=False))
