"""The documentation site: every page is in its navigation, and its generated parts are whole."""

import re
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from medunlearn.plugins import built_ins
from medunlearn.runs.content import Content, _group
from medunlearn.runs.curve_schema import Curve
from medunlearn.runs.poison_schema import PoisonContent
from medunlearn.runs.schema import Metrics, Split

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
COMMANDS = {each.name: each for each in built_ins("commands")}
METHODS = [each.name for each in built_ins("methods")]
FILES = (Metrics, Split, Curve, PoisonContent)


class Loader(yaml.SafeLoader):
    """Reads `!ENV [NAME, default]` as its default."""


Loader.add_constructor("!ENV", lambda loader, node: loader.construct_sequence(node)[-1])
SITE = yaml.load((ROOT / "mkdocs.yml").read_text(), Loader)


@pytest.fixture(scope="module")
def pages_of_commands():
    """The module that makes the command reference."""
    sys.path.insert(0, str(DOCS))
    try:
        return import_module("command_pages")
    finally:
        sys.path.remove(str(DOCS))


@pytest.fixture(scope="module")
def reference(pages_of_commands):
    """The sections of the command reference by command."""
    text = pages_of_commands.commands_page()
    return dict(re.findall(r"^## ([a-z]+)\n(.*?)(?=^## |\Z)", text, re.M | re.S))


def listed(nav):
    """Return the pages of a navigation."""
    if isinstance(nav, str):
        return [nav]
    return [page for each in nav for page in listed(next(iter(each.values())) if isinstance(each, dict) else each)]


def test_navigation_has_every_page_once():
    found = listed(SITE["nav"])
    assert len(found) == len(set(found))
    assert {str(page.relative_to(DOCS)) for page in PAGES} <= set(found)


def test_navigation_has_no_page_that_is_missing():
    made = {str(path.relative_to(DOCS).with_suffix(".md")) for path in DOCS.rglob("*.ipynb")}
    assert set(listed(SITE["nav"])) <= {str(page.relative_to(DOCS)) for page in PAGES} | made


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_files_that_a_page_links_to_exist(page):
    links = re.findall(r"\]\((?!\w+:|#)([^)\s#]+)", page.read_text())
    assert not [link for link in links if not (page.parent / link).exists()]


def test_start_page_has_the_number_of_methods_that_unlearn():
    (number,) = re.findall(r"unlearns with (\d+) methods", (DOCS / "index.md").read_text())
    assert int(number) == len(set(METHODS) - {"Train", "Retrain", "Pretrained"})


def test_figures_of_the_results_page_are_those_of_the_benchmarks():
    sources = [ROOT / "benchmarks" / "README.md", ROOT / "benchmarks" / "evidence" / "README.md"]
    measured = "".join(path.read_text() for path in sources)
    figures = set(re.findall(r"\b\d+\.\d\d\b", (DOCS / "results.md").read_text()))
    assert len(figures) > 10
    assert not {figure for figure in figures if not re.search(rf"\b{re.escape(figure)}", measured)}


def test_command_reference_has_a_section_for_every_command(reference):
    assert list(reference) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_command_reference_has_usage_and_options_of_a_command(name, reference):
    section = reference[name]
    assert f"```bash\nmedunlearn {name}" in section
    assert section.strip().partition("\n")[0].endswith((".", "?")), "what it does"


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("fit", "validate", "test", "predict")])
def test_command_reference_has_each_option_of_a_parser(name, reference, pages_of_commands):
    parser = pages_of_commands.parser_of(COMMANDS[name])
    options = [each.option_strings[-1] for each in parser._actions if each.option_strings and each.dest != "help"]
    assert not [option for option in options if not re.search(rf"^`.*{re.escape(option)}\b.*`$", reference[name], re.M)]


def test_command_reference_has_each_option_in_the_help_of_fit(reference, pages_of_commands):
    options = set(re.findall(r"^  (--[\w.]+)", pages_of_commands.help_of(COMMANDS["fit"]), re.M))
    assert len(options) > 30
    assert not {option for option in options if f"`{option}" not in reference["fit"]}


def keys(model, prefix=""):
    """Return every key of a model with its field, those of groups too."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}", field
        if group := _group(model, name):
            yield from keys(group, f"{prefix}{name}.")


@pytest.mark.parametrize("model", FILES, ids=lambda model: model.__name__)
def test_keys_of_a_runs_files_are_all_described(model: type[Content]):
    nothing = [name for name, field in keys(model) if not (field.description or "").strip().endswith(".")]
    assert not nothing
    forms = [name for name, field in keys(model) if not (field.json_schema_extra or {}).get("form")]
    assert not forms
