"""Imports classes that settings name and inspects the types of their arguments, with one-line errors."""

from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from jsonargparse import ArgumentError, ArgumentParser

from medunlearn.errors import suggestion
from medunlearn.plugins import missing_dependency

FROM_DATA = {
    "num_classes": "data.num_classes beside data.file",
    "in_channels": "data.as_rgb",
    "image_size": "data.size",
}
"""Arguments of a method that are taken from the data, and the setting that determines each."""


class ClassError(Exception):
    """A class cannot be found or imported."""


class NotFound(ClassError):
    """There is no class of this name; the message contains the remedy."""


class NotSubclass(ClassError):
    """The object at this import path is not a class of the right kind."""


class NotImportable(ClassError):
    """The import path cannot be imported; the message contains the reason and the remedy."""


def find_class(name: str, bases: tuple[type, ...]) -> type:
    """Return the class with a name: an import path, or the bare name of an imported subclass of `bases`.

    Raises:
        NotFound: If no subclass has this bare name.
        NotImportable: If the import path cannot be imported.
        NotSubclass: If it is not the path of such a class.
    """
    module, _, attribute = name.rpartition(".")
    found = _attribute(module, attribute) if module else _by_name(name, _subclasses(bases))
    if not (isinstance(found, type) and issubclass(found, bases)):
        raise NotSubclass
    return found


def arguments_of(kind: type) -> dict[str, Any]:
    """Return the arguments of a class and its bases, with their types."""
    return {name: type_of(action) for name, action in class_actions(kind).items()}


def class_actions(kind: type) -> dict[str, Any]:
    """Return jsonargparse's options for the arguments of a class, by name."""
    parser = _parser()
    parser.add_class_arguments(kind, as_group=False, fail_untyped=False)
    return {
        action.dest: action
        for action in parser._actions
        if "." not in action.dest and f"--{action.dest}" in action.option_strings and action.dest != "help"
    }


def is_required(action: Any) -> bool:
    """Return whether a jsonargparse option must be given."""
    return bool(getattr(action, "_required", False) or action.required)  # before jsonargparse 4.49 and since


def accepts(hint: Any, value: Any) -> bool:
    """Return whether a type accepts a value, which may be text from the command line."""
    parser = _parser()
    parser.add_argument("--value", type=hint)
    try:
        parser.parse_object({"value": value})
    except ArgumentError:
        return False
    return True


def type_of(action: Any) -> Any:
    """Return the type of the values of a jsonargparse option."""
    return getattr(action, "_typehint", None) or action.type or str


def class_bases(hint: Any) -> tuple[type, ...]:
    """Return the classes whose instances a type accepts, alone or in a list."""
    if get_origin(hint) is Literal:
        return ()
    if inner := get_args(hint):
        return tuple(base for each in inner for base in class_bases(each))
    plain = (str, int, float, bool, bytes, Path, NoneType)
    own = isinstance(hint, type) and not issubclass(hint, plain) and hint.__module__ not in ("builtins", "datetime")
    return (hint,) if own else ()


def described(hint: Any) -> str:
    """Describe the values of a type: `a whole number, or null`."""
    kinds_of_value = members(hint)
    choices = [str(each) for kind in kinds_of_value if get_origin(kind) is Literal for each in get_args(kind)]
    kinds = [
        _described_one(each) for each in kinds_of_value if get_origin(each) is not Literal and each is not NoneType
    ]
    if int in kinds_of_value and float in kinds_of_value:
        kinds.remove(_described_one(int))
    kinds += [f"one of {', '.join(dict.fromkeys(choices))}"] if choices else []
    return " or ".join(dict.fromkeys(kinds)) + (", or null" if NoneType in kinds_of_value else "")


def members(hint: Any) -> tuple[Any, ...]:
    """Return the members of a union; for any other type, the type itself."""
    if get_origin(hint) not in (Union, UnionType):
        return (hint,)
    return tuple(member for each in get_args(hint) for member in members(each))


def _described_one(hint: Any) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text", Path: "a path"}
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(origin, type) and issubclass(origin, Iterable) and not issubclass(origin, dict):
        if int not in members(inner[0]):
            return f"a list of {described(inner[0])}"
        return f"a list of whole numbers{' or names' if str in members(inner[0]) else ''}, such as [4]"
    return names.get(hint) or f"a {getattr(hint, '__name__', hint)}"


def _by_name(name: str, kinds: Sequence[type]) -> type:
    known = {kind.__name__: kind for kind in kinds}
    if name not in known:
        raise NotFound(f"{suggestion(name, known)}give the name by which it is imported")
    return known[name]


def _subclasses(bases: Iterable[type]) -> list[type]:
    found: dict[type, None] = {}
    for base in bases:
        found |= dict.fromkeys([base, *_subclasses(base.__subclasses__())])
    return list(found)


def _attribute(module: str, name: str) -> Any:
    try:
        holder = import_module(module)
    except ModuleNotFoundError as error:
        if needed := missing_dependency(error, module):
            raise NotImportable(f"{module} imports {needed}, which is not installed; install it") from None
        raise NotImportable(
            f"no module {error.name} is found; fix the name, or set PYTHONPATH to the folder that holds {error.name}.py"
        ) from None
    except Exception as error:  # a user's module may raise anything
        raise NotImportable(f"{module} cannot be imported ({type(error).__name__}: {error}); fix it") from None
    if not hasattr(holder, name):
        known = [each for each in dir(holder) if not each.startswith("_")]
        known += getattr(holder, "__all__", [])
        raise NotImportable(f"{module} has no {name}; {suggestion(name, known)}fix the name")
    return getattr(holder, name)


def _parser() -> ArgumentParser:
    return ArgumentParser(exit_on_error=False)
