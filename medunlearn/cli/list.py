"""`medunlearn list`: prints the names to choose from, built in or installed, as an aligned table."""

import re
import textwrap
from argparse import RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator
from typing import NamedTuple, get_args

import yaml

from medunlearn.cli.comparison import terminal_width
from medunlearn.cli.descriptions import describe, images_and_epochs
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
"""Usage of a name of each group."""


LEGENDS = {
    "methods": (
        "images: which training images a method uses; val: also the original's answers on validation images. epochs: "
        "what a run of default length costs at a forget rate of 10 %, in passes, forward and backward, over all "
        "training images."
    ),
    "backbones": "timm:NAME is one of timm's, where timm is installed; `timm.list_models()` has their names.",
}
"""Footnotes of the table of a group."""


class Row(NamedTuple):
    """A row: name, for methods also images and cost, description, paper, and the package if it is not this one."""

    name: str
    what: str
    paper: str = ""
    package: str = ""
    images: str = ""
    epochs: str = ""


COLUMNS = ("name", "images", "epochs", "what", "paper", "package")
HEADS = {"methods": Row("name", "what it is", "paper", images="images", epochs="epochs")}
NARROW = 40
"""Least width of the description beside the paper; with less room, the paper is printed below it."""


def list_names(options: list[str]) -> int:
    """Run `medunlearn list [GROUP]` and return its exit status.

    Raises:
        InputError: If there is no such group.
    """
    group = _parser().parse_args(options).group
    if group is not None and group not in GROUPS:
        raise InputError(f"list={group}: no such group; {choice(group, list(GROUPS))}")
    shown = [group] if group else GROUPS
    print("\n\n".join(map(section, shown)))
    return 0


def _parser() -> CommandParser:
    parser = CommandParser(
        "medunlearn list",
        description="Print the names to choose from, including those of plug-ins, each with a description and paper.",
        epilog="examples:\n  medunlearn list\n  medunlearn list methods",
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("group", nargs="?", metavar="GROUP", help=f"one of {', '.join(GROUPS)}; all if left out")
    return parser


def section(group: str) -> str:
    """Return the table of a group with its title, and its legend where it has one."""
    text = f"{group} ({USES[group]})\n{table(rows(group), HEADS.get(group))}"
    legend = textwrap.fill(LEGENDS.get(group, ""), terminal_width(), initial_indent="  ", subsequent_indent="  ")
    return f"{text}\n\n{legend}" if legend else text


def rows(group: str) -> list[Row]:
    """Return the rows of a group: built-ins, names from other libraries, then plug-ins."""
    if group == "plans":
        return [Row(name, _plan(name)) for name in shipped_plans()]
    known = next(each for each in get_args(Group) if each == group)
    found = plugins(known)
    own = [_row(each) for each in found if each.package == OWN]
    return [*own, *FROM_LIBRARIES.get(group, lambda: iter(()))(), *map(_row, found[len(own) :])]


def _row(plugin: Plugin) -> Row:
    package = "" if plugin.package == OWN else plugin.package
    try:
        facts = images_and_epochs(plugin) if plugin.group == "methods" else ("", "")
        return Row(plugin.name, *describe(plugin), package, *facts)
    except InputError as error:  # the other plug-ins are still listed
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

    from medunlearn.models.backbones import DEFAULT
    from medunlearn.models.torchvision_networks import torchvision_names

    for name in torchvision_names():
        text = " ".join((get_model_builder(name).__doc__ or "").split())
        cited = re.search(r"`([^`<]+?) *<", text)
        if name != DEFAULT:
            yield Row(name, "in torchvision", cited[1] if cited else "")


FROM_LIBRARIES: dict[str, Callable[[], Iterator[Row]]] = {"backbones": _torchvision, "datasets": _medmnist}
"""Names from other libraries, in addition to the entry points of a group."""


def table(found: list[Row], head: Row | None = None) -> str:
    """Return rows as columns of text; empty columns are omitted, long lines are wrapped.

    Args:
        found: The rows.
        head: The heads of the columns.
    """
    columns = [name for name in COLUMNS if any(getattr(row, name) for row in found)]
    shown = [head, *found] if head else found
    if "paper" in columns and _left(shown, columns) < NARROW:
        columns.remove("paper")
    widths = {name: max(len(getattr(row, name)) for row in shown) for name in columns}
    widths["what"] = min(widths.get("what", 0), max(30, _left(shown, columns)))
    return "\n".join(line for row in shown for line in _lines(row, widths, papers="paper" in columns))


def _left(found: list[Row], columns: list[str]) -> int:
    """Return the width that the other columns leave for the description."""
    others = [max(len(getattr(row, name)) for row in found) + 2 for name in columns if name != "what"]
    return terminal_width() - 2 - sum(others)


def _lines(row: Row, widths: dict[str, int], papers: bool) -> Iterator[str]:
    """Yield the lines of a row; without a column of papers, the paper comes below the description."""
    texts = [row.what] if papers or not row.paper else [row.what, row.paper]
    cells = row._asdict() | {"what": [line for text in texts for line in textwrap.wrap(text, widths["what"])] or [""]}
    first = (cells["what"][0] if name == "what" else cells[name] for name in widths)
    yield "  " + "  ".join(text.ljust(width) for text, width in zip(first, widths.values(), strict=True)).rstrip()
    before = list(widths)[: list(widths).index("what")]
    indent = 2 + sum(widths[name] + 2 for name in before)
    yield from (" " * indent + line for line in cells["what"][1:])
