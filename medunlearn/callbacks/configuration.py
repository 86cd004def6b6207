"""Builds `config.yaml` for a run started from Python, resolved by the command line's own parser."""

import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from pkgutil import resolve_name
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, cast

import torch
import yaml
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import Checkpoint, LearningRateMonitor, ModelSummary, ProgressBar

from medunlearn.callbacks.runtime import RunTime
from medunlearn.callbacks.unlearning_metrics import UnlearningMetrics
from medunlearn.contracts import NOT_PLAIN, KeepsArguments, UnlearningData, UnlearningModule, plain
from medunlearn.errors import InputError
from medunlearn.files import expanded
from medunlearn.runs import RunDir
from medunlearn.training.interruption import Interruption
from medunlearn.training.settings import has_sync_batchnorm

PARSER = "medunlearn.cli.settings:resolved_settings"
"""Imported by name when a configuration is written, since callbacks must not import the command line."""

FROM_DATA = ("num_classes", "in_channels", "image_size")
"""Arguments of a method that the command line takes from the data."""

TRAINER = (
    *("max_epochs", "min_epochs", "max_steps", "min_steps", "accumulate_grad_batches"),
    *("gradient_clip_val", "limit_train_batches", "limit_val_batches", "overfit_batches", "val_check_interval"),
    *(
        "check_val_every_n_epoch",
        "reload_dataloaders_every_n_epochs",
        "num_sanity_val_steps",
        "log_every_n_steps",
        "fast_dev_run",
    ),
)
"""Arguments that a Trainer keeps under their own names."""

UNSET = {"min_epochs": 0, "limit_train_batches": 1.0, "limit_val_batches": 1.0, "val_check_interval": 1.0}
"""Values of Trainer attributes whose arguments were not given."""

OBSERVERS = (UnlearningMetrics, RunTime, Interruption, Checkpoint, ProgressBar, ModelSummary, LearningRateMonitor)
"""Callbacks that every run has, or that do not affect training."""

WARNING = "# `medunlearn fit --config` on this file does not repeat the run:"


class Configuration(NamedTuple):
    """What `config.yaml` holds."""

    settings: dict[str, Any]
    """The resolved settings, as plain values."""
    problems: tuple[str, ...] = ()
    """Why `fit --config` would not repeat the run."""

    @property
    def text(self) -> str:
        """The file: YAML, below a comment where it does not repeat the run."""
        head = [WARNING, *(f"# - {problem}" for problem in self.problems)] if self.problems else []
        return "".join(f"{line}\n" for line in head) + yaml.safe_dump(self.settings, sort_keys=False)


def configuration(
    method: UnlearningModule,
    data: UnlearningData,
    evaluation: UnlearningMetrics,
    run: RunDir,
    reference: RunDir | None,
    trainer: Mapping[str, Any],
    resumed: bool = False,
) -> Configuration:
    """Return the configuration of a run, resolved by the command line's own parser.

    Args:
        method: What is trained.
        data: The data module.
        evaluation: The callback that measures.
        run: The run directory.
        reference: The run directory that AG is computed against.
        trainer: Arguments of the Trainer.
        resumed: Whether the run goes on from a checkpoint, so that the method's first weights do not matter.

    Raises:
        InputError: If the parser refuses an argument of the Trainer.
    """
    problems = [*_unknown_classes(method, data), *(kept_problems(run) if resumed else _first_weights(method, data))]
    model = _model(method, problems)
    given = {
        "seed_everything": data.seed,
        "trainer": _plain_items({k: v for k, v in trainer.items() if v != []}, "Trainer", problems),
        "model": model,
        "data": _arguments(data, "data", problems),
        "run_dir": str(run),
        "reference": None if reference is None else str(reference),
        "evaluation": _arguments(evaluation, "evaluation", problems),
    }
    return _resolved(given, tuple(dict.fromkeys(problems)))


def _resolved(given: dict[str, Any], problems: tuple[str, ...]) -> Configuration:
    """Return the settings as the parser reads them, and those that it rejects or reads differently."""
    try:
        settings = _parsed(given)
    except InputError as error:
        if error.for_command_line.startswith("trainer"):
            raise InputError.of_option(error.for_command_line) from None
        return Configuration(given, (*problems, error.for_command_line))
    changed = [f"{key}={before} is read as {after}" for key, before, after in _changes(given, settings)]
    return Configuration(settings, (*problems, *changed))


def trainer_arguments(trainer: Trainer, *observers: type[Callback]) -> dict[str, Any]:
    """Return the arguments of a Trainer that affect training, as far as they can be read back from it.

    Args:
        trainer: The Trainer.
        observers: Further classes of callbacks that do not affect training, in addition to `OBSERVERS`.
    """
    lightning = cast(Any, trainer)
    found = {name: getattr(lightning, name) for name in TRAINER}
    own = lightning.lightning_module.configure_callbacks() if lightning.lightning_module else []
    observers = (*observers, *map(type, own if isinstance(own, list) else [own]))
    clipping = lightning.gradient_clip_algorithm
    return {name: value for name, value in found.items() if value != UNSET.get(name)} | {
        "gradient_clip_algorithm": clipping.value if isinstance(clipping, Enum) else clipping,
        "deterministic": _deterministic(),
        "precision": str(trainer.precision),
        "accelerator": trainer.strategy.root_device.type,
        "strategy": lightning.strategy.strategy_name if trainer.world_size > 1 else "auto",
        "devices": trainer.num_devices,
        "num_nodes": trainer.num_nodes,
        "sync_batchnorm": has_sync_batchnorm(trainer),
        "logger": None if trainer.loggers else False,
        "callbacks": [each for each in lightning.callbacks if not isinstance(each, (*OBSERVERS, *observers))] or None,
    }


def kept_problems(run: RunDir) -> tuple[str, ...]:
    """Return the problems listed at the top of `config.yaml` when the run was first started."""
    if not run.config.is_file():
        return ()
    first, *lines = run.config.read_text().splitlines() or [""]
    if first != WARNING:
        return ()
    ends = next((number for number, line in enumerate(lines) if not line.startswith("# - ")), len(lines))
    return tuple(line.removeprefix("# - ") for line in lines[:ends])


def _unknown_classes(method: UnlearningModule, data: UnlearningData) -> Iterator[str]:
    """Yield the classes that the command line could not import or build."""
    kind = type(method)
    if kind.__module__ == "__main__" or "<locals>" in kind.__qualname__:
        yield f"method: the class {kind.__qualname__} is not in a module; move it into a file of its own"
    elif not importlib.util.find_spec(kind.__module__.partition(".")[0]):
        yield f"method: the module {kind.__module__} cannot be imported; import it under its full name"
    if type(data).__module__.partition(".")[0] != "medunlearn":
        yield f"data: the command line builds only MedMNISTDataModule, not {type(data).__qualname__}; save a .npz"


def _first_weights(method: UnlearningModule, data: UnlearningData) -> Iterator[str]:
    """Yield a problem if initial weights are not those that the seed gives."""
    if method.original is None and getattr(method, "built_from_seed", None) != data.seed:
        yield (
            "seed: the method's first weights are not those of a seed; call `seed_everything` right before the data "
            "and the method are made"
        )


def _parsed(settings: Mapping[str, Any]) -> dict[str, Any]:
    parse: Callable[[list[str]], dict[str, Any]] = resolve_name(PARSER)
    with TemporaryDirectory() as folder:
        path = Path(folder, "config.yaml")
        path.write_text(yaml.safe_dump(dict(settings), sort_keys=False))
        return parse(["fit", f"--config={path}"])


def _changes(given: Any, read: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the settings that the parser reads as a different number or as a number of a different type."""
    if isinstance(given, dict) and isinstance(read, dict):
        for name, value in given.items():
            yield from _changes(value, read.get(name), f"{key}.{name}".lstrip("."))
    elif given is not None and key != "model.class_path" and not _means_the_same(given, read, key):
        yield key, given, read


def _means_the_same(given: Any, read: Any, key: str) -> bool:
    # Lightning takes a limit of 1 for one batch and of 1.0 for all of them; no other number has two meanings.
    two_meanings = given == 1 and key.startswith("trainer.limit")
    if isinstance(given, str) and isinstance(read, str) and str(expanded(given, key)) == read:
        return True
    return bool(given == read and (type(given) is type(read) or not two_meanings))


def _class_path(kind: type) -> str:
    """Return the shortest name by which a class can be imported."""
    parts = kind.__module__.split(".")
    modules = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
    found = (name for name in modules if getattr(sys.modules.get(name), kind.__name__, None) is kind)
    return f"{next(found, kind.__module__)}.{kind.__qualname__}"


def _arguments(part: object, name: str, problems: list[str]) -> dict[str, Any]:
    if not isinstance(part, KeepsArguments):
        problems.append(f"{name}: {type(part).__qualname__} does not keep its arguments")
        return {}
    return _plain_items(part.arguments(), name, problems)


def _model(method: UnlearningModule, problems: list[str]) -> dict[str, Any]:
    arguments = _arguments(method, "method", problems)
    own = {name: value for name, value in arguments.items() if name not in FROM_DATA}
    return {"class_path": _class_path(type(method)), "init_args": own}


def _plain_items(values: Mapping[str, Any], name: str, problems: list[str]) -> dict[str, Any]:
    """Return the values that YAML can hold, and note the others."""
    found = {key: plain(value) for key, value in values.items()}
    for key, value in found.items():
        if value is NOT_PLAIN and not (name == "Trainer" and key == "logger"):  # a logger changes no result
            problems.append(f"{name}: {key}={_named(values[key])} is an object, which no config can hold")
    return {key: value for key, value in found.items() if value is not NOT_PLAIN}


def _named(value: Any) -> str:
    kinds = [type(each).__qualname__ for each in value] if isinstance(value, list) else type(value).__qualname__
    return str(kinds)


def _deterministic() -> bool | str | None:
    if not torch.are_deterministic_algorithms_enabled():
        return None
    return "warn" if torch.is_deterministic_algorithms_warn_only_enabled() else True
