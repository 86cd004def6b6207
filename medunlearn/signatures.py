"""Lists the arguments of a class and its bases, and rejects others when it is constructed from Python."""

import dis
import inspect
from collections.abc import Iterable
from itertools import pairwise
from types import FunctionType

from medunlearn.errors import InputError, suggestion


def check_names(kind: type, given: Iterable[str]) -> None:
    """Reject arguments that a class does not take.

    Args:
        kind: The class.
        given: Names of the arguments that it is built with.

    Raises:
        InputError: If one is unknown. Where a class does more with its `**kwargs` than pass them on, Python judges.

    Example:
        >>> class Method:
        ...     def __init__(self, lr=0.1): ...
        >>> check_names(Method, ["learning_rate"])
        Traceback (most recent call last):
        medunlearn.errors.InputError: learning_rate: Method has no such argument; did you mean lr? It takes lr
    """
    known = _argument_names(kind)
    for name in given:
        if known is not None and name not in known:
            raise InputError(
                f"{name}: {kind.__name__} has no such argument; {suggestion(name, known)}It takes {', '.join(known)}"
            )


def _argument_names(kind: type) -> list[str] | None:
    """Return the arguments of a class and its bases; None if one does more with `**kwargs` than pass them on."""
    names: list[str] = []
    for base in kind.__mro__:
        if isinstance(init := vars(base).get("__init__"), FunctionType):
            _, *parameters = inspect.signature(init).parameters.values()
            names += [each.name for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
            rest = next((each.name for each in parameters if each.kind is each.VAR_KEYWORD), None)
            if rest is None:
                return list(dict.fromkeys(names))
            if not _passes_on(init, rest):
                return None
    return None


def _passes_on(function: FunctionType, name: str) -> bool:
    """Return whether a function uses its `**name` only to pass it on in a call."""
    steps = pairwise(dis.get_instructions(function))
    return [after.opname for step, after in steps if name in _named(step)] == ["DICT_MERGE"]


def _named(step: dis.Instruction) -> tuple[object, ...]:
    return step.argval if isinstance(step.argval, tuple) else (step.argval,)
