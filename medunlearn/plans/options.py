"""Options that go to every stage of a plan: which of them may."""

from collections.abc import Iterable, Sequence
from typing import Any, get_args

import yaml

from medunlearn.contracts import Preset
from medunlearn.errors import InputError

REFUSED = ("--run_dir", "--resume", "--overwrite", "--config", "--ckpt_path", "--print_config")
GOVERNED = {"seeds": ("--seed_everything", "--data.forget.seed"), "augmentations": ("--data.augmentation",)}
MOST_SEED = 2**32 - 1  # NumPy's


def check_options(words: Iterable[str]) -> None:
    """Refuse options of fit that would be wrong for every stage at once, shortened or not."""
    for word in words:
        option = word.partition("=")[0]
        if option.startswith("-c") or (len(option) > 2 and any(name.startswith(option) for name in REFUSED)):
            raise InputError(f"{option}: does not go to every stage of a plan; set it in the config files")


def check_governed(words: Sequence[str], by: str) -> None:
    """Refuse options that `seeds` or `augmentations` set for each stage: where both speak, one would be lost.

    Args:
        words: Options for every stage.
        by: `seeds` or `augmentations`.
    """
    given = options_in(words)
    for option in GOVERNED[by]:
        if option in given:
            raise InputError(f"{option}: this plan's {by} set it for each stage; leave out {option} or {by}")


def check_augmentations(presets: Iterable[str]) -> None:
    """Refuse presets that do not exist."""
    for preset in presets:
        if preset not in get_args(Preset):
            raise InputError(f"augmentations={preset}: unknown preset; choose from {', '.join(get_args(Preset))}")


def check_seeds(seeds: Iterable[Any]) -> None:
    """Refuse what is no seed."""
    for seed in seeds:
        if type(seed) is not int or not 0 <= seed <= MOST_SEED:
            raise InputError(f"seeds={seed}: no seed; give whole numbers from 0 to {MOST_SEED}")


def options_in(words: Sequence[str]) -> set[str]:
    """Return the options that command-line words set, those within a mapping such as `--data {size: 28}` included."""
    found: set[str] = set()
    for word, after in zip(words, [*words, ""][1:], strict=True):
        if word.startswith("--"):
            option, equals, value = word.partition("=")
            found |= _within(option, _content(value if equals else after))
    return found


def _within(option: str, content: Any) -> set[str]:
    inner = content.items() if isinstance(content, dict) else ()
    return {option}.union(*(_within(f"{option}.{key}", value) for key, value in inner))


def _content(value: str) -> Any:
    if not value.lstrip().startswith("{"):
        return None
    try:
        return yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError):  # fit says what is wrong
        return None
