"""`medunlearn fit`, `validate`, `test` and `predict`: the commands of LightningCLI."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.utilities import rank_zero_only

from medunlearn.callbacks import FinishedRun, RunRecord, RunTime, restarted_by_slurm, session
from medunlearn.cli.comparison import terminal_comparison
from medunlearn.cli.measuring import trainer_arguments
from medunlearn.cli.parts import PartErrors
from medunlearn.cli.screen import show
from medunlearn.cli.settings import SettingsCLI, run_record
from medunlearn.data import MedMNISTDataModule
from medunlearn.errors import InputError, of_a_plan, owned_by
from medunlearn.files import own_yaml
from medunlearn.methods import Classifier
from medunlearn.models import load_weights
from medunlearn.plans.options import MOST_SEED
from medunlearn.report.markdown import aligned
from medunlearn.runs import RunDir
from medunlearn.runs.commands import check_finished, shown
from medunlearn.runs.starting import check_run_dir
from medunlearn.training.interruption import ending_at_once
from medunlearn.training.precision import check_precision
from medunlearn.training.settings import check_strategy, check_trainer


def run(argv: list[str]) -> int:
    """Run one of Lightning's commands.

    Args:
        argv: `fit`, `validate`, `test` or `predict`, and its options.

    Raises:
        InputError: If an option or what it names is wrong.
    """
    UnlearningCLI(argv)
    return 0


class UnlearningCLI(SettingsCLI):
    """Connects data, method, evaluation and run directory, which do not depend on each other."""

    datamodule: MedMNISTDataModule
    model: Classifier

    def before_instantiate_classes(self) -> None:
        """Reject invalid settings that can be detected before data is read."""
        if self.settings.run_dir is None:
            raise InputError("run_dir: not set; name the run directory, as in `--run_dir runs/my_run`")
        check_strategy(self.settings.trainer.strategy)
        _check_ckpt_path(self.settings.ckpt_path, self.config.subcommand)
        if self.config.subcommand == "fit":
            if self.run.started and restarted_by_slurm():
                self.settings.resume, self.settings.overwrite = True, False
            check_precision(self.settings.trainer.precision)
            check_trainer(self.settings.trainer.as_dict())
            # Only rank 0 checks: for other processes it may already have changed the directory.
            rank_zero_only(check_run_dir)(self.run, self.settings.resume, self.settings.overwrite)
            original = self.settings.model.init_args.get("original")
            if original is not None:
                with owned_by("model.init_args", "original"):
                    check_finished(RunDir(original), "original", self.settings.data.file)
        else:
            check_finished(self.run, "run_dir", self.settings.data.file)
            _check_test_images(self.config.subcommand, self.settings.data.test)
            for name, value in trainer_arguments(self.given).items():
                self.settings.trainer[name] = value
            check_precision(self.settings.trainer.precision, trained=False)

    def _set_seed(self) -> None:
        seed = self.settings.seed_everything
        if not isinstance(seed, bool) and isinstance(seed, int) and not 0 <= seed <= MOST_SEED:
            raise InputError(f"seed_everything={seed}: give a whole number from 0 to {MOST_SEED}")
        super()._set_seed()

    def instantiate_classes(self) -> None:
        """Build the parts, and raise their errors about arguments."""
        errors = PartErrors(self.parser, self._parser(self.config.subcommand))
        try:
            super().instantiate_classes()
        except InputError:
            raise
        except ValueError:
            if errors.first is None:
                raise
            raise errors.first from None

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Add the callbacks that every run has; `RunRecord` comes last, like LightningCLI's own config saver."""
        given = self._get(self.config_init, "trainer")
        if self.config.subcommand == "fit":
            parts = session.trainer_parts(self.run, given.as_dict())
            callbacks, kwargs["plugins"] = parts["callbacks"], parts["plugins"]
        else:
            callbacks = [RunTime(), *session.listed(given.callbacks), *session.one_bar(given.as_dict())]
            callbacks.append(FinishedRun(self.run))
        kwargs |= session.summary(given.as_dict())
        if session.has_default_logger(given.logger):
            kwargs["logger"] = False  # started by before_fit, after all checks
        try:
            return super().instantiate_trainer(callbacks=callbacks, **kwargs)
        except (MisconfigurationException, ValueError, TypeError, ImportError) as error:
            raise InputError(
                f"trainer: {error}; `medunlearn {self.config.subcommand} --help` lists its options"
            ) from error

    @property
    def record(self) -> RunRecord:
        """The callback that writes the run directory; a fast_dev_run does not list it, but is checked by it too."""
        listed = (each for each in cast(Any, self.trainer).callbacks if isinstance(each, RunRecord))
        return next(listed, None) or run_record(self._parser(self.subcommand), self.settings)

    def _run_subcommand(self, subcommand: str) -> None:
        with nullcontext() if subcommand == "fit" else ending_at_once():
            super()._run_subcommand(subcommand)

    def before_fit(self) -> None:
        """Check the parts against each other before the run directory is changed."""
        record = self.record
        settings = own_yaml(cast(str, record.config))
        session.prepare(self.trainer, self.model, self.datamodule, record, settings, self.settings.overwrite)

    def fit(self, **kwargs: Any) -> None:
        """Run the stage, from its last checkpoint if it is resumed."""
        session.train(self.trainer, self.record, **kwargs)

    def after_fit(self) -> None:
        """Print the run's row of the comparison table; a plan prints the whole table at its end."""
        if self.trainer.is_global_zero and self.run.finished and not of_a_plan():
            earlier = [path for path in (self.model.original, self.settings.reference) if path is not None]
            runs = [run for run in map(RunDir, [*earlier, self.run.path]) if run.finished]
            show(f"\n{terminal_comparison(runs)}\nWritten to {self.run}")
            if (reference := self.settings.reference) and not RunDir(reference).finished:
                command = shown(["medunlearn", "report", *earlier, self.run.path])
                missing = f"reference={reference}: no finished run there, so AG is null; once there is one"
                print(f"{missing}, `{command}` computes the gap", file=sys.stderr)

    def test(self, verbose: bool = True, **kwargs: Any) -> None:
        """Measure the model on the test set, and print the figures to the last digit."""
        self._show(self.trainer.test(verbose=False, **kwargs), verbose)

    def validate(self, verbose: bool = True, **kwargs: Any) -> None:
        """Measure the model on the validation set, and print the figures to the last digit."""
        self._show(self.trainer.validate(verbose=False, **kwargs), verbose)

    def _show(self, found: Sequence[Mapping[str, float]], verbose: bool) -> None:
        """Print figures as other tables are; Lightning would draw boxes into a log."""
        rows = [(name, str(value)) for each in found for name, value in each.items()]
        if verbose and self.trainer.is_global_zero:
            show(aligned(("metric", "value"), rows, left=(0,)))

    def before_validate(self) -> None:
        """Load the model of the finished run."""
        load_weights(self.model.backbone, self.run.path, "run_dir")

    before_test = before_validate
    before_predict = before_validate

    def predict(self, **kwargs: Any) -> None:
        """Write `predict.npz` into the run directory: probs, logits (N, C), labels, index (N,) of the test images."""
        path = self.run.predicted
        _check_predict(path, self.settings.overwrite, self.trainer.world_size)
        batches = self.trainer.predict(**kwargs | {"return_predictions": True}) or []
        arrays = {key: torch.cat([batch[key] for batch in batches]).numpy() for key in batches[0]}
        self.run.write_arrays(path, arrays)
        print(f"Written to {path}")


def _check_ckpt_path(path: object, command: str) -> None:
    """Reject a checkpoint: Lightning would merge its settings over the config, and run code from a remote one."""
    if path is None:
        return
    if command == "fit":
        raise InputError(
            f"ckpt_path={path}: fit takes no checkpoint; give `--resume true` to go on with a run, "
            "or name the trained model in `--model.init_args.original`"
        )
    raise InputError(f"ckpt_path={path}: {command} takes the model of `--run_dir`; leave it out")


def _check_test_images(command: str, test: bool) -> None:
    """Reject measuring on test images if `data.test` is false."""
    if command in ("test", "predict") and not test:
        raise InputError(
            f"data.test=false: {command} measures on test images, which the run did without; give `--data.test true`"
        )


def _check_predict(path: Path, overwrite: bool, processes: int) -> None:
    """Reject overwriting predictions, and running with several processes, each of which would write only a part."""
    if path.exists() and not overwrite:
        raise InputError(f"run_dir={path.parent}: {path.name} is there already; give `--overwrite true` to replace it")
    if processes > 1:
        raise InputError(
            f"trainer: {processes} processes: predict writes one file from one process; use "
            "`--trainer.devices 1 --trainer.num_nodes 1`"
        )
