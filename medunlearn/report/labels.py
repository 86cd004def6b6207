"""Names that tell rows of a report apart: of data, of forget sets, and of variants of a method."""

import reprlib
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from medunlearn.report.reading import PROTOCOL
from medunlearn.runs.class_names import named
from medunlearn.runs.values import is_line

Row = dict[str, Any]

NETWORK = ("backbone", "stem")
"""Settings of the network, which a method takes over from its original."""

WIDTH, LINES = 14, 3  # characters and lines of a class's name in a chart


def name_classes(rows: Iterable[Row]) -> list[Row]:
    """Name the classes of one data set alike in all runs: as in the first run that has names.

    Example:
        >>> row = {"data": "cells", "data_sha256": "a1", "classes": [1], "class_names": (), "forgotten": "classes 1"}
        >>> [each["forgotten"] for each in name_classes([row, row | {"class_names": ("benign", "malignant")}])]
        ['classes malignant', 'classes malignant']
    """
    found = list(rows)
    names: dict[tuple[str, str], tuple[str, ...]] = {}
    for row in found:
        if row["class_names"]:
            names.setdefault((row["data"], row["data_sha256"]), row["class_names"])
    return [_with_names(row, names.get((row["data"], row["data_sha256"]), ())) for row in found]


def _with_names(row: Row, names: tuple[str, ...]) -> Row:
    by_class = row["classes"] is not None and row["forgotten"].startswith("classes ")
    return row | {"class_names": names} | ({"forgotten": f"classes {named(row['classes'], names)}"} if by_class else {})


def tell_apart(rows: Iterable[Row]) -> list[Row]:
    """Add the size, or else the hash, to the name of data if it stands for different images; likewise for index files.

    Example:
        >>> row = {"data": "cells", "forgotten": "", "listed": False, "split_sha256": "", "settings": {"size": None}}
        >>> [each["data"] for each in tell_apart([row | {"data_sha256": "a1"}, row | {"data_sha256": "b2"}])]
        ['cells (a1)', 'cells (b2)']
    """
    found = list(rows)
    images: dict[str, set[str]] = defaultdict(set)
    for row in found:
        images[row["data"]].add(row["data_sha256"])
    named = [row | {"data": _data(row, images[row["data"]])} for row in found]
    splits: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in named:
        splits[row["data"], row["forgotten"]].add(row["split_sha256"])
    return [row | {"forgotten": _forgotten(row, splits[row["data"], row["forgotten"]])} for row in named]


def _data(row: Row, images: set[str]) -> str:
    name, size = row["data"], row["settings"]["size"]
    if len(images) == 1:
        return str(name)
    return f"{name} at {size}x{size}" if size else f"{name} ({row['data_sha256'][:8]})"


def _forgotten(row: Row, splits: set[str]) -> str:
    several = row["listed"] and len(splits) > 1
    return f"{row['forgotten']} (split {row['split_sha256'][:12]})" if several else str(row["forgotten"])


def label_methods(rows: Iterable[Row]) -> list[Row]:
    """Name runs of a method after the settings that differ from its defaults, as in `SalUn (relabel none)`.

    Settings without a default, such as the epochs, are named if runs of the method on the same data differ in them; so
    are all settings of older runs, which do not record differences from defaults. Settings of the network, which a
    method takes over from its original, are named if runs on the same data differ in them.

    Example:
        >>> row = {"data": "cells", "method": "SalUn", "role": "unlearned", "forgotten": "10 %", "label": "SalUn"}
        >>> row |= {"settings": {"relabel": "none"}, "departures": {"relabel": "none"}}
        >>> label_methods([row])[0]["label"]
        'SalUn (relabel none)'
    """
    found = list(rows)
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in found:
        if row["role"] == "unlearned" and row["forgotten"]:
            groups[row["data"], row["method"]].append(row)
    for (data, _), group in groups.items():
        _label(group, _shared(row for of_data, runs in groups.items() if of_data[0] == data for row in runs))
    return found


def _shared(rows: Iterable[Row]) -> dict[str, str]:
    """Return the settings of the network that all runs have in common."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        for key in NETWORK:
            found[key].add(repr(row["settings"].get(key)))
    return {key: value for key, (value, *others) in found.items() if not others}


def _label(group: Sequence[Row], shared: dict[str, str]) -> None:
    keys = dict.fromkeys(key for row in group for key in row["settings"])
    usual = {key: _usual(key, group) for key in keys} | shared
    for row in group:
        own = [key for key in keys if repr(row["settings"].get(key)) != usual[key]]
        named = ", ".join(f"{key} {_plain(row['settings'].get(key))}" for key in own)
        row["label"] = f"{row['method']} ({named})" if named else row["method"]


def _usual(key: str, group: Sequence[Row]) -> str:
    """Return the value that needs no mention: the method's default, or else the most common."""
    telling = [row for row in group if row["departures"] is not None]
    if telling and key not in PROTOCOL:
        defaults = [row for row in telling if key not in row["departures"]]
        return repr(defaults[0]["settings"].get(key)) if defaults else ""
    values = [repr(row["settings"].get(key)) for row in group]
    return max(sorted(set(values)), key=values.count)


def _plain(value: Any) -> str:
    """Return a setting as text for a table."""
    return str(value) if is_line(str(value)) else reprlib.repr(value)


def class_labels(names: Sequence[str], count: int) -> list[str]:
    r"""Return the tick label of each class in a chart: its name in a few short lines, else its number.

    Example:
        >>> class_labels(["colorectal adenocarcinoma epithelium", "mucus"], 2)
        ['colorectal\nadenocarcinoma\nepithelium', 'mucus']
    """
    if len(names) != count:
        return [str(number) for number in range(count)]
    return ["\n".join(textwrap.wrap(name, WIDTH, max_lines=LINES, placeholder="…")) for name in names]
