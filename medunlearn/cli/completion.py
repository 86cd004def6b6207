"""Prints shell-completion scripts for commands, options, names and configs; the shell runs them without Python."""

import argparse
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from medunlearn.cli.examples import EXAMPLES
from medunlearn.cli.list import GROUPS, rows
from medunlearn.cli.usage import line
from medunlearn.errors import InputError
from medunlearn.files.configs import shipped_configs, shipped_plans
from medunlearn.plugins import BUILT_IN, built_ins, choice, names, plugins

SHELLS = ("bash", "zsh")
MODULES = {"import": "importing"}
"""Modules of commands whose module has a different name."""
CONFIGS = ("PLAN", "CONFIG...")
"""First arguments, in the usage of a command, of commands that pass unknown options to stages."""
FUNCTION = "_medunlearn_files_and_configs"
PREAMBLES = {
    "bash": FUNCTION + '() {{ compgen -f -- "$1"; compgen -W "{words}" -- "$1"; }}',
    "zsh": FUNCTION + "() {{ _files; compadd -- {words}; }}",
}
"""Shell function that completes a config or a plan: a file or the name of a shipped one."""

Added = dict[str, Any]


def completion(options: list[str]) -> int:
    """Print the completion script of a shell and return the exit status.

    Args:
        options: The name of the shell.

    Raises:
        InputError: If the shell is not supported, or shtab is not installed.
    """
    shell = options[0] if options else ""
    if shell not in SHELLS:
        raise InputError(f"completion={shell}: no such shell; {choice(shell, list(SHELLS))}")
    try:
        import shtab
    except ImportError:
        raise InputError(
            f"completion={shell}: shtab is not installed; install it with `pip install 'medunlearn[completion]'`"
        ) from None
    configs = (f"configs/{path.relative_to(shipped_configs())}" for path in shipped_configs().rglob("*.yaml"))
    words = " ".join(sorted([*configs, *shipped_plans()]))
    preamble = PREAMBLES[shell].format(words=words)
    print(shtab.complete(_root(), shell=shell, preamble=preamble))
    return 0


def _root() -> argparse.ArgumentParser:
    """Return a parser of all commands with their options, for shtab."""
    root = argparse.ArgumentParser("medunlearn")
    root.add_argument("--version", action="store_true", help="print the version")
    root.add_argument("--completion", choices=SHELLS, help="print a completion script for a shell")
    commands = root.add_subparsers()
    of_stages = [*_of_fit("fit"), *_of_methods()]
    for plugin in plugins("commands"):
        name = plugin.name
        parser = commands.add_parser(name, add_help=False, help=line(plugin))
        if name in EXAMPLES:
            _add(parser, [*_of_fit(name), *_of_methods()])
        elif name in BUILT_IN["commands"]:
            own = import_module(f"medunlearn.cli.{MODULES.get(name, name)}")._parser()
            of_configs = own.prog.endswith(CONFIGS)
            _add(parser, [([], _configs())] if of_configs else [])
            _add(parser, (_of_action(each) for each in own._actions))
            _add(parser, of_stages if of_configs or name == "forget" else [])
    return root


def _add(parser: argparse.ArgumentParser, options: Iterable[tuple[list[str], Added]]) -> None:
    """Add options that a parser does not have yet; a positional argument has no option string."""
    known = {string for action in parser._actions for string in action.option_strings}
    for strings, more in options:
        if known.isdisjoint(strings):
            completes = more.pop("complete", None)
            action = parser.add_argument(*strings or [f"argument_{len(parser._actions)}"], **more)
            if completes:
                action.complete = completes  # type: ignore[attr-defined]  # read by shtab
            known |= set(strings)


def _of_action(action: argparse.Action) -> tuple[list[str], Added]:
    """Return an argparse option as its strings, number of values and completions."""
    import shtab

    more: Added = {"help": argparse.SUPPRESS if action.help == argparse.SUPPRESS else ""}
    if action.nargs == 0:
        return [*action.option_strings], {**more, "action": "store_true"}
    more["nargs"] = action.nargs
    if action.metavar == "{true,false}":
        more["choices"] = ("true", "false")
    elif action.dest == "method":
        more["choices"] = names("methods")
    elif action.metavar == "GROUP":
        more["choices"] = list(GROUPS)
    elif action.choices:
        more["choices"] = [*action.choices]
    elif action.dest == "config":
        more["complete"] = _configs()["complete"]
    elif action.type is Path or action.metavar in ("RUN", "RETRAIN", "DIR"):
        more["complete"] = shtab.FILE
    return [*action.option_strings], more


def _configs() -> Added:
    return {"nargs": "*", "complete": dict.fromkeys(SHELLS, FUNCTION)}


def _of_fit(command: str) -> list[tuple[list[str], Added]]:
    """Return the options of a command of LightningCLI."""
    from medunlearn.cli.classes import type_of
    from medunlearn.cli.help import REFUSED
    from medunlearn.cli.settings import ResolvedSettings

    needed = ["--model=Train", "--data.dataset=synthetic", "--run_dir=runs/train"]
    found = ResolvedSettings([command, *needed]).parser
    assert found._subcommands_action is not None
    parser = found._subcommands_action._name_parser_map[command]
    single = [each for each in parser._actions if each.option_strings and each.dest not in REFUSED]
    named = {
        "model": names("methods"),
        "model.help": names("methods"),
        "data.dataset": [row.name for row in rows("datasets")],
    }
    options: list[tuple[list[str], Added]] = [(["--trainer.help"], {"action": "store_true"})]
    for each in single:
        known = {"choices": named[each.dest]} if each.dest in named else _values(type_of(each))
        known = {"complete": _configs()["complete"]} if each.dest == "config" else known
        flag = each.dest in ("help", "print_config")
        options.append(([*each.option_strings], {"action": "store_true"} if flag else known))
    return options


def _of_methods() -> list[tuple[list[str], Added]]:
    """Return the arguments of all methods of this package as options."""
    from medunlearn.cli.classes import FROM_DATA, class_actions, type_of

    found: dict[str, Added] = {}
    for method in built_ins("methods"):
        for name, action in class_actions(method.load()).items():
            if name not in FROM_DATA:
                found.setdefault(name, _values(type_of(action)))
    return [([f"--model.init_args.{name}"], {**more}) for name, more in found.items()]


def _values(hint: Any) -> Added:
    """Return the completions for values of a type."""
    import shtab

    from medunlearn.cli.classes import members

    kinds = [each for each in members(hint) if each is not NoneType]
    choices = [str(value) for each in kinds if get_origin(each) is Literal for value in get_args(each)]
    if choices:
        return {"choices": choices}
    if bool in kinds:
        return {"choices": ("true", "false")}
    return {"complete": shtab.FILE} if Path in kinds else {}
