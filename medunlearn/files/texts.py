"""Reads JSON and YAML from untrusted files, within limits of size and depth."""

import copy
import json
import stat
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from medunlearn.errors import Fault

MOST_BYTES = 2**18  # of a YAML file; a run's whole configuration has some 5,000
MOST_VALUES = 10_000  # of a YAML file; a run's whole configuration has some 200
MOST_LEVELS = 50
NAMES = ("forget", "groups")
"""The setting whose values are names even if they look like numbers."""
DEPTH = 4  # of it, below `stages` of a plan or the name of a command
MOST_DIGITS = 100  # reading a number takes quadratic time in its length


def exists(path: Path) -> bool:
    """Return whether there is a file at a path; False for a path that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


UNOPENED = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
"""Errors of opening a file, independent of its content."""


def unreadable(error: Exception, remedy: str) -> str:
    """Return why a file cannot be read and, after a semicolon, the remedy.

    Args:
        error: A `Fault`, `OSError` or another error of reading it.
        remedy: The remedy for wrong content; for missing permissions another one is returned.
    """
    if isinstance(error, PermissionError):
        remedy = "give yourself the right to read it"
    if isinstance(error, OSError):
        return f"cannot be read ({error.strerror or error}); {remedy}"
    return f"cannot be read ({error.problem if isinstance(error, Fault) else error}); {remedy}"


def check_no_pipe(path: Path) -> None:
    """Reject a path whose reading might never end.

    Raises:
        Fault: If there is a pipe, a socket or a device at this path.
        OSError: If there is nothing.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise Fault("this is a pipe or device, not a file; give a file")


def read_bytes(path: Path, most: int | None = None) -> bytes:
    """Return the content of a file.

    Args:
        path: The file.
        most: Largest allowed size in bytes; None for any.

    Raises:
        Fault: If it is a pipe, or larger.
        OSError: If it cannot be read.
    """
    check_no_pipe(path)
    size = path.stat().st_size
    if most is not None and size > most:
        raise Fault(f"its {size} bytes are more than the {most} of any settings; give a shorter file")
    return path.read_bytes()


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        Fault: If it is not JSON, or nested too deeply.
        OSError: If it cannot be read.
    """
    try:
        content = json.loads(read_bytes(path).decode("utf-8-sig"))
    except (ValueError, RecursionError, MemoryError) as error:
        raise Fault(f"{_first_line(error)}; write it again") from None
    level = [content]
    for _ in range(MOST_LEVELS):
        level = [value for each in level for value in _values(each) if isinstance(value, dict | list)]
    if level:
        raise Fault(f"nested more than {MOST_LEVELS} deep; write it again")
    return content


def read_yaml(path: Path) -> Any:
    """Return what a YAML file holds.

    Raises:
        Fault: If it is not YAML, or its values, repetitions by alias included, are too many, too deep or too long.
        OSError: If it cannot be read.
    """
    text = read_bytes(path, MOST_BYTES)
    try:
        return null_for_none(copy.deepcopy(_parsed(text)))
    except Fault:
        raise
    except Exception as error:  # PyYAML's constructors may raise any error on a wrong value
        raise Fault(f"{_yaml_problem(error)[:200]}; fix it") from None


def own_yaml(text: str) -> Any:
    """Return the content of trusted YAML, such as a run's own settings: faster than `read_yaml`, without its checks.

    Args:
        text: The YAML.

    Example:
        >>> own_yaml("trainer: {max_epochs: 2}")
        {'trainer': {'max_epochs': 2}}
    """
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@lru_cache(maxsize=64)  # a run's config is read many times: for its name, data, method and tables
def _parsed(text: bytes) -> Any:
    written = text.decode("utf-8-sig")
    return names_as_text(yaml.load(written, _Loader), written)


def names_as_text(content: Any, text: str) -> Any:
    """Return settings with the names in `forget.groups` as written; YAML reads 0017 as 15, in base 8.

    Args:
        content: The settings as YAML reads them.
        text: The text that they were read from.

    Example:
        >>> names_as_text({"forget": {"groups": [15]}}, "forget: {groups: [0017]}")
        {'forget': {'groups': ['0017']}}
    """
    if not isinstance(content, dict) or NAMES[-1] not in text:
        return content
    return _as_written(content, yaml.load(text, getattr(yaml, "CBaseLoader", yaml.BaseLoader)))


def _as_written(content: Any, written: Any, at: tuple[str, ...] = ()) -> Any:
    if content is None or len(at) > DEPTH:
        return content
    if at[-2:] == NAMES:
        flat = isinstance(written, str) or all(isinstance(each, str) for each in written)
        return written if flat else content
    if isinstance(content, dict) and isinstance(written, dict):
        plain = {str(key): value for key, value in written.items()}
        return {key: _as_written(each, plain.get(str(key)), (*at, str(key))) for key, each in content.items()}
    return content


def null_for_none(content: Any, around: tuple[int, ...] = ()) -> Any:
    """Return settings with null for each value `None`, which Python and sweeps write and YAML reads as text.

    Args:
        content: The settings as YAML reads them; a container that holds itself by an alias is not changed there.
        around: Identities of the mappings and lists around it.
    """
    if id(content) in around:
        return content
    inside = (*around, id(content))
    if isinstance(content, dict):
        return {key: null_for_none(value, inside) for key, value in content.items()}
    if isinstance(content, list):
        return [null_for_none(value, inside) for value in content]
    return None if isinstance(content, str) and content == "None" else content


def _yaml_problem(error: Exception) -> str:
    """Return the problem and its position; PyYAML's message begins with that of the enclosing block."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem is None or error.problem_mark is None:
        return " ".join(str(error).split()) or type(error).__name__
    mark = error.problem_mark
    return f"line {mark.line + 1}, column {mark.column + 1}: {' '.join(error.problem.split())}"


class _Loader(yaml.SafeLoader):
    """The safe loader, which also rejects content that would take forever to go through.

    A list of ten aliases of a list of ten aliases, and so on, takes a few lines, but an eternity to print or compare.
    So the values behind an alias are counted each time it occurs.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.count = self.level = 0
        self.sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose one value with all that it holds."""
        alias, before = self.check_event(yaml.AliasEvent), self.count
        self.level += 1
        if self.level > MOST_LEVELS:
            raise Fault(f"nested more than {MOST_LEVELS} deep; write it flatter")
        node = super().compose_node(parent, index)
        self.level -= 1
        if node is not None:
            self._count(node, alias, before)
        return node

    def _count(self, node: yaml.Node, alias: bool, before: int) -> None:
        if alias and id(node) not in self.sizes:
            raise Fault("an alias stands for what it is part of; write it out")
        self.count += self.sizes[id(node)] if alias else 1
        self.sizes[id(node)] = self.count - before
        if self.count > MOST_VALUES:
            raise Fault(f"more than {MOST_VALUES} values; give settings")
        if node.tag.endswith((":int", ":float")) and len(str(node.value)) > MOST_DIGITS:
            raise Fault(f"a number of {len(node.value)} characters; write it shorter")


def _values(content: Any) -> Any:
    return content.values() if isinstance(content, dict) else content if isinstance(content, list) else ()


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
