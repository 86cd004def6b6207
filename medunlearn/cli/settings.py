"""Sets up LightningCLI for this project: from options and config files to resolved settings."""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import jsonargparse
from jsonargparse import ArgumentError, ArgumentParser, Namespace
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from medunlearn.callbacks import RunRecord, UnlearningMetrics, session
from medunlearn.cli import commands
from medunlearn.cli.classes import FROM_DATA, find_class
from medunlearn.cli.given import Setting, given_settings, last
from medunlearn.cli.help import options_help, show_method_help, trainer_help
from medunlearn.cli.measuring import with_option_name, with_own_config
from medunlearn.cli.messages import check_from_data, check_groups, explained_error
from medunlearn.cli.methods import given_method, resolve_methods
from medunlearn.cli.options import adjust, parser_options
from medunlearn.data import MedMNISTDataModule
from medunlearn.errors import PARTS
from medunlearn.files import expanded, own_yaml
from medunlearn.files.configs import resolve_configs
from medunlearn.methods import Classifier
from medunlearn.runs import RunDir
from medunlearn.training.warning_filters import hide_lightning_warnings

BUILT: dict[str, dict[str, Any]] = {}
"""The parsers of a command by its name, for the next stage of a plan: building them takes about as long as parsing."""

OF_TRAINER = {name: each.default for name, each in inspect.signature(Trainer).parameters.items()}
"""Lightning's defaults of the Trainer's arguments, which those of another method may have replaced."""


class SettingsCLI(LightningCLI):
    """LightningCLI with the options of this project.

    Args:
        argv: The command and its options.

    Raises:
        InputError: If an option is wrong.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        hide_lightning_warnings()
        argv = [argv[0], *with_option_name(argv[0], argv[1:])]
        self.command, *options = resolve_methods(resolve_configs(_null_for_none(argv)))
        options = with_own_config(self.command, options)
        self.given = given_settings(options)
        check_from_data(self.given)
        self.method = method = given_method(self.given)
        show_method_help(self.given, self.command)
        super().__init__(
            Classifier,
            MedMNISTDataModule,
            subclass_mode_model=True,
            save_config_callback=run_record,  # type: ignore[arg-type]
            seed_everything_default=0,
            trainer_defaults=_trainer_defaults(self.given, method),
            parser_kwargs=parser_options(self.command),
            args=[self.command, *_help_for_trainer_help(options), *_epochs_for_null(self.given, method)],
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
        )

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]  # there, of all commands
        """Return only the command that is run: building the parsers of all four takes twice as long."""
        return {self.command: LightningCLI.subcommands()[self.command]}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the options of a run other than data, model and trainer."""
        parser.add_argument("--run_dir", type=Path | None, default=None, help="The run directory.")
        parser.add_argument("--resume", type=bool, default=False, help="Go on with the unfinished run in run_dir.")
        parser.add_argument("--overwrite", type=bool, default=False, help="Delete the run in run_dir and start again.")
        parser.add_argument(
            "--reference", type=Path | None, default=None, help="Run directory of the Retrain to compute AG against."
        )
        parser.add_lightning_class_args(UnlearningMetrics, "evaluation")
        for name in FROM_DATA:
            parser.link_arguments(f"data.{name}", f"model.init_args.{name}", apply_on="instantiate")
        adjust(parser)

    def setup_parser(self, *args: Any, **kwargs: Any) -> None:
        """Build the parsers, or take those of an earlier stage; one that has failed to parse is not used again."""
        self._built = BUILT.pop(self.command, {}) or self._attributes_of(super().setup_parser, *args, **kwargs)
        vars(self).update(self._built)
        parser = self._parser(self.command)
        parser.set_defaults({f"trainer.{name}": value for name, value in (OF_TRAINER | self.trainer_defaults).items()})
        cast(Any, parser).format_help = partial(_help, parser, self.command, self.given, self.method)

    def _attributes_of(self, set_up: Callable[..., None], *args: Any, **kwargs: Any) -> dict[str, Any]:
        before = set(vars(self))
        set_up(*args, **kwargs)
        return {name: value for name, value in vars(self).items() if name not in before}

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse the arguments, and raise errors as `InputError`."""
        command = args[0]
        check_groups(self.given, self._parser(command), command)
        try:
            super().parse_arguments(parser, args)
        except ArgumentError as error:
            raise explained_error(error, self.given, self._parser(command), command) from None
        BUILT[command] = self._built
        self._expand_paths()
        self._fill_open_settings()

    def _expand_paths(self) -> None:
        """Expand `~` and environment variables in every path, including arguments of custom methods."""
        for key, value in list(self.settings.items()):
            if isinstance(value, Path):
                part = next((each for each in PARTS if key.startswith(f"{each}.")), "")
                self.settings[key] = expanded(value, key.removeprefix(f"{part}."), part)

    def _fill_open_settings(self) -> None:
        """Fill in the method's own Trainer settings if `_trainer_defaults` did not know the method."""
        trainer = self.settings.trainer
        filled = trainer.as_dict()
        session.fill_arguments(filled, find_class(self.settings.model.class_path, (Classifier,)))
        for name, value in filled.items():
            trainer[name] = value

    @property
    def settings(self) -> Namespace:
        """The resolved settings of the command."""
        return cast(Namespace, self.config[self.config.subcommand])

    @property
    def run(self) -> RunDir:
        """The run directory."""
        return RunDir(self.settings.run_dir)

    def plain_settings(self) -> dict[str, Any]:
        """Return the resolved settings as `config.yaml` holds them."""
        content = own_yaml(dumped(self.parser, self.config))
        return cast(dict[str, Any], content[self.config.subcommand])


class ResolvedSettings(SettingsCLI):
    """Resolves the settings and stops there."""

    def instantiate_classes(self) -> None:
        """Do nothing."""

    def _set_seed(self) -> None:
        pass

    def _run_subcommand(self, subcommand: str) -> None:
        pass


def resolved_settings(argv: list[str]) -> dict[str, Any]:
    """Return the settings that a command line resolves to, as `config.yaml` would hold them; nothing is run.

    Args:
        argv: `fit` and its options.

    Raises:
        InputError: If an option is wrong.
    """
    return ResolvedSettings(argv).plain_settings()


def _help(
    parser: ArgumentParser,
    command: str,
    given: Sequence[Setting],
    method: type[Classifier] | None,
    formatter: Any = None,
) -> str:
    if any(setting.key == "trainer.help" for setting in given):
        return trainer_help(parser)
    about = inspect.getdoc(getattr(commands, command)) or ""
    return options_help(parser, command, about.partition("\n")[0], method)


def _trainer_defaults(given: Sequence[Setting], method: type[Classifier] | None) -> dict[str, Any]:
    own = dict(method.trainer_arguments) if method else {}
    if _has_steps(given):
        own.pop("max_epochs", None)
    return session.trainer_defaults() | own


def _epochs_for_null(given: Sequence[Setting], method: type[Classifier] | None) -> list[str]:
    """Return the option that replaces an explicit `max_epochs: null` in a config by the method's default."""
    null = any(setting.key == "trainer.max_epochs" for setting in given) and last(given, "trainer.max_epochs") is None
    if not null or method is None or _has_steps(given):
        return []
    return [f"--trainer.max_epochs={method.trainer_arguments.get('max_epochs', 'null')}"]


def _has_steps(given: Sequence[Setting]) -> bool:
    return last(given, "trainer.max_steps") not in (None, -1)


def _help_for_trainer_help(options: list[str]) -> list[str]:
    """Return arguments with `--trainer.help` replaced by `--help`."""
    return ["--help" if option.partition("=")[0] == "--trainer.help" else option for option in options]


def _null_for_none(argv: Sequence[str]) -> list[str]:
    """Return arguments with `--key=None`, as sent by W&B sweeps, and `--key None` changed to `null`."""
    found: list[str] = []
    for argument in argv:
        option = found[-1] if found else ""
        value = argument == "None" and option.startswith("--") and "=" not in option
        joined = argument.startswith("--") and argument.partition("=")[2] == "None"
        found.append(f"{argument.removesuffix('None')}null" if value or joined else argument)
    return found


def dumped(parser: ArgumentParser, settings: Namespace) -> str:
    """Return settings, which the parser has checked, as YAML, those without a value too."""
    before = [int(part) for part in jsonargparse.__version__.split(".")[:2]] < [4, 49]
    return cast(str, parser.dump(settings, skip_validation=True, **{"skip_none" if before else "skip_unset": False}))


def run_record(parser: LightningArgumentParser, config: Namespace) -> RunRecord:
    """Return the callback that writes the run directory; LightningCLI calls this where it would save the config.

    A function rather than a subclass of `SaveConfigCallback`: Lightning saves a callback's state under its class name,
    so that a run started on the command line can be resumed from Python.
    """
    kept = config.clone()
    kept.resume = kept.overwrite = False  # they belong to this call, not to the experiment
    return RunRecord(config.run_dir, config.reference, dumped(parser, kept), config.resume)
