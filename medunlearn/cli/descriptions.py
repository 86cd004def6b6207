"""One-line description and paper of a plug-in, and class attributes of methods, read from source where possible."""

import ast
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from medunlearn.plugins import Plugin

CITATION = re.compile(r"\s*\(([^():]*\b(?:19|20)\d\d)[^()]*\)")
"""Matches a paper in a docstring: `(Fan et al., ICLR 2024)`, optionally followed by `: ...` or `, Eq. 3`."""
DEEPEST = 20
"""Most bases and imports that are followed from a class to an attribute."""


class Source(NamedTuple):
    """A module that was parsed without importing it."""

    tree: ast.Module
    package: str
    """The package to which its relative imports refer."""


def describe(plugin: Plugin) -> tuple[str, str]:
    """Return the first line of the docstring without its citation, and the cited paper.

    Raises:
        InputError: If it must be imported for that and the import fails.
    """
    text = _from_source(plugin) or _imported(plugin)
    paper = CITATION.search(" ".join(text.split()))
    line = CITATION.sub("", " ".join(text.partition("\n\n")[0].split()), count=1)
    line = line.removeprefix("Return ").rstrip(".")  # first word in docstrings of functions
    return line[:1].upper() + line[1:], paper[1] if paper else ""


def images_and_epochs(method: Plugin) -> tuple[str, str]:
    """Return which images a method uses and its cost in epochs; empty strings if its class does not state them.

    `all`, `retain` or `forget`, with `val` if it uses the original's outputs on validation images. The cost is that of
    a run with its default number of epochs, including preparation, at a forget rate of 10 %.
    """
    uses, arguments, cost = (stated(method, name) for name in ("uses", "trainer_arguments", "cost"))
    parts = ["all"] if {"retain", "forget"} <= set(uses or ()) else list(uses or ())
    parts += ["val"] if stated(method, "reads_validation") else []
    known = cost and "max_epochs" in (arguments or {})
    return ", ".join(parts), f"{arguments['max_epochs'] * cost[0] + cost[1]:.3g}" if known else ""


def stated(plugin: Plugin, name: str) -> Any:
    """Return the value of an attribute of a class or its nearest base that sets it; None if the source has none.

    Importing a method takes seconds, so bases are found in the source too, by following each module's imports.
    """
    try:
        return _stated(plugin.module, plugin.attribute, name, DEEPEST)
    except Exception:  # then it is unknown
        return None


def _stated(module: str, of: str, name: str, deepest: int) -> Any:
    source = _read(module)
    found = _definition(source.tree, of)
    if not deepest:
        return None
    if found is None:
        origin = _origin(source, of)
        return origin and _stated(*origin, name, deepest - 1)
    for statement in found.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return ast.literal_eval(statement.value)  # type: ignore[attr-defined]  # an assignment has one
    bases = (_origin(source, ast.unparse(base)) or (module, ast.unparse(base)) for base in getattr(found, "bases", ()))
    values = (_stated(*base, name, deepest - 1) for base in bases)
    return next((value for value in values if value is not None), None)


def _origin(source: Source, name: str) -> tuple[str, str] | None:
    """Return the module from which a name, possibly a dotted one, was imported, and its name there."""
    before, _, last = name.rpartition(".")
    for node in ast.walk(source.tree):
        for alias in getattr(node, "names", ()) if isinstance(node, ast.Import | ast.ImportFrom) else ():
            if isinstance(node, ast.Import) and before == (alias.asname or alias.name):
                return alias.name, last
            if isinstance(node, ast.ImportFrom) and name == (alias.asname or alias.name):
                above = source.package.rsplit(".", node.level - 1)[0] if node.level else ""
                return ".".join(filter(None, (above, node.module))), alias.name
    return None


def _from_source(plugin: Plugin) -> str | None:
    """Return the docstring from the source; None if it is not there."""
    try:
        found = _definition(_read(plugin.module).tree, plugin.attribute)
    except Exception:  # importing then gives the reason
        return None
    return ast.get_docstring(found) if found else None


def _definition(tree: ast.Module, name: str) -> ast.ClassDef | ast.FunctionDef | None:
    found = [node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name]
    return found[-1] if found else None


def _read(module: str) -> Source:
    path = _source(module)
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    return Source(_parsed(path), package)


@lru_cache  # keyed by file, since the file of a module may change during the process
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _source(module: str) -> Path:
    """Return the file of a module without importing its parent packages, as `find_spec` would do."""
    from importlib.util import find_spec

    top, *inner = module.split(".")
    spec = find_spec(top)
    folders = (spec and spec.submodule_search_locations) or ()
    found = [Path(folder, *inner) for folder in folders]
    # For a package with lazy imports, the stub contains the imports.
    modules = [path.with_suffix(".py") for path in found]
    files = [*modules, *(path / f"__init__{end}" for path in found for end in (".pyi", ".py"))]
    return next((file for file in files if file.is_file()), Path((spec and spec.origin) or ""))


def _imported(plugin: Plugin) -> str:
    import inspect

    return inspect.getdoc(plugin.load()) or ""
