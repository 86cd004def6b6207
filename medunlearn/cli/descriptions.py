"""What a plug-in is, in one line, and the paper that it cites: read from its docstring, if possible from the source."""

import ast
import re
from pathlib import Path

from medunlearn.plugins import Plugin

CITATION = re.compile(r"\s*\(([^():]*\b(?:19|20)\d\d)[^()]*\)")
"""A paper as docstrings name it: `(Fan et al., ICLR 2024)`, perhaps with `: ...` or `, Eq. 3` behind."""


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


def _from_source(plugin: Plugin) -> str | None:
    """Return the docstring in the source, for to import a method takes seconds; None where it does not stand there."""
    try:
        tree = ast.parse(_source(plugin.module).read_text(encoding="utf-8"))
    except Exception:  # then importing says why
        return None
    kinds = (ast.ClassDef, ast.FunctionDef)
    found = [node for node in tree.body if isinstance(node, kinds) and node.name == plugin.attribute]
    return ast.get_docstring(found[-1]) if found else None


def _source(module: str) -> Path:
    """Return the file of a module, without importing the packages around it as `find_spec` of the whole name would."""
    from importlib.util import find_spec

    top, *inner = module.split(".")
    spec = find_spec(top)
    folders = (spec and spec.submodule_search_locations) or ()
    found = [Path(folder, *inner) for folder in folders]
    files = [file for path in found for file in (path.with_suffix(".py"), path / "__init__.py")]
    return next((file for file in files if file.is_file()), Path((spec and spec.origin) or ""))


def _imported(plugin: Plugin) -> str:
    import inspect

    return inspect.getdoc(plugin.load()) or ""
