"""`medunlearn list`: what there is to choose from, built in or installed, as an aligned table."""

import re
import shutil
import textwrap
from collections.abc import Callable, Iterator
from typing import NamedTuple, get_args

import yaml

from medunlearn.cli.descriptions import describe
from medunlearn.cli.parser import CommandParser
from medunlearn.errors import InputError
from medunlearn.files.configs import shipped_plan, shipped_plans
from medunlearn.plugins import OWN, Group, Plugin, choice, plugins

GROUPS = ("methods", "backbones", "datasets", "plans", "metrics", "engines", "commands")

USES = {
    "methods": "--model NAME",
    "backbones": "--model.init_args.backbone NAME",
    "datasets": "--data.dataset NAME",
    "plans": "medunlearn reproduce NAME",
    "metrics": "--evaluation.extra [NAME, ...]",
    "engines": "medunlearn reproduce PLAN --engine NAME",
    "commands": "medunlearn NAME",
}
"""How a name of each group is used."""


class Row(NamedTuple):
    """One name, what it is, the paper it comes from, and the package if another than this one."""

    name: str
    what: str
    paper: str = ""
    package: str = ""


def list_names(options: list[str]) -> int:
    """Run `medunlearn list [GROUP]` and return its exit status.

    Raises:
        InputError: If there is no such group.
    """
    parser = CommandParser(
        "medunlearn list",
        description="Print what there is to choose from, that of plug-ins included: name, what it is, and its paper.",
    )
    parser.add_argument("group", nargs="?", metavar="GROUP", help=f"one of {', '.join(GROUPS)}; all if left out")
    group = parser.parse_args(options).group
    if group is not None and group not in GROUPS:
        raise InputError(f"list={group}: no such group; {choice(group, list(GROUPS))}")
    shown = [group] if group else GROUPS
    print("\n\n".join(f"{each} ({USES[each]})\n{table(rows(each))}" for each in shown))
    return 0


def rows(group: str) -> list[Row]:
    """Return what a group holds: the built-ins, what a library brings, then plug-ins."""
    if group == "plans":
        return [Row(name, _plan(name)) for name in shipped_plans()]
    known = next(each for each in get_args(Group) if each == group)
    found = plugins(known)
    own = [_row(each) for each in found if each.package == OWN]
    return [*own, *FROM_LIBRARIES.get(group, lambda: iter(()))(), *map(_row, found[len(own) :])]


def _row(plugin: Plugin) -> Row:
    package = "" if plugin.package == OWN else plugin.package
    try:
        return Row(plugin.name, *describe(plugin), package)
    except InputError as error:  # the others are listed nevertheless
        return Row(plugin.name, error.for_command_line, "", package)


def _plan(name: str) -> str:
    """Return the comment at the head of a shipped plan."""
    text = shipped_plan(name).read_text(encoding="utf-8")
    line = text.partition("\n")[0]
    return line.removeprefix("#").strip().rstrip(".") if line.startswith("#") else ", ".join(yaml.safe_load(text))


def _medmnist() -> Iterator[Row]:
    from medmnist.info import INFO

    from medunlearn.data.medmnist import dataset_names

    for name in dataset_names():
        about = INFO[name]
        counts = sum(about["n_samples"].values())
        what = f"MedMNIST: {counts:,} images, {len(about['label'])} classes, {about['n_channels']} channel(s)"
        yield Row(name, what, "Yang et al., Scientific Data 2023")


def _torchvision() -> Iterator[Row]:
    from torchvision.models import get_model_builder

    from medunlearn.models.backbones import DEFAULT, torchvision_names

    for name in torchvision_names():
        text = " ".join((get_model_builder(name).__doc__ or "").split())
        cited = re.search(r"`([^`<]+?) *<", text)
        if name != DEFAULT:
            yield Row(name, "in torchvision", cited[1] if cited else "")


FROM_LIBRARIES: dict[str, Callable[[], Iterator[Row]]] = {"backbones": _torchvision, "datasets": _medmnist}
"""What other libraries bring beside the entry points of a group."""


def table(found: list[Row]) -> str:
    """Return rows as columns of text; a column that is empty throughout is left out, a long line is wrapped."""
    columns = [number for number in range(len(Row._fields)) if any(row[number] for row in found)]
    widths = {number: max(len(row[number]) for row in found) for number in columns}
    room = max(40, shutil.get_terminal_size((120, 24)).columns)
    widths[1] = min(widths.get(1, 0), max(30, room - 2 - sum(widths[n] + 2 for n in columns if n != 1)))
    return "\n".join(_lines(row, columns, widths) for row in found)


def _lines(row: Row, columns: list[int], widths: dict[int, int]) -> str:
    first, *rest = textwrap.wrap(row.what, widths[1]) or [""]
    cells = {number: first if number == 1 else row[number] for number in columns}
    lines = ["  " + "  ".join(text.ljust(widths[number]) for number, text in cells.items()).rstrip()]
    indent = " " * (2 + widths[0] + 2)
    return "\n".join([*lines, *(indent + line for line in rest)])
