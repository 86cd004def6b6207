"""Progress bars outside Lightning's loops."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from medunlearn.training.progress import progress, shows_bars


@pytest.mark.parametrize("enabled", [True, False])
def test_progress_passes_every_item_on_in_order(enabled):
    assert list(progress(iter("abc"), "Letters", enabled)) == ["a", "b", "c"]


def test_progress_shows_its_name_and_total_on_stderr_and_clears_itself(capsys, monkeypatch):
    monkeypatch.setattr("medunlearn.training.progress.shows_bars", lambda stream: stream is sys.stderr)
    bar = progress(iter(range(3)), "Mask", total=3)
    assert list(bar) == [0, 1, 2]
    output = capsys.readouterr()
    assert output.out == ""
    assert "Mask" in output.err
    assert "/3" in output.err
    assert "\n" not in output.err
    assert output.err.rstrip("\r").rpartition("\r")[2].strip() == ""


def test_progress_that_is_off_or_goes_to_a_log_says_nothing(capsys):
    list(progress(range(3), "Mask", enabled=False))
    list(progress(range(3), "Mask"))
    assert "".join(capsys.readouterr()) == ""


@pytest.mark.parametrize(
    ("term", "terminal", "shown"), [("xterm", True, True), ("dumb", True, False), ("", False, False)]
)
def test_bars_are_shown_on_a_terminal_that_can_draw_them(monkeypatch, term, terminal, shown):
    monkeypatch.setenv("TERM", term)
    assert shows_bars(SimpleNamespace(isatty=lambda: terminal)) == shown
    for runs in (False, True):
        kernel = SimpleNamespace(initialized=lambda runs=runs: runs)
        monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", SimpleNamespace(IPKernelApp=kernel))
        assert shows_bars(SimpleNamespace(isatty=lambda: terminal)) == (shown or runs)


def test_progress_in_a_notebook_is_a_widget_as_lightnings_bars_are():
    code = """
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from unittest.mock import patch

widgets = ModuleType("ipywidgets")
widgets.__spec__ = ModuleSpec("ipywidgets", None)
notebook = ModuleType("tqdm.auto")
notebook.tqdm = lambda items, **_: ["widget"]
with patch.dict(sys.modules, {"ipywidgets": widgets, "tqdm.auto": notebook}):
    from medunlearn.training.progress import progress
print(progress([], "Mask"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['widget']\n"
