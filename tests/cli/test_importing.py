"""What `medunlearn import` prints, asks and writes. (What it makes of images: `tests/importing/`.)"""

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.images import arrays, class_folder

from medunlearn.__main__ import main
from medunlearn.cli.importing import OPTIONS, _parser


@pytest.fixture(autouse=True)
def _scans():
    class_folder("scans", a=12, b=12)


class Terminal(io.StringIO):
    """A terminal on which something is typed."""

    def isatty(self):
        return True


def run(*argv):
    return main(["import", "scans", "--size", "8", "--out", "c.npz", *argv])


def test_plan_is_printed_and_with_yes_carried_out(capsys):
    assert run("--yes") == 0
    out, err = capsys.readouterr()
    assert out.startswith("scans: a folder for each class\n\nlabel  class  train")
    assert out.splitlines()[-1] == "Train on it with `--data.file c.npz`"
    assert "Written to c.npz (" in out
    assert err == "", "no bar where there is no terminal"
    assert arrays("c.npz")["train_images"].shape[1:] == (8, 8)


@pytest.mark.parametrize(("answer", "written"), [("y\n", True), ("Yes\n", True), ("\n", False), ("no\n", False)])
def test_on_a_terminal_the_answer_counts(monkeypatch, capsys, answer, written):
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert run() == 0
    assert Path("c.npz").exists() == written
    assert ("Nothing was written." in capsys.readouterr().out) != written


def test_without_a_terminal_the_plan_is_printed_and_the_status_says_that_nothing_was_written(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert run() == 2
    out, err = capsys.readouterr()
    assert "label  class" in out
    assert err.endswith("since there is no terminal to ask; add --yes to write it\n")
    assert not Path("c.npz").exists()
    assert main(["import", "scans", "--dry_run"]) == 0


def test_bad_files_are_listed_line_by_line(capsys):
    for name in ("x.png", "y.png"):
        Path("scans/a", name).touch()
    assert run("--yes") == 2
    assert capsys.readouterr().err.splitlines() == [
        "  a/x.png: is empty",
        "  a/y.png: is empty",
        "medunlearn: error: scans: 2 of 26 files cannot be imported; fix them, or leave them out by `--skip_bad true`",
    ]
    assert run("--yes", "--skip_bad", "true") == 0
    assert "skipped   a/x.png: is empty" in capsys.readouterr().out


def test_files_that_are_there_stay_unless_they_may_be_replaced(capsys):
    Path("c.csv").write_text("mine")
    assert run("--yes") == 2
    assert "c.csv is there; name another file, or give `--overwrite true`" in capsys.readouterr().err
    assert Path("c.csv").read_text() == "mine"
    assert run("--yes", "--overwrite", "true") == 0


def test_options_that_the_page_names_exist():
    page = (Path(__file__).parents[2] / "docs" / "guides" / "import.md").read_text()
    named = set(re.findall(r"--([a-z_]+)\b(?!\.)", page))
    known = {option for action in _parser()._actions for option in action.option_strings}
    assert {f"--{name}" for name in named} <= known
    assert {f"--{name}" for name in OPTIONS} <= {f"--{name}" for name in named}


def test_import_needs_no_torch():
    code = "import sys; from medunlearn.__main__ import main; main(sys.argv[1:]); print('torch' in sys.modules)"
    argv = [sys.executable, "-c", code, "import", "scans", "--out", "c.npz", "--yes"]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout.endswith("False\n")
