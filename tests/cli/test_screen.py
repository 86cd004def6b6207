"""Colours and drawn tables on a terminal, plain text elsewhere."""

import io
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout

import pytest

from medunlearn.__main__ import main
from medunlearn.cli.screen import draws, show
from medunlearn.report.markdown import aligned

LINES = [["", "near Retrain", ""], ["runs/a", "12.34 (0.50)", "inside"], ["runs/b", "-", "outside"]]
TABLE = aligned(["run", "UA", "answer"], LINES, left=(0, 2))
TEXT = f"a title [of] it\n\n{TABLE}\n\nwhat stands | below: 12"
COLOUR = re.compile(r"\x1b\[[\d;]*m")


class Terminal(io.StringIO):
    """A stream that passes for a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def shown(monkeypatch):
    """Return a function that calls another and returns what a terminal of 80 columns with colours gets of it."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")

    def call(function, *arguments):
        stream = Terminal()
        with redirect_stdout(stream), redirect_stderr(stream):
            function(*arguments)
        return stream.getvalue()

    return call


def test_table_is_plain_where_the_output_is_no_terminal(capsys):
    show(TEXT)
    assert capsys.readouterr().out == f"{TEXT}\n"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_terminal_without_colours_gets_plain_text(shown, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert not draws(Terminal())
    assert shown(show, TEXT) == f"{TEXT}\n"
    assert shown(main, ["fti"]).startswith("medunlearn: error: fti: ")


def test_table_is_drawn_on_a_terminal_and_the_text_around_it_stays(shown):
    lines = COLOUR.sub("", shown(show, TEXT)).splitlines()
    assert lines[:2] == ["a title [of] it", ""]
    assert lines[-2:] == ["", "what stands | below: 12"]
    assert [line.split() for line in lines[2:-2] if "─" not in line] == [
        ["run", "UA", "answer"],
        ["near", "Retrain"],
        ["runs/a", "12.34", "(0.50)", "inside"],
        ["runs/b", "-", "outside"],
    ]
    assert "|" not in "".join(lines[2:-2])


def test_answers_of_an_audit_have_their_colours(shown):
    text = shown(show, TABLE)
    assert "\x1b[32minside" in text
    assert "\x1b[31moutside" in text


@pytest.mark.parametrize("columns", [60, 80])
def test_table_that_is_too_wide_is_folded_and_loses_nothing(shown, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    path = "runs/" + "x" * 100
    text = COLOUR.sub("", shown(show, aligned(["run", *"abcdef"], [[path, *["12.34 (0.50)"] * 6]], left=(0,))))
    assert max(map(len, text.splitlines())) <= columns
    assert text.count("x") == 100
    assert text.count("12.34") == 6


def test_error_is_red_and_in_one_line_on_a_terminal(shown):
    name = "[bold]" * 30
    text = shown(main, [name])
    assert text.startswith(f"\x1b[1;31mmedunlearn: error:\x1b[0m {name}: unknown command")
    assert text.count("\n") == 1


def test_rich_is_not_imported_where_nothing_is_drawn():
    code = (
        "import sys; from medunlearn.__main__ import main; main(['--help']); main(['fti']); "
        "assert 'rich' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
