"""What a plug-in is in one line, its paper, and what a method says of itself: read from the source where possible."""

import ast
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from medunlearn.plugins import Plugin

CITATION = re.compile(r"\s*\(([^():]*\b(?:19|20)\d\d)[^()]*\)")
"""A paper as docstrings name it: `(Fan et al., ICLR 2024)`, perhaps with `: ...` or `, Eq. 3` behind."""
DEEPEST = 20
"""How many bases and imports are followed from a class to an attribute."""


class Source(NamedTuple):
    """A module that was read and not imported."""

    tree: ast.Module
    package: str
    """The package that its relative imports start from."""


def describe(plugin: Plugin) -> tuple[str, str]:
    """Return the first line of the docstring, without the paper that it cites, and that paper.

    Raises:
        InputError: If it has to be imported for that and cannot be.
    """
    text = _from_source(plugin) or _imported(plugin)
    paper = CITATION.search(" ".join(text.split()))
    line = CITATION.sub("", " ".join(text.partition("\n\n")[0].split()), count=1)
    line = line.removeprefix("Return ").rstrip(".")  # how functions begin
    return line[:1].upper() + line[1:], paper[1] if paper else ""


def images_and_epochs(method: Plugin) -> tuple[str, str]:
    """Return which images a method uses, and what it costs in epochs; empty where its class does not say.

    `all`, `retain` or `forget`, with `val` where it reads the original's answers on validation images. The cost is that
    of a run of its own number of epochs, preparation included, where 10 % of the images are forgotten.
    """
    uses, arguments, cost = (stated(method, name) for name in ("uses", "trainer_arguments", "cost"))
    parts = ["all"] if {"retain", "forget"} <= set(uses or ()) else list(uses or ())
    parts += ["val"] if stated(method, "reads_validation") else []
    known = cost and "max_epochs" in (arguments or {})
    return ", ".join(parts), f"{arguments['max_epochs'] * cost[0] + cost[1]:.3g}" if known else ""


def stated(plugin: Plugin, name: str) -> Any:
    """Return what a class, or the nearest base that has it, sets an attribute to; None where the source has no value.

    To import a method takes seconds, so bases are looked for in the source too, through the imports of each module.
    """
    try:
        return _stated(plugin.module, plugin.attribute, name, DEEPEST)
    except Exception:  # then it is not known
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
    """Return the module that a name, perhaps with a module in front, was imported from, and its name there."""
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
    """Return the docstring in the source; None where it does not stand there."""
    try:
        found = _definition(_read(plugin.module).tree, plugin.attribute)
    except Exception:  # then importing says why
        return None
    return ast.get_docstring(found) if found else None


def _definition(tree: ast.Module, name: str) -> ast.ClassDef | ast.FunctionDef | None:
    found = [node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name]
    return found[-1] if found else None


def _read(module: str) -> Source:
    path = _source(module)
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    return Source(_parsed(path), package)


@lru_cache  # by file: which file a module is may change while the process lives
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _source(module: str) -> Path:
    """Return the file of a module, without importing the packages around it as `find_spec` of the whole name would."""
    from importlib.util import find_spec

    top, *inner = module.split(".")
    spec = find_spec(top)
    folders = (spec and spec.submodule_search_locations) or ()
    found = [Path(folder, *inner) for folder in folders]
    # Of a package that imports its names when they are first used, the stub has the imports.
    modules = [path.with_suffix(".py") for path in found]
    files = [*modules, *(path / f"__init__{end}" for path in found for end in (".pyi", ".py"))]
    return next((file for file in files if file.is_file()), Path((spec and spec.origin) or ""))


def _imported(plugin: Plugin) -> str:
    import inspect

    return inspect.getdoc(plugin.load()) or ""
