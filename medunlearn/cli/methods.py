"""Replaces names of methods, on the command line and in configs, by the import paths of their classes."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

import yaml
from jsonargparse import get_loader, set_loader

from medunlearn.cli.classes import ClassError, find_class
from medunlearn.cli.given import Setting, last
from medunlearn.errors import InputError
from medunlearn.files.texts import names_as_text, null_for_none
from medunlearn.methods import Classifier
from medunlearn.plugins import method_path

OPTIONS = ("--model", "--model.class_path")

PARSER_MODE = "medunlearn"
"""Name of the jsonargparse loader that reads configs as YAML, with methods by name."""


def resolve_methods(argv: list[str]) -> list[str]:
    """Return command-line arguments with plug-in names after `--model` replaced by import paths.

    Raises:
        InputError: If two packages define the name, or the method cannot be imported.
    """
    resolved: list[str] = []
    for argument in argv:
        option, equals, value = argument.partition("=")
        if resolved and resolved[-1] in OPTIONS:
            resolved.append(_path(argument))
        elif equals and option in OPTIONS:
            resolved.append(f"{option}={_path(value)}")
        else:
            resolved.append(argument)
    return resolved


def load_settings(text: str) -> Any:
    """Read YAML; in settings of a run, replace the name of the method by its import path.

    Raises:
        InputError: If two packages define the name, or the method cannot be imported.
    """
    content = null_for_none(names_as_text(get_loader("yaml")(text), text))
    if isinstance(content, dict):
        for settings in (content, *content.values()):  # at the top level, or below the key `fit`
            if isinstance(settings, dict) and "model" in settings:
                settings["model"] = _named(settings["model"])
    return content


def method_class(name: str) -> type[Classifier]:
    """Return the class of a method, given the name of its plug-in, its class name or its import path.

    Raises:
        ClassError: If there is no such method.
    """
    return cast(type[Classifier], find_class(_path(name), (Classifier,)))


def given_method(given: Sequence[Setting]) -> type[Classifier] | None:
    """Return the class of the method in the settings; None if it does not exist."""
    name = last(given, "model", "model.class_path")
    with suppress(ClassError, InputError):
        return method_class(name) if isinstance(name, str) else None
    return None


def _named(model: Any) -> Any:
    if isinstance(model, dict) and "class_path" in model:
        return model | {"class_path": _path(model["class_path"])}
    return _path(model)


def _path(name: Any) -> Any:
    return method_path(name) if isinstance(name, str) and name.isidentifier() else name


set_loader(PARSER_MODE, load_settings, exceptions=(yaml.YAMLError,))
