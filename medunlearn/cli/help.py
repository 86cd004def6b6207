"""The help of `fit`, `validate`, `test` and `predict`: this project's options in groups, then the Trainer's by name."""

import inspect
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from jsonargparse import ArgumentParser

from medunlearn.cli.classes import (
    FROM_DATA,
    NotFound,
    NotImportable,
    NotSubclass,
    class_actions,
    is_required,
    members,
    type_of,
)
from medunlearn.cli.comparison import terminal_width
from medunlearn.cli.descriptions import describe
from medunlearn.cli.examples import EXAMPLES
from medunlearn.cli.given import Setting, last
from medunlearn.cli.methods import method_class
from medunlearn.errors import InputError
from medunlearn.methods import Classifier, Unlearner
from medunlearn.plugins import Plugin, choice, names, plugins

COLUMN = 34  # column at which the explanation of an option begins
NARROWEST = 60  # columns
RUN = ("config", "run_dir", "resume", "overwrite", "reference", "seed_everything", "print_config")
REFUSED = ("ckpt_path", "weights_only")
"""Lightning's options that are always rejected."""
MOST_CHOICES = 4
TRAINER = ("max_epochs", "max_steps", "accelerator", "devices", "precision")
"""Trainer options that are listed among this project's own."""


def options_help(parser: ArgumentParser, command: str, about: str, method: type[Classifier] | None) -> str:
    """Return the help of a command.

    Args:
        parser: The parser of the command.
        command: `fit`, `validate`, `test` or `predict`.
        about: What the command does, in one line.
        method: The method given together with `--help`, whose arguments are listed too.
    """
    actions = {action.dest: action for action in parser._actions if not action.dest.endswith(".help")}
    single = [name for name in actions if "." not in name and "==" not in name]
    others = [name for name in single if name not in (*RUN, *REFUSED, "help", "trainer", "model", "data", "evaluation")]
    forget = [name for name in actions if name.startswith("data.forget.")]
    data = [name for name in actions if name.startswith("data.") and name not in (*forget, "data.forget")]
    groups = {
        "run": [name for name in (*RUN, *others) if name in actions],
        "data": data,
        "forget set, by one of rate, classes, indices and groups": forget,
        "evaluation": [name for name in actions if name.startswith("evaluation.")],
    }
    texts = {title: _options(actions[name] for name in group) for title, group in groups.items()}
    texts = {"run": texts.pop("run"), "model": _model(command, method), **texts}
    sections = [f"{title}:\n{text}" for title, text in texts.items()]
    example = f"examples:\n{EXAMPLES[command]}"
    return "\n\n".join([parser.format_usage().rstrip(), about, *sections, _trainer(actions, command), example]) + "\n"


def trainer_help(parser: ArgumentParser) -> str:
    """Return the options of Lightning's Trainer in full."""
    groups = parser._action_groups
    parser._action_groups = [
        group for group in groups if any(each.dest.startswith("trainer.") for each in group._group_actions)
    ]
    try:
        return type(parser).format_help(parser)
    finally:
        parser._action_groups = groups


def method_help(kind: type[Classifier]) -> str:
    """Return the description of a method and its arguments, with the defaults that apply.

    Arguments taken from the data, such as `num_classes`, are omitted, since they must not be given.
    """
    about = " ".join((inspect.getdoc(kind) or kind.__name__).partition("\n\n")[0].split())
    sections = [f"{title}:\n{text}" for title, text in _arguments(kind).items()]
    own = [f"  --trainer.{name} {value}" for name, value in kind.trainer_arguments.items()]
    sections += ["\n".join(["settings of the Trainer, unless others are given:", *own])] if own else []
    return "\n\n".join([textwrap.fill(f"{kind.__name__}: {about}", _width()), *sections]) + "\n"


def methods_help(command: str) -> str:
    """Return the methods by name, each with one line."""
    lines = [_entry(each.name, _line(each), 4, 18) for each in plugins("methods")]
    note = _wrapped(f"`medunlearn {command} --model.help NAME` lists the arguments of a method.", 4)
    return "\n".join([*lines, note])


def _line(plugin: Plugin) -> str:
    try:
        return describe(plugin)[0]
    except InputError:  # its package cannot be imported; `medunlearn list methods` says why
        return f"of package {plugin.package}, which cannot be imported"


def show_method_help(given: Sequence[Setting], command: str) -> None:
    """Print the help of the method in `--model.help NAME`, or of `--model` if NAME is missing, and exit.

    Raises:
        InputError: If there is no such method.
    """
    if not any(setting.key == "model.help" for setting in given):
        return
    name = last(given, "model.help") or last(given, "model", "model.class_path")
    print(f"methods:\n{methods_help(command)}\n" if name is None else method_help(_found(str(name))), end="")
    sys.exit(0)


def _found(name: str) -> type[Classifier]:
    problem = f"model.help={name}: no such method"
    try:
        return method_class(name)
    except NotFound:
        raise InputError(f"{problem}; {choice(name, names('methods'))}") from None
    except NotSubclass:
        raise InputError(f"{problem}; give a subclass of medunlearn.methods.Classifier") from None
    except NotImportable as error:
        raise InputError(f"{problem}: {error}") from None


def _model(command: str, method: type[Classifier] | None) -> str:
    head = _entry("--model NAME", "The method, by name or import path.", 2, COLUMN)
    if method is None:
        where = f"`medunlearn list methods` says what each is, `medunlearn {command} --model.help NAME` its arguments."
        return f"{head}\n{_wrapped(', '.join(names('methods')), 4)}\n{_wrapped(where, 4)}"
    listed = ", ".join(name for name in class_actions(method) if name not in FROM_DATA)
    own = method.__name__ if method.__module__.startswith("medunlearn.") else f"{method.__module__}.{method.__name__}"
    text = (
        f"Arguments of {own}, which `medunlearn {command} --model.help {own}` explains; --model.init_args. goes before "
    )
    return f"{head}\n{_wrapped(f'{text}each: {listed}', 2)}"


def _arguments(kind: type[Classifier]) -> dict[str, str]:
    """Return the explained arguments of a method: its own, those of every unlearner, those of every method."""
    actions = {name: action for name, action in class_actions(kind).items() if name not in FROM_DATA}
    bases = [base for base in (Unlearner, Classifier) if issubclass(kind, base)]
    own = [each for each in kind.__mro__ if issubclass(each, bases[0]) and each not in bases]
    groups = {
        f"arguments of {kind.__name__}": _declared(own),
        "arguments of every method that unlearns": _declared([Unlearner]) if Unlearner in bases else [],
        "arguments of every method": [*actions],
    }
    shown: dict[str, str] = {}
    for title, group in groups.items():
        taken = {name: actions.pop(name) for name in dict.fromkeys(group) if name in actions}
        entries = [_option(f"model.init_args.{name}", each, is_required(each)) for name, each in taken.items()]
        shown |= {title: "\n".join(entries)} if entries else {}
    return shown


def _declared(kinds: Iterable[type]) -> list[str]:
    """Return the arguments that the classes themselves declare, without those of their bases."""
    found = [vars(kind)["__init__"] for kind in kinds if "__init__" in vars(kind)]
    return [name for init in found for name in inspect.signature(init).parameters]


def _trainer(actions: dict[str, Any], command: str) -> str:
    known = [name.removeprefix("trainer.") for name in actions if name.startswith("trainer.")]
    more = ", ".join(name for name in known if name not in TRAINER)
    text = f"More, which `medunlearn {command} --trainer.help` explains; --trainer. goes before each: {more}"
    shown = _options(actions[f"trainer.{name}"] for name in TRAINER if name in known)
    return f"Lightning's Trainer:\n{shown}\n{_wrapped(text, 2)}"


def _options(actions: Iterable[Any]) -> str:
    return "\n".join(_option(action.dest, action) for action in actions)


def _option(name: str, action: Any, required: bool = False) -> str:
    """Return the help of an option: values, meaning and default."""
    value = "" if name == "print_config" else f" {_metavar(type_of(action))}"
    text = " ".join(str(action.help or "").split())
    default = action.default
    if required:
        text += " Required."
    elif isinstance(default, str | int | float | Path | list | tuple) and "==" not in str(default):
        shown = str(default).lower() if isinstance(default, bool) else default
        text += f" Default: {[*shown] if isinstance(shown, tuple) else shown}."
    return _entry(f"--{name}{value}", text.strip(), 2, COLUMN)


def _metavar(hint: Any) -> str:
    """Return the placeholder for the value of an option."""
    kinds = [each for each in members(hint) if each is not NoneType]
    choices = [str(choice) for each in kinds if get_origin(each) is Literal for choice in get_args(each)]
    if choices and len(choices) <= MOST_CHOICES:
        return f"{{{','.join(choices)}}}"
    texts = {int: "N", float: "X", Path: "PATH", bool: "{true,false}"}
    listed = any(isinstance(get_origin(each), type) and issubclass(get_origin(each), Iterable) for each in kinds)
    return next((text for kind, text in texts.items() if kind in kinds), "[A,B]" if listed else "NAME")


def _entry(left: str, text: str, indent: int, column: int) -> str:
    """Return an option with its explanation beside it or, if the option is long, below it."""
    lines = textwrap.wrap(text, _width() - column, break_on_hyphens=False) or [""]
    head = " " * indent + left
    rest = [" " * column + line for line in lines]
    if len(head) + 2 <= column:
        return "\n".join([(head.ljust(column) + lines[0]).rstrip(), *rest[1:]])
    return "\n".join([head, *rest])


def _wrapped(text: str, indent: int) -> str:
    blanks = " " * indent
    return textwrap.fill(
        text, _width(), initial_indent=blanks, subsequent_indent=blanks, break_on_hyphens=False, break_long_words=False
    )


def _width() -> int:
    return terminal_width(NARROWEST)
