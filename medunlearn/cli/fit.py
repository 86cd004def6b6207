import sys
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import torch
import yaml
from jsonargparse import ArgumentError, Namespace
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities import rank_zero_only

from medunlearn.callbacks import RunRecord, RunTime, UnlearningMetrics, restarted_by_slurm, session
from medunlearn.cli import checks
from medunlearn.cli.methods import PARSER_MODE, resolve_methods
from medunlearn.data import MedMNISTDataModule
from medunlearn.errors import InputError, option_error
from medunlearn.files.configs import resolve_configs
from medunlearn.methods import Classifier
from medunlearn.models import load_weights
from medunlearn.runs import RunDir
from medunlearn.runs.commands import check_finished, shown
from medunlearn.runs.starting import check_run_dir
from medunlearn.training.precision import check_precision
from medunlearn.training.remarks import leave_out_remarks
from medunlearn.training.settings import check_strategy, check_trainer


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
        check_strategy(self.settings.trainer.strategy)
        checks.check_ckpt_path(self.settings.ckpt_path, self.config.subcommand)
        self._fill_epochs()
        if self.config.subcommand == "fit":
            if self.run.started and restarted_by_slurm():
                self.settings.resume, self.settings.overwrite = True, False
            check_precision(self.settings.trainer.precision)
            check_trainer(self.settings.trainer.as_dict())
            # Other processes meet the directory as the first one has left it.
            rank_zero_only(check_run_dir)(self.run, self.settings.resume, self.settings.overwrite)
            original = self.settings.model.init_args.get("original")
            if original is not None:
                check_finished(RunDir(original), "model.init_args.original", self.settings.data.file)
        else:
            check_finished(self.run, "run_dir", self.settings.data.file)

    def _set_seed(self) -> None:
        checks.check_seed(self.settings.seed_everything)
        super()._set_seed()

    def _fill_epochs(self) -> None:
        trainer = self.settings.trainer
        filled = trainer.as_dict()
        session.fill_arguments(filled, _method(self.settings.model.class_path))
        for name, value in filled.items():
            trainer[name] = value

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Add the callbacks that every run has; `RunRecord` comes last, as LightningCLI's own config saver would."""
        given = self._get(self.config_init, "trainer")
        if self.config.subcommand == "fit":
            parts = session.trainer_parts(self.run, given.as_dict())
            callbacks, kwargs["plugins"] = parts["callbacks"], parts["plugins"]
        else:
            callbacks = [RunTime(), *session.listed(given.callbacks)]
        if session.has_default_logger(given.logger):
            kwargs["logger"] = False  # started by before_fit, once everything has been checked
        try:
            return super().instantiate_trainer(callbacks=callbacks, **kwargs)
        except (MisconfigurationException, ValueError, TypeError, ImportError) as error:
            raise InputError(
                f"trainer: {error}; `medunlearn {self.config.subcommand} --help` lists its options"
            ) from error

    @property
    def record(self) -> RunRecord:
        """The callback that writes the run directory; a fast_dev_run lists none, and is checked by it all the same."""
        listed = (each for each in cast(Any, self.trainer).callbacks if isinstance(each, RunRecord))
        return next(listed, None) or _run_record(self._parser(self.subcommand), self.settings)

    def before_fit(self) -> None:
        """Check everything against everything; only then touch the run directory."""
        settings = self.plain_settings()
        session.prepare(self.trainer, self.model, self.datamodule, self.record, settings, self.settings.overwrite)

    def fit(self, **kwargs: Any) -> None:
        """Run the stage, from its last checkpoint where it is resumed."""
        session.train(self.trainer, self.record, **kwargs)

    def after_fit(self) -> None:
        """Print the run's row of the comparison."""
        from medunlearn.report.table import comparison

        if self.trainer.is_global_zero and self.run.finished:
            earlier = [path for path in (self.model.original, self.settings.reference) if path is not None]
            runs = [run for run in map(RunDir, [*earlier, self.run.path]) if run.finished]
            print(f"\n{comparison(runs)}\nWritten to {self.run}")
            if (reference := self.settings.reference) and not RunDir(reference).finished:
                command = shown(["medunlearn", "report", *earlier, self.run.path])
                missing = f"reference={reference}: no finished run there, so AG is null; once there is one"
                print(f"{missing}, `{command}` computes the gap", file=sys.stderr)

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
    quiet = {"exit_on_error": False, "allow_abbrev": False, "parser_mode": PARSER_MODE}
    checks.check_words(args)
    try:
        return kind(
            Classifier,
            MedMNISTDataModule,
            subclass_mode_model=True,
            save_config_callback=_run_record,  # type: ignore[arg-type]
            seed_everything_default=0,
            trainer_defaults=session.trainer_defaults(),
            parser_kwargs=dict.fromkeys(UnlearningCLI.subcommands(), quiet) | quiet,
            args=resolve_methods(resolve_configs(args)),
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


def _run_record(parser: LightningArgumentParser, config: Namespace) -> RunRecord:
    """Return the callback that writes the run directory; LightningCLI calls this where it would save the config."""
    kept = config.clone()
    kept.resume = kept.overwrite = False  # of this call, not of the experiment
    return RunRecord(config.run_dir, config.reference, parser.dump(kept, skip_none=False), config.resume)
