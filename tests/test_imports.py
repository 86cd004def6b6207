"""Who may import whom: the rules of the house, read from the source of every module."""

import ast
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "medunlearn"
LONGEST = 250  # lines of a file
FACE = "the package's face"  # __init__.py and __main__.py at the top

# For each part, which other parts it may import. `errors`, `contracts`, `signatures` and `timing` are free to
# all.
FREE = {"errors", "contracts", "signatures", "timing"}
MAY_IMPORT = {
    "files": set(),
    "plugins": {"files"},
    "metrics": set(),
    "importing": {"files", "runs", "training"},
    "runs": {"files", "metrics"},
    "models": {"files", "runs", "plugins"},
    "training": {"files", "runs"},
    "data": {"files", "runs", "training", "plugins"},
    "methods": {"models", "training", "runs", "plugins"},
    "callbacks": {"files", "runs", "metrics", "models", "training", "plugins"},
    "report": {"runs", "metrics", "files"},
    "audit": {"runs", "metrics", "files", "report"},
    "exporting": {"data", "models", "runs", "files", "report"},
    "relearning": {"audit", "data", "models", "runs", "report"},
    "receipts": {"runs", "metrics", "files", "data", "models", "report"},
    "plans": {"runs", "metrics", "files", "plugins"},
    "confusion": {"plans", "runs", "metrics", "files", "data", "report"},
    "poisoning": {"plans", "runs", "metrics", "files", "data", "models", "report"},
    "ulira": {"plans", "runs", "metrics", "files", "data", "report"},
    "deletion": {"plans", "runs", "metrics", "files", "tuning", "audit", "data", "plugins"},
    "tuning": {"plans", "runs", "metrics", "files", "report", "callbacks"},
}
MAY_IMPORT["cli"] = {*MAY_IMPORT}
MAY_IMPORT[FACE] = {*MAY_IMPORT} - {"plans", "tuning", "deletion", "poisoning", "ulira", "confusion"}

EXCEPTIONS: set[tuple[str, str, str]] = set()
"""Breaches that are known and wait to be fixed: part, module, what it imports."""


@cache
def modules():
    """Return every module of the package with its file."""
    return {
        ".".join(("medunlearn", *path.relative_to(PACKAGE).with_suffix("").parts)): path
        for path in sorted(PACKAGE.rglob("*.py"))
        if "configs" not in path.relative_to(PACKAGE).parts
    }


def part(module):
    """Return the part of the package that a module belongs to."""
    name = module.split(".")[1:2]
    return name[0] if name and (name[0] in FREE or name[0] in MAY_IMPORT) else FACE


def imports(path):
    """Return the full names that a module imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports relatively"
            found |= {node.module} | (
                {f"medunlearn.{a.name}" for a in node.names} if node.module == "medunlearn" else set()
            )
    return found


def breaches():
    """Return what the rules forbid: part, module, imported part."""
    found = set()
    for module, path in modules().items():
        own = part(module)
        for name in imports(path):
            if name.split(".")[0] == "medunlearn":
                other = part(name)
                if other != own and other not in FREE and other not in MAY_IMPORT.get(own, set()):
                    found.add((own, module, other))
    return found


def test_parts_import_nothing_that_they_must_not_know():
    assert breaches() == EXCEPTIONS


def test_arithmetic_knows_neither_trainer_nor_files():
    for module, path in modules().items():
        if part(module) == "metrics":
            heavy = {
                name for name in imports(path) if name.split(".")[0] in ("lightning", "pathlib", "os", "io", "wandb")
            }
            assert not heavy, f"{module} imports {heavy}"


def test_parts_are_all_in_the_rules():
    assert {part(module) for module in modules()} - FREE <= MAY_IMPORT.keys()


@pytest.mark.parametrize("module", modules())
def test_files_are_no_longer_than_a_few_pages(module):
    lines = len(modules()[module].read_text().splitlines())
    assert lines <= TOO_LONG.get(module, LONGEST), f"{module} has {lines} lines"


TOO_LONG = {}
"""Files that are too long and wait to be cut."""
