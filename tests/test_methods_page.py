"""docs/methods.md says of each method what its class says."""

import csv
import re
import shlex
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
PAGE = (ROOT / "docs" / "methods.md").read_text()
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S))
METHODS = {plugin.name: plugin for plugin in built_ins("methods")}
OF_A_FILE = {"Pretrained"}
"""Methods that start from a file of the user's own, for which no config is shipped."""
every_method = pytest.mark.parametrize("name", METHODS)


def table(text):
    """Return the rows of a Markdown table without its head, as cells."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return [row for row in rows[2:] if row]


def test_page_has_the_figures_that_were_measured(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "evidence"))
    module = import_module("methods_table")
    with module.RESULTS.open(newline="") as file:
        measured = module.table(list(csv.DictReader(file)))
    assert measured in PAGE
    assert measured in (ROOT / "benchmarks" / "evidence" / "README.md").read_text()
    names = {row[0] for row in table(measured)}
    assert names >= METHODS.keys() - {"Train", "Retrain", *OF_A_FILE}, "every method has run on real images"


def written(default):
    return str(list(default) if isinstance(default, tuple) else default)


def method_of(config):
    return yaml.safe_load(config.read_text())["model"]["class_path"]


def test_page_has_a_section_for_each_method_and_no_other():
    assert sorted(SECTIONS) == sorted(METHODS)


@every_method
def test_page_lists_paper_images_and_passes_as_the_class_states_them(name):
    row = next(row for row in table(PAGE.partition("\n*Which one?*")[0]) if row[0].startswith(f"[{name}]"))
    assert row == [f"[{name}](#{name.lower()})", describe(METHODS[name])[1] or "-", *images_and_epochs(METHODS[name])]


@every_method
def test_page_names_all_configs_of_a_method_below_methods(name):
    lines = re.findall(r"^medunlearn fit .*$", SECTIONS[name], re.M)
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
    rows = {argument.strip("`"): default for argument, default, _ in table(SECTIONS[name])}
    assert rows.pop("trainer.max_epochs") == str(kind.trainer_arguments["max_epochs"])
    assert rows == {argument: written(known[argument].default) for argument in rows}
    if issubclass(kind, Unlearner):
        own = known.keys() - arguments(Unlearner).keys()
        assert own <= rows.keys(), "those that no other base has"


def test_page_has_only_arguments_of_every_method_at_its_end():
    rows = table(PAGE.rpartition("## Settings of every method")[2])
    known = arguments(Unlearner)
    assert len(rows) > 5
    for argument, default, _ in rows:
        value = known[argument.strip("`")].default
        assert default == (
            "-" if value is known[argument.strip("`")].empty else written(value).replace("False", "false")
        )
