"""docs/methods says of each method what its class says: a page each, and a page of all."""

import csv
import re
import shlex
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from medunlearn.cli.descriptions import describe, images_and_epochs
from medunlearn.cli.settings import resolved_settings
from medunlearn.files.configs import find_config, shipped_configs
from medunlearn.methods import Unlearner
from medunlearn.methods.arguments import arguments
from medunlearn.plugins import built_ins

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "methods"
INDEX = (PAGES / "index.md").read_text()
FILES = {path.read_text().partition("\n")[0].removeprefix("# "): path for path in PAGES.glob("*.md")}
FILES.pop("Methods")
TEXTS = {name: path.read_text() for name, path in FILES.items()}
METHODS = {plugin.name: plugin for plugin in built_ins("methods")}
OF_A_FILE = {"Pretrained"}
"""Methods that start from a file of the user's own, for which no config is shipped."""
every_method = pytest.mark.parametrize("name", METHODS)


@pytest.fixture
def measured(monkeypatch):
    """The function that prints the table of all methods, or of one."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "evidence"))
    module = import_module("methods_table")
    with module.RESULTS.open(newline="") as file:
        return partial(module.table, list(csv.DictReader(file)))


def section(name, title):
    """Return what a method's page has below a heading."""
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", TEXTS[name], re.M | re.S)[1]


def table(text):
    """Return the rows of a Markdown table without its head, as cells."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return [row for row in rows[2:] if row]


def test_page_of_all_has_the_figures_that_were_measured(measured):
    assert measured() in INDEX
    assert measured() in (ROOT / "benchmarks" / "evidence" / "README.md").read_text()
    names = {row[0] for row in table(measured())}
    assert names >= METHODS.keys() - {"Train", "Retrain", *OF_A_FILE}, "every method has run on real images"


@every_method
def test_page_of_a_method_has_the_figures_that_were_measured(name, measured):
    assert name in OF_A_FILE or measured(name) + "\n\n" in section(name, "Measured")


def written(default):
    return str(list(default) if isinstance(default, tuple) else default)


def method_of(config):
    return yaml.safe_load(config.read_text())["model"]["class_path"]


def test_pages_are_of_each_method_and_no_other():
    assert sorted(FILES) == sorted(METHODS)


@every_method
def test_page_of_a_method_says_what_every_one_says(name):
    titles = re.findall(r"^## (.*)", TEXTS[name], re.M)
    wanted = ["Idea", "When it fails", "Commands", "Settings", "Measured", "Published"]
    assert titles == [title for title in wanted if title in titles]
    assert set(wanted) - set(titles) <= ({"Published"} if name in (*OF_A_FILE, "Train", "Retrain") else set())
    assert all(section(name, title).strip() for title in titles)


@every_method
def test_pages_list_paper_images_and_passes_as_the_class_states_them(name):
    row = next(row for row in table(INDEX.partition("## Measured")[0]) if row[0].startswith(f"[{name}]"))
    paper, (images, passes) = describe(METHODS[name])[1], images_and_epochs(METHODS[name])
    assert row == [f"[{name}]({FILES[name].name})", paper or "-", images, passes]
    facts = dict(re.findall(r"^- \*\*(\w+):\*\* (.*)", TEXTS[name], re.M))
    assert facts["Paper"].startswith(f"[{paper}](https://arxiv.org/abs/") if paper else facts["Paper"] == "none"
    assert facts["Images"] == (images or "none")
    said = {"0": "no pass ", "1": "1 pass "}.get(passes, f"{passes} passes ")
    assert facts["Cost"].startswith(said)


@every_method
def test_page_names_all_configs_of_a_method_below_methods(name):
    lines = re.findall(r"^medunlearn fit .*$", section(name, "Commands"), re.M)
    if name in OF_A_FILE:
        assert resolved_settings(shlex.split(lines[0])[1:])["model"]["class_path"].endswith(name)
        return
    configs = [find_config(shlex.split(line)[-1]) for line in lines]
    assert configs and all(method_of(config) == name for config in configs)
    shipped = {path for path in (shipped_configs() / "methods").glob("*.yaml") if method_of(path) == name}
    assert shipped <= set(configs)


@every_method
def test_page_has_the_settings_and_defaults_of_a_method(name):
    kind = METHODS[name].load()
    known = arguments(kind)
    rows = {argument.strip("`"): default for argument, default, _ in table(section(name, "Settings"))}
    assert rows.pop("trainer.max_epochs") == str(kind.trainer_arguments["max_epochs"])
    assert rows == {argument: written(known[argument].default) for argument in rows}
    if issubclass(kind, Unlearner):
        own = known.keys() - arguments(Unlearner).keys()
        assert own <= rows.keys(), "those that no other base has"


def test_page_has_only_arguments_of_every_method_at_its_end():
    rows = table(INDEX.rpartition("## Settings of every method")[2])
    known = arguments(Unlearner)
    assert len(rows) > 5
    for argument, default, _ in rows:
        value = known[argument.strip("`")].default
        assert default == (
            "-" if value is known[argument.strip("`")].empty else written(value).replace("False", "false")
        )
