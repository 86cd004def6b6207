"""Which arguments a method has, through the `**kwargs` that it hands on to its bases, and which were set."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

GIVEN = ("num_classes", "in_channels", "image_size", "original")
"""Arguments that say what a method works on, not how."""

_NOT_PLAIN = object()


def arguments(kind: type) -> dict[str, inspect.Parameter]:
    """Return the parameters of a class by name; those of its bases belong to it where it takes `**kwargs`."""
    found: dict[str, inspect.Parameter] = {}
    for base in kind.__mro__:
        if "__init__" not in vars(base):
            continue
        parameters = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
        kinds = {parameter.kind for parameter in parameters}
        for parameter in parameters:
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                found.setdefault(parameter.name, parameter)
        if inspect.Parameter.VAR_KEYWORD not in kinds:
            break
    return found


def departures(part: object, others: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of an object that differ from its class's defaults, as JSON can hold them.

    Args:
        part: An object that keeps its arguments under their own names; those that it does not keep are left out.
        others: Arguments that it keeps elsewhere.
    """
    found = {}
    for name, parameter in arguments(type(part)).items():
        value = _plain(others.get(name, getattr(part, name, None)))
        kept = name in others or hasattr(part, name)
        if kept and name not in GIVEN and value is not _NOT_PLAIN and value != _plain(parameter.default):
            found[name] = value
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        items = [_plain(item) for item in value]
        return _NOT_PLAIN if _NOT_PLAIN in items else items
    if isinstance(value, Path):
        return str(value)
    return value if value is None or type(value) in (bool, int, float, str) else _NOT_PLAIN
