"""The built-in commands: each hands its options on to what carries it out."""

import gc
import importlib

import pytest

from medunlearn.cli import commands
from medunlearn.plugins import BUILT_IN


@pytest.mark.parametrize("name", sorted(BUILT_IN["commands"]))
def test_command_is_found_by_its_name_and_has_a_line_of_help(name):
    module, _, attribute = BUILT_IN["commands"][name].partition(":")
    command = getattr(importlib.import_module(module), attribute)
    assert command.__doc__.strip().splitlines()[0].endswith(".")


@pytest.mark.parametrize("name", ["fit", "validate", "test", "predict"])
def test_command_of_lightning_is_run_under_its_name(monkeypatch, name):
    monkeypatch.setattr("medunlearn.cli.fit.run", lambda argv: (argv, 7))
    assert getattr(commands, name)(["--x", "1"]) == ([name, "--x", "1"], 7)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("reproduce", "reproduce"),
        ("tune", "tune"),
        ("report", "report"),
        ("dashboard", "dashboard"),
        ("list_names", "list"),
    ],
)
def test_command_of_a_file_of_its_own_gets_the_options_and_returns_the_status(monkeypatch, name, module):
    monkeypatch.setattr(f"medunlearn.cli.{module}.{name}", lambda options: (options, 7))
    assert getattr(commands, name)(["a", "--b"]) == (["a", "--b"], 7)


def test_what_a_command_imports_is_left_out_of_later_garbage_collections(tmp_path, monkeypatch):
    """Where nothing is imported, what lies around stays where it is found: nothing keeps it until the process ends."""
    (tmp_path / "imported_by_a_command.py").write_text("held = [[] for _ in range(1000)]")
    monkeypatch.syspath_prepend(tmp_path)
    before = gc.get_freeze_count()
    with commands._importing():
        assert not gc.isenabled()
        importlib.import_module("imported_by_a_command")
    assert gc.isenabled()
    after = gc.get_freeze_count()
    assert after - before >= 1000
    lying = [[] for _ in range(1000)]
    with commands._importing():
        importlib.import_module("imported_by_a_command")
    assert gc.get_freeze_count() - after < len(lying)
