"""Collects the settings that the user gave in options and config files, before jsonargparse merges them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from medunlearn.files.configs import read_config
from medunlearn.files.texts import null_for_none


@dataclass(frozen=True)
class Setting:
    """One setting.

    Args:
        key: Its full name, such as `data.forget.rate`.
        value: Its value: text from the command line, any YAML value from a config file, None for an option without a
            value.
        source: The option as it was typed, or the config file.
        typed: Whether it was given on the command line.
    """

    key: str
    value: Any
    source: str
    typed: bool

    @property
    def content(self) -> Any:
        """The value, parsed as YAML."""
        if not self.typed or not isinstance(self.value, str):
            return self.value
        try:
            return null_for_none(yaml.safe_load(self.value))
        except (yaml.YAMLError, ValueError, RecursionError):
            return self.value


def given_settings(argv: Sequence[str]) -> list[Setting]:
    """Return every setting in the order given; for equal keys the last one counts.

    Args:
        argv: Options, each `--config FILE` a file that can be read. Mappings are flattened, lists are not.
    """
    found: list[Setting] = []
    for option, value, source in _options(argv):
        key = option.lstrip("-").removesuffix("+")
        if option in ("-c", "--config"):
            content = read_config(Path(str(value)))
            found += [Setting(name, each, str(value), False) for name, each in _leaves(content)]
        else:
            setting = Setting(key, value, source, True)
            found += _taken_apart(setting) if str(value).lstrip().startswith("{") else [setting]
    return found


def last(settings: Sequence[Setting], *keys: str) -> Any:
    """Return the content of the last setting with one of these keys; None if there is none."""
    return next((each.content for each in reversed(settings) if each.key in keys), None)


def _taken_apart(setting: Setting) -> list[Setting]:
    """Return the settings within `--data {size: 28}`."""
    try:
        return [Setting(name, each, setting.source, False) for name, each in _leaves(setting.content, setting.key)]
    except RecursionError:  # an alias that refers to its own container
        return [setting]


def _options(argv: Sequence[str]) -> Iterator[tuple[str, str | None, str]]:
    """Yield each option, its value, and both as they were typed."""
    for argument, after in zip(argv, [*argv, "--"][1:], strict=True):
        if argument.startswith("-") and not _is_value(argument):
            option, equals, value = argument.partition("=")
            if equals or not _is_value(after):
                yield option, value if equals else None, argument
            else:
                yield option, after, f"{argument} {after}"


def _is_value(argument: str) -> bool:
    """Return whether an argument is the value of the preceding option; negative numbers such as `-1` are."""
    return not argument.startswith("-") or argument[1:2] in tuple("0123456789.")


def _leaves(content: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict) and content:
        for name, value in content.items():
            yield from _leaves(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, content
