"""Help text of `medunlearn` itself: its commands in groups."""

import shutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from medunlearn.cli.commands import ABOUT
from medunlearn.errors import InputError
from medunlearn.plugins import OWN, Plugin, built_ins, plugins

USAGE = """usage: medunlearn COMMAND [options]

{about}

{commands}

examples:
  medunlearn reproduce demo
  medunlearn fit --config configs/salun_blood_10.yaml
  medunlearn report runs/train_blood runs/retrain_blood_10 runs/salun_blood_10

{more}
"""
DESCRIPTION = (
    "Machine unlearning for medical image classifiers: train a model, retrain it without a forget set, unlearn the "
    "same set, and measure how close unlearning came to retraining."
)
MORE = (
    "`medunlearn COMMAND --help` lists the options of a command, `medunlearn list` what there is to choose from; "
    "`medunlearn --completion bash` prints a completion script for a shell; `medunlearn --version` prints "
    "the version."
)
PLUGINS = "of other packages"
NARROWEST, WIDEST = 60, 120  # columns


def usage() -> str:
    """Return the help text, wrapped to the terminal's width, between 60 and 120 columns."""
    width = min(max(shutil.get_terminal_size((WIDEST, 24)).columns, NARROWEST), WIDEST)
    groups = grouped()
    column = 4 + max(len(each.name) for group in groups.values() for each in group)
    sections = (
        "\n".join([f"{title}:", *(_entry(each, column, width) for each in group)]) for title, group in groups.items()
    )
    about, more = (textwrap.fill(text, width, break_on_hyphens=False) for text in (DESCRIPTION, MORE))
    return USAGE.format(about=about, commands="\n\n".join(sections), more=more)


def grouped() -> dict[str, list[Plugin]]:
    """Return the commands by group: the built-in ones by their declared group, then those of other packages."""
    found = plugins("commands") if _others_may_be_there() else built_ins("commands")
    known = {each.attribute: each for each in found if each.package == OWN}
    groups: dict[str, list[Plugin]] = {}
    for function, about in ABOUT.items():
        groups.setdefault(about.group, []).append(known[function])
    others = [each for each in found if each.package != OWN]
    return {**groups, PLUGINS: others} if others else groups


def _entry(command: Plugin, column: int, width: int) -> str:
    return "\n".join(_lines(command, column, width))


def _lines(command: Plugin, column: int, width: int) -> Iterator[str]:
    first, *rest = textwrap.wrap(line(command), width - column, break_on_hyphens=False) or [""]
    yield f"  {command.name:<{column - 4}}  {first}".rstrip()
    yield from (" " * column + line for line in rest)


def line(command: Plugin) -> str:
    """Return a one-line description of a command."""
    if command.package == OWN:  # all in one small module, already imported
        return (command.load().__doc__ or "").partition("\n")[0].rstrip(".")
    from medunlearn.cli.descriptions import describe

    try:
        return describe(command)[0]
    except InputError:  # its package cannot be imported; `medunlearn list commands` says why
        return f"of package {command.package}, which cannot be imported"


def _others_may_be_there() -> bool:
    """Return whether another package may add a command; fifty times faster than looking up which."""
    files = (file for folder in dict.fromkeys(sys.path) for file in Path(folder).glob("*-info/entry_points.txt"))
    return any(b"medunlearn.commands" in file.read_bytes() for file in files if file.parent.name[:11] != f"{OWN}-")
