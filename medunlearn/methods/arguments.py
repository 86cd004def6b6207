"""Lists the arguments of a method, including those its bases take through `**kwargs`, and those that were set."""

import inspect
from typing import Any

from medunlearn.contracts import NOT_PLAIN, KeepsArguments, plain

GIVEN = ("num_classes", "in_channels", "image_size", "original", "weights")
"""Arguments that say what a method works on, not how."""


def arguments(kind: type) -> dict[str, inspect.Parameter]:
    """Return the parameters of a class by name, including those of its bases where it takes `**kwargs`."""
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


def departures(part: KeepsArguments) -> dict[str, Any]:
    """Return the arguments that an object was built with and that differ from its class's defaults.

    Args:
        part: The object; arguments that JSON cannot hold are left out.
    """
    parameters = arguments(type(part))
    given = {name: plain(value) for name, value in part.arguments().items() if name not in GIVEN}
    return {
        name: value
        for name, value in given.items()
        if value is not NOT_PLAIN and (name not in parameters or value != plain(parameters[name].default))
    }
