"""`medunlearn list`."""

import re
import subprocess
import sys

import pytest
from helpers.plugin_package import MODULE, install
from helpers.runs import refused

from medunlearn.__main__ import main
from medunlearn.cli.list import GROUPS, Row, rows, table


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "180")


def shown(capsys, *argv):
    assert main(["list", *argv]) == 0
    return capsys.readouterr().out


@pytest.fixture
def plugged(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(install(tmp_path / "packages")))
    yield
    sys.modules.pop("plugged", None)


def test_list_prints_name_and_line_in_columns_and_the_paper_below(capsys):
    lines = shown(capsys, "methods").splitlines()
    number = next(number for number, line in enumerate(lines) if "SalUn" in line)
    salun = lines[number]
    assert lines[0] == "methods (--model NAME)"
    assert salun.split("  ")[1:2] == ["SalUn"]
    assert "Saliency unlearning" in salun
    papers = [line.strip() for line in lines[number + 1 :]]
    assert "Fan et al., ICLR 2024" in papers[:3]


def test_list_prints_the_paper_in_a_column_where_there_is_room(capsys):
    (line,) = [line for line in shown(capsys, "datasets").splitlines() if " bloodmnist " in line]
    assert line.endswith("Yang et al., Scientific Data 2023")


@pytest.mark.parametrize("group", GROUPS)
def test_list_has_rows_for_every_group_without_importing_torch_where_it_can(capsys, group):
    assert len(shown(capsys, group).splitlines()) > 1


def test_list_alone_prints_every_group(capsys):
    everything = shown(capsys)
    assert [line.split(" ")[0] for line in everything.splitlines() if line and line[0] != " "] == list(GROUPS)
    for name in ("SalUn", "densenet121", "bloodmnist", "synthetic", "paper", "validation", "ray", "reproduce"):
        assert f"\n  {name} " in everything


def test_list_of_methods_imports_nothing_heavy():
    code = (
        "import sys; from medunlearn.__main__ import main; main(['list', 'methods']); main(['list', 'commands']); "
        "assert not {'torch', 'lightning', 'wandb', 'sklearn', 'medmnist'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_list_shows_plug_ins_with_their_package(plugged, capsys):
    method = next(line for line in shown(capsys, "methods").splitlines() if "softened" in line)
    assert "Training towards the original's flattened answers " in method
    assert re.search(" plugged$", method)
    assert "  Nobody, Journal of Examples 2026\n" in shown(capsys, "methods")
    assert "tiny_net" in shown(capsys, "backbones")
    assert "Shannon, 1948" in shown(capsys, "metrics")
    assert "greet" in shown(capsys, "commands")
    assert "squares" in shown(capsys, "datasets")
    assert "plugged" not in sys.modules


def test_list_goes_on_after_a_plug_in_that_cannot_be_imported(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(install(tmp_path / "p", {"methods": {"broken": "plugged:Gone"}}, "import nothere")))
    output = " ".join(shown(capsys, "methods").split())
    assert "SalUn" in output
    assert "ModuleNotFoundError" in output


def test_list_refuses_an_unknown_group(capsys):
    assert refused(capsys, "list", "method") == (
        f"list=method: no such group; did you mean methods? The choice is {', '.join(GROUPS)}"
    )
    assert "`medunlearn list --help` lists the options" in refused(capsys, "list", "--all")


def test_list_help_names_the_groups(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["list", "--help"])
    assert "datasets" in capsys.readouterr().out


def test_table_aligns_columns_and_leaves_out_empty_ones():
    assert table([Row("a", "one"), Row("long", "two")]) == "  a     one\n  long  two"


def test_table_wraps_what_is_long(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    lines = table([Row("a", "word " * 20)]).splitlines()
    assert len(lines) > 2
    assert max(map(len, lines)) <= 40


def test_table_puts_papers_below_where_the_terminal_is_narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    assert table([Row("a", "word " * 8, "A paper, 2024"), Row("b", "two")]).splitlines() == [
        "  a  word word word word word word word word",
        "     A paper, 2024",
        "  b  two",
    ]


def test_list_of_methods_says_what_they_use_and_cost(capsys):
    lines = shown(capsys, "methods").splitlines()
    assert lines[1].split() == ["name", "images", "epochs", "what", "it", "is"]
    assert lines[2].split() == ["paper"]
    cells = {line.split()[0]: re.split(r"\s{2,}", line.strip())[1:3] for line in lines if line[2:3].strip()}
    assert cells["SalUn"] == ["all", "10.1"]
    assert cells["FineTune"] == ["retain", "9"]
    assert cells["HeldOutTwins"] == ["all, val", "5"]
    assert "  images: which training images a method uses" in lines[-2]


def test_list_shows_what_a_plug_in_says_that_it_uses_and_costs(plugged, capsys):
    method = next(line for line in shown(capsys, "methods").splitlines() if "softened" in line)
    assert re.split(r"\s{2,}", method.strip())[:3] == ["softened", "all", "5.01"]


def test_list_reads_a_package_that_was_installed_anew(tmp_path, monkeypatch, capsys):
    points = {"methods": {"renewed": "renewed:Softened"}}
    for folder, module in (("before", "Other = 1"), ("after", MODULE)):
        monkeypatch.syspath_prepend(
            str(install(tmp_path / folder, points, module.replace("plugged", "renewed"), "renewed"))
        )
        method = next(line for line in shown(capsys, "methods").splitlines() if "renewed" in line)
        sys.modules.pop("renewed", None)
    assert re.split(r"\s{2,}", method.strip())[:3] == ["renewed", "all", "5.01"]


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_list_of_methods_fits_the_terminal(monkeypatch, capsys, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = shown(capsys, "methods").splitlines()
    assert max(map(len, lines)) <= min(columns, 120)
    assert any("Fan et al., ICLR 2024" in line for line in lines)


def test_rows_of_an_engine_say_what_it_does():
    assert [row.name for row in rows("engines")] == ["local", "ray"]
