"""docs/architecture.md and its picture say who imports whom, as tests/test_imports.py has it."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from helpers.architecture import PICTURE, levels, picture
from test_imports import FACE, FREE, MAY_IMPORT, PACKAGE

PAGE = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text()
RULES = {part: known for part, known in MAY_IMPORT.items() if part != FACE}
ROWS = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE))


def test_page_has_a_row_for_each_part_with_what_it_may_import():
    assert {part: set(re.findall(r"`(\w+)`", known)) for part, known in ROWS.items() if part != "cli"} == {
        part: known for part, known in RULES.items() if part != "cli"
    }
    assert ROWS["cli"] == "all" and RULES["cli"] >= RULES.keys() - {"cli"}


def test_page_names_each_folder_of_the_package_and_what_is_free_to_all():
    folders = {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").is_file()}
    assert folders <= ROWS.keys()
    assert all(f"`{module}`" in PAGE for module in FREE)


def test_picture_is_the_one_of_the_rules():
    drawn = picture(RULES, FREE)
    assert PICTURE.read_text() == drawn, "draw it again: python tests/helpers/architecture.py"
    assert f"images/{PICTURE.name}" in PAGE


def test_picture_has_a_box_for_each_part_below_those_that_know_it():
    root = ElementTree.fromstring(PICTURE.read_text())
    boxes = {group.get("id"): group[0] for group in root.iter("{http://www.w3.org/2000/svg}g")}
    assert boxes.keys() == RULES.keys()
    for part, known in RULES.items():
        for other in known:
            assert float(boxes[other].get("y")) > float(boxes[part].get("y")), f"{part} lies above {other}"


def test_levels_end_where_parts_know_each_other():
    assert levels({"a": {"b"}, "b": set(), "c": {"b", "a"}}) == [["b"], ["a"], ["c"]]
    with pytest.raises(RecursionError):
        levels({"a": {"b"}, "b": {"a"}})


def test_files_that_the_page_names_exist():
    named = set(re.findall(r"`((?:tests|medunlearn|docs)/[\w/.]+)`", PAGE))
    root = PACKAGE.parent
    assert len(named) > 5
    assert not [path for path in named if not (root / path).exists()]
