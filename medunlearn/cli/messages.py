"""One-line errors for wrong settings that name the setting, its value and the remedy.

The messages of jsonargparse change from release to release. So the wrong setting and the reason are determined here,
from the given settings and the available options.
"""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser

from medunlearn.cli.classes import (
    FROM_DATA,
    ClassError,
    NotFound,
    NotImportable,
    NotSubclass,
    accepts,
    arguments_of,
    class_actions,
    class_bases,
    described,
    find_class,
    is_required,
    type_of,
)
from medunlearn.cli.given import Setting
from medunlearn.errors import InputError, suggestion
from medunlearn.files import exists
from medunlearn.plugins import choice, method_path, names

TYPE_NAMES = re.compile(r"<class|<enum|\btyping\b|\w\[[a-z<]\w*|\b(Union|Optional|NoneType|Literal|ParamSpec)\b")
"""Names of types as Python and jsonargparse write them."""


def explained_error(
    error: BaseException, settings: Sequence[Setting], parser: ArgumentParser, command: str
) -> InputError:
    """Return an error of jsonargparse in this project's form.

    Args:
        error: The exception of jsonargparse. Its own message is passed on if the cause is not found here.
        settings: The settings that the user gave.
        parser: The parser of the command.
        command: `fit`, `validate`, `test` or `predict`.
    """
    try:
        _Settings(parser, command).check(settings)
    except InputError as found:
        return found
    line = " ".join(str(error).split())
    if TYPE_NAMES.search(line):  # names of Python types do not help to correct a setting
        named = re.search(r'[Kk]ey "([\w.]+)"', line)
        line = f"{named[1] if named else 'settings'}: has a value of the wrong type"
    return InputError(f"{line}; `medunlearn {command} --help` lists the options")


def check_from_data(settings: Iterable[Setting]) -> None:
    """Reject `num_classes` and `in_channels` of the model: they come from the data and would be ignored silently."""
    for setting in settings:
        name = setting.key.removeprefix("model.").removeprefix("init_args.")
        if setting.key.startswith("model.") and name in FROM_DATA:
            raise InputError(f"model.init_args.{name}: is taken from the data; leave it out, or set {FROM_DATA[name]}")


def check_groups(settings: Iterable[Setting], parser: ArgumentParser, command: str) -> None:
    """Reject a single value for a group of settings, such as `data: 5`: jsonargparse would ignore it silently."""
    checker = _Settings(parser, command)
    for setting in settings:
        if checker.is_group(setting.key):
            checker.check_group(setting)


def _whole(setting: Setting, rest: str) -> Setting:
    """Return a setting with the value of its whole option: a list, or `{a: 1}` for the key `a` within the option."""
    content = setting.content
    if not rest and not isinstance(content, list):
        return setting
    for name in reversed(rest.split(".") if rest else ()):
        content = {name: content}
    return replace(setting, value=content)


def _as_yaml(value: Any) -> str:
    listed = isinstance(value, list | dict)
    return yaml.safe_dump(value, default_flow_style=True, width=10_000).strip() if listed else str(value)


class _Settings:
    """Checks given settings one by one against the options of a command, as jsonargparse does all at once."""

    def __init__(self, parser: ArgumentParser, command: str) -> None:
        self.actions: dict[str, Any] = {action.dest: action for action in parser._actions}
        self.help = f"`medunlearn {command} --help` lists the options"
        self.command = command
        self.classes: dict[str, type] = {}
        self.arguments: dict[str, set[str]] = {}

    def check(self, settings: Sequence[Setting]) -> None:
        """Raise `InputError` for the first wrong setting, then for the first missing one."""
        for setting in settings:
            self._check(setting)
        if "model" not in self.classes:
            raise InputError(self._no_class("model", Setting("model", None, "", False)))
        for option, kind in self.classes.items():
            self._check_required(option, kind)

    def is_group(self, key: str) -> bool:
        """Return whether a key names a group of settings; the empty key names the whole configuration."""
        inside = (option for option in self.actions if option.startswith(f"{key}.") or not key)
        return any(not option.endswith(".help") for option in inside)

    def check_group(self, setting: Setting) -> None:
        """Raise `InputError` if the value given for a group of settings is not a mapping."""
        file = setting.typed and isinstance(setting.content, str)  # `--data FILE` reads the group from a file
        if file and not exists(Path(setting.content)):
            problem = "no such file of settings"
            raise InputError(f"{setting.key}={setting.value}: {problem}; set `{setting.key}.NAME`; {self.help}")
        if (setting.content is not None or setting.typed) and setting.content != {} and not file:
            raise InputError(
                f"{setting.key}={setting.value}: is a group of settings; set `{setting.key}.NAME`; {self.help}"
            )

    def _check(self, setting: Setting) -> None:
        option = self._option(setting.key)
        rest = setting.key.removeprefix(option).removeprefix(".")
        bases = self._bases(option)
        if self.is_group(option) and rest:
            raise InputError(self._no_such_option(setting, option, rest))
        if self.is_group(option):
            self.check_group(setting)
        elif bases and rest and rest != "class_path":
            self._check_argument(setting, option, rest.removeprefix("init_args."))
        elif bases:
            self._check_classes(setting, option, bases)
        else:
            self._check_value(option, type_of(self.actions[option]), _whole(setting, rest))

    def _option(self, key: str) -> str:
        """Return the longest option that is a prefix of a key; an empty string if there is none."""
        parts = key.split(".")
        starts = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
        return next((start for start in starts if start in self.actions), "")

    def _bases(self, option: str) -> tuple[type, ...]:
        return class_bases(type_of(self.actions[option])) if f"{option}.help" in self.actions else ()

    def _no_such_option(self, setting: Setting, option: str, rest: str) -> str:
        start, name = f"{option}." if option else "", rest.partition(".")[0]
        beside = {dest.removeprefix(start).partition(".")[0] for dest in self.actions if dest.startswith(start)}
        meant = suggestion(name, beside - {"help"}, start) or self._same_name(rest.rpartition(".")[2])
        if setting.source.startswith("-"):
            dashed = meant.replace("did you mean ", "did you mean --")
            return f"{setting.source}: no such option; {dashed}{self.help}"
        return f"{start}{name}: no such setting in {setting.source}; {meant}{self.help}"

    def _same_name(self, name: str) -> str:
        """Return a suggestion of the option that ends in a name, such as `data.batch_size` for `batch_size`."""
        options = [dest for dest in self.actions if not dest.endswith(".help")]
        if "model" in self.classes:
            options += [f"model.init_args.{each}" for each in arguments_of(self.classes["model"])]
        return next((f"did you mean {each}? " for each in options if each.endswith(f".{name}")), "")

    def _check_classes(self, setting: Setting, option: str, bases: tuple[type, ...]) -> None:
        content, hint = setting.content, type_of(self.actions[option])
        for item in content if isinstance(content, list) else [content]:
            if isinstance(item, dict):
                self._check_item(setting, option, bases, item)
            elif isinstance(item, str) and str in getattr(hint, "__args__", ()):
                self._take_class_or_text(option, item, bases)
            elif isinstance(item, str):
                self._take_class(option, item, bases)
            elif not isinstance(item, str):
                self._check_value(option, hint, setting)

    def _check_item(self, setting: Setting, option: str, bases: tuple[type, ...], item: dict[str, Any]) -> None:
        """Check an entry of a list, such as a callback: `{class_path: NAME, init_args: {...}}`."""
        if not isinstance(item.get("class_path"), str):
            given = ", ".join(map(str, item)) or "nothing"
            raise InputError(f"{option}: an entry holds {given} and no class_path; write class_path and init_args")
        self._take_class(option, item["class_path"], bases)
        for name, value in (item.get("init_args") or {}).items():
            self._check_argument(Setting(f"{option}.{name}", value, setting.source, False), option, str(name))
        self._check_required(option, self.classes[option])

    def _take_class_or_text(self, option: str, name: str, bases: tuple[type, ...]) -> None:
        with suppress(ClassError):
            self.classes[option], self.arguments[option] = find_class(name, bases), set()

    def _take_class(self, option: str, name: str, bases: tuple[type, ...]) -> None:
        method = option == "model"
        name = method_path(name) if method and name.isidentifier() else name
        try:
            kind = find_class(name, bases)
        except NotImportable as error:
            problem = f"{option}.class_path={name}: {error}"
        except NotFound as error:
            remedy = choice(name, names("methods")) if method else error
            problem = f"{option}={name}: no such {'method' if method else 'class'}; {remedy}"
        except NotSubclass:
            base = " or ".join(dict.fromkeys(base.__name__ for base in bases))
            listed = f"choose {', '.join(names('methods'))}, or a subclass of medunlearn.methods.Classifier"
            problem = f"{option}={name}: no {'method' if method else 'such class'}; "
            problem += listed if method else f"give a subclass of {base}"
        else:
            self.classes[option], self.arguments[option] = kind, set()
            return
        raise InputError(f"{problem}; {self.help}")

    def _check_argument(self, setting: Setting, option: str, rest: str) -> None:
        kind, name = self.classes.get(option), rest.partition(".")[0]
        if name in ("init_args", "dict_kwargs"):
            return
        if kind is None:
            raise InputError(self._no_class(option, setting))
        known, key = arguments_of(kind), f"{option}.init_args.{name}"
        if name not in known:
            raise InputError(
                f"{key}: {kind.__name__} has no such option; {suggestion(name, known)}{self._class_help(option, kind)}"
            )
        self.arguments[option].add(name)
        if not class_bases(known[name]):
            inner = _whole(setting, rest.removeprefix(name).removeprefix("."))
            self._check_value(key, known[name], inner, self._class_help(option, kind))

    def _no_class(self, option: str, setting: Setting) -> str:
        if option == "model":
            return f"model: no method named; give one of {', '.join(names('methods'))}, or a config; {self.help}"
        return f"{setting.key}={setting.value}: no class named; set `{option}` to the class first; {self.help}"

    def _check_value(self, key: str, hint: Any, setting: Setting, listing: str = "") -> None:
        if not accepts(hint, setting.value):
            raise InputError(f"{key}={_as_yaml(setting.value)}: give {described(hint)}; {listing or self.help}")

    def _check_required(self, option: str, kind: type) -> None:
        for name, action in class_actions(kind).items():
            from_data = option == "model" and name in FROM_DATA
            if name not in self.arguments[option] and not from_data and is_required(action):
                raise InputError(f"{option}.init_args.{name}: missing; set it; {self._class_help(option, kind)}")

    def _class_help(self, option: str, kind: type) -> str:
        shipped = option == "model" and kind.__name__ in names("methods")
        path = kind.__name__ if shipped else f"{kind.__module__}.{kind.__qualname__}"
        return f"`medunlearn {self.command} --{option}.help {path}` lists the options"
