"""The pages name tests and files that exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
LONGER = tuple(str(page.relative_to(ROOT)) for page in sorted((ROOT / "docs").rglob("*.md")))
PAGES = ("README.md", "tests/README.md", "benchmarks/README.md", "CHANGELOG.md", *LONGER)
NAMED = sorted(set(re.findall(r"([\w/]+\.py)::(\w+)", (TESTS / "README.md").read_text())))


@cache
def defined(file: str) -> set[str]:
    """Return the names of the test functions of a file below `tests/`."""
    found = ast.walk(ast.parse((TESTS / file).read_text()))
    return {node.name for node in found if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_tests_that_the_page_names_exist():
    missing = [f"{file}::{name}" for file, name in NAMED if not (TESTS / file).is_file() or name not in defined(file)]
    assert len(NAMED) > 50, "the table names tests"
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_paths_below_tests_that_a_page_names_exist(page):
    paths = re.findall(r"\btests/[\w/*.]*[\w*/]", (ROOT / page).read_text())
    assert not [path for path in paths if not list(ROOT.glob(path.rstrip("/")))]
