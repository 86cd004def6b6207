"""`medunlearn --help`: the commands in groups."""

import subprocess
import sys

import pytest
from helpers.plugin_package import install

from medunlearn.__main__ import main
from medunlearn.cli import commands
from medunlearn.cli.usage import PLUGINS, grouped, usage
from medunlearn.plugins import BUILT_IN, Plugin


def named(group):
    return [each.name for each in grouped()[group]]


def test_groups_hold_every_built_in_command_once():
    assert named(commands.START) == ["reproduce", "import", "fit", "report", "list"]
    assert named(commands.REQUESTS) == ["forget", "receipt", "export"]
    assert {"tune", "audit", "ulira", "validate", "dashboard"} <= set(named(commands.RESEARCH))
    assert sorted(each.name for group in grouped().values() for each in group) == sorted(BUILT_IN["commands"])
    assert PLUGINS not in grouped()


def test_help_has_commands_of_plug_ins_in_a_group_of_their_own(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(install(tmp_path / "packages")))
    names = named(PLUGINS)
    sys.modules.pop("plugged", None)
    assert names
    assert not set(names) & set(BUILT_IN["commands"])
    assert f"\n{PLUGINS}:\n  {names[0]} " in usage()


def test_help_goes_on_where_a_plug_in_cannot_be_imported(monkeypatch):
    broken = Plugin("commands", "a_command_with_a_long_name", "nowhere:run", "broken_package")
    found = [*grouped()[commands.START], *grouped()[commands.RESEARCH], *grouped()[commands.REQUESTS], broken]
    monkeypatch.setattr("medunlearn.cli.usage._others_may_be_there", lambda: True)
    monkeypatch.setattr("medunlearn.cli.usage.plugins", lambda group: found)
    monkeypatch.setenv("COLUMNS", "120")  # or the line is divided
    shown = usage()
    assert "  a_command_with_a_long_name  of package broken_package, which cannot be imported\n" in shown


@pytest.mark.parametrize("columns", [80, 120])
def test_help_is_no_wider_than_the_terminal(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["--help"]) == 0
    assert 60 < max(map(len, capsys.readouterr().out.splitlines())) <= columns


def test_help_asks_for_other_packages_only_where_one_may_have_a_command(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "nothing"), __file__])
    monkeypatch.setattr("medunlearn.cli.usage.plugins", lambda group: pytest.fail("asked"))
    (tmp_path / "medunlearn-0.1.dist-info").mkdir()
    (tmp_path / "medunlearn-0.1.dist-info" / "entry_points.txt").write_text("[medunlearn.commands]\n")
    assert PLUGINS not in grouped()
    (tmp_path / "own.egg-info").mkdir()
    (tmp_path / "own.egg-info" / "entry_points.txt").write_text("[medunlearn.commands]\nown = own:run\n")
    with pytest.raises(pytest.fail.Exception, match="asked"):
        grouped()


def test_help_imports_neither_the_parser_of_sources_nor_the_metadata_of_packages():
    code = (
        "import medunlearn.cli.usage as page; page._others_may_be_there = lambda: False; page.usage(); import sys\n"
        "sys.exit(bool({'medunlearn.cli.descriptions', 'importlib.metadata', 'rich', 'tqdm'} & sys.modules.keys()))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
