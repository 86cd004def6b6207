"""Settings that a plan changes in its stages' configs: reading, nesting and checking them."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import yaml

from medunlearn.contracts import Preset
from medunlearn.errors import InputError
from medunlearn.files.texts import null_for_none
from medunlearn.runs.starting import SETTINGS

GROUPS = (*SETTINGS, "reference")
"""What an option for every stage may begin with."""
REFUSED = ("run_dir", "resume", "overwrite", "config", "ckpt_path", "print_config")
GOVERNED = {"seeds": ("seed_everything", "data.forget.seed"), "augmentations": ("data.augmentation",)}
MOST_SEED = 2**32 - 1  # NumPy's
MODEL = ("class_path", "init_args", "dict_kwargs")  # keys of `model`; any other is an argument of the class
_ABSENT = object()
DEPTH = 5  # levels at which mappings are merged; plans read no deeper setting


@dataclass(frozen=True)
class Override:
    """One setting that differs from a stage's config.

    A stage keeps a sequence of these, not a dictionary: the order matters, and `trainer.callbacks+` may repeat.

    Args:
        name: The setting with dots between its levels, such as `data.forget.rate`.
        value: Its value.
        text: The value as YAML, as `medunlearn fit` reads it; None for an option without a value.
        joined: Whether commands write `--name=text` rather than `--name text`.
    """

    name: str
    value: Any
    text: str | None
    joined: bool = False

    @property
    def argv(self) -> list[str]:
        """The setting as arguments of a command."""
        if self.text is None:
            return [f"--{self.name}"]
        return [f"--{self.name}={self.text}"] if self.joined else [f"--{self.name}", self.text]


def override(name: str, value: object) -> Override:
    """Return an override whose value is known, such as a path or a seed."""
    return Override(name, value, str(value))


def overrides_from_argv(argv: Sequence[str]) -> tuple[Override, ...]:
    """Return the settings that options of a command line give: `--name=value`, `--name value`.

    Raises:
        InputError: If an argument belongs to no option, or an option does not go to every stage.
    """
    found, rest = [], list(argv)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("--"):
            _refuse_short(argument)
            raise InputError(f"{argument}: belongs to no option; name plans and config files before the options")
        name, equals, text = argument[2:].partition("=")
        if not equals and rest and is_value(rest[0]):
            text = rest.pop(0)
        elif not equals:
            found.append(Override(name, None, None))
            continue
        found.append(Override(name, _parsed(text), text, joined=bool(equals)))
    check_for_every_stage(found)
    return tuple(found)


def overrides_from_mapping(options: Mapping[Any, Any]) -> tuple[Override, ...]:
    """Return the settings of a plan file's `options`.

    Raises:
        TypeError: If a value has a type that JSON lacks, such as a date.
        InputError: If an option does not go to every stage.
    """
    texts = {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in options.items()}
    found = tuple(Override(name, _parsed(text), text, joined=True) for name, text in texts.items())
    check_for_every_stage(found)
    return found


def is_value(argument: str) -> bool:
    """Return whether an argument is a value, a negative number included, rather than an option."""
    return not argument.startswith("-") or re.fullmatch(r"-\d+|-\d*\.\d+", argument) is not None


def nested(overrides: Iterable[Override], content: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return settings as nested mappings.

    Args:
        overrides: What to change, in order; the last one counts.
        content: The settings of a config file; not modified.
    """
    settings: dict[str, Any] = {}
    _merge(settings, dict(content or {}), DEPTH)
    for each in overrides:
        value = each.value
        for key in reversed(each.name.split(".")):
            value = {key: value}
        _merge(settings, value, DEPTH)
    return settings


def setting(settings: Mapping[str, Any], name: str, default: Any = None) -> Any:
    """Return a setting by its dotted name, such as `data.forget.rate`; the default where there is none."""
    found: Any = settings
    for key in name.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return default
        found = found[key]
    return found


def named(settings: Mapping[str, Any], name: str) -> bool:
    """Return whether settings contain this dotted name, even with the value null."""
    return setting(settings, name, _ABSENT) is not _ABSENT


def check_for_every_stage(overrides: Iterable[Override]) -> None:
    """Reject settings that no stage has, or that must not be the same for all stages, also in abbreviated form."""
    for each in overrides:
        if each.name and any(name.startswith(each.name) for name in REFUSED):
            raise InputError(f"--{each.name}: does not go to every stage of a plan; set it in the config files")
        if each.name.partition(".")[0].removesuffix("+") not in GROUPS:
            given = " ".join(each.argv)
            raise InputError(f"{given}: no such option; `medunlearn fit --help` lists those of stages")


def check_governed(overrides: Iterable[Override], by: str) -> None:
    """Reject settings that `seeds` or `augmentations` set for each stage: one of the two would be lost.

    Args:
        overrides: Settings for every stage.
        by: `seeds` or `augmentations`.
    """
    settings = nested(overrides)
    for name in GOVERNED[by]:
        if named(settings, name):
            raise InputError(f"--{name}: this plan's {by} set it for each stage; leave out --{name} or {by}")


def check_augmentations(presets: Iterable[str]) -> None:
    """Reject presets that do not exist."""
    for preset in presets:
        if preset not in get_args(Preset):
            raise InputError(f"augmentations={preset}: unknown preset; choose from {', '.join(get_args(Preset))}")


def check_seeds(seeds: Iterable[Any], name: str = "seeds") -> None:
    """Reject an invalid seed; `name` is its setting."""
    for seed in seeds:
        if type(seed) is not int or not 0 <= seed <= MOST_SEED:
            raise InputError(f"{name}={seed}: not a seed; give whole numbers from 0 to {MOST_SEED}")


def _refuse_short(argument: str) -> None:
    option = argument.partition("=")[0]
    if option.startswith("-c"):
        raise InputError(f"{option}: does not go to every stage of a plan; set it in the config files")


def _parsed(text: str) -> Any:
    try:
        return null_for_none(yaml.safe_load(text))
    except (yaml.YAMLError, ValueError, RecursionError):  # `medunlearn fit` reports the error
        return text


def _merge(settings: dict[str, Any], changes: Mapping[str, Any], depth: int, place: str = "") -> None:
    """Change settings in place; a mapping changes only what it names."""
    for key, value in changes.items():
        if place == "model" and key not in MODEL:  # `--model.lr` is short for `--model.init_args.lr`
            _merge(settings, {"init_args": {key: value}}, depth, place)
            continue
        if not place and key == "model" and isinstance(value, str):
            value = {"class_path": value}
        if isinstance(value, Mapping) and depth:
            inner = settings.get(key)
            settings[key] = inner if isinstance(inner, dict) else {}
            _merge(settings[key], value, depth - 1, f"{place}.{key}" if place else str(key))
        else:
            settings[key] = value
