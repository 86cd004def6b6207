"""The comparison as a terminal prints it: its legend has lines that fit."""

from itertools import pairwise

import pytest
from helpers.fake_runs import chain

from medunlearn.__main__ import main
from medunlearn.cli.comparison import terminal_comparison
from medunlearn.report.table import LEGEND, comparison


def legend(text):
    """Return the lines of the paragraph below the tables."""
    return next(part for part in text.split("\n\n") if part.startswith("UA: ")).splitlines()


@pytest.mark.parametrize(("columns", "width"), [("80", 80), ("120", 120), ("300", 120), ("9", 40)])
def test_legend_is_wrapped_to_the_terminal_at_most_120_columns(monkeypatch, capsys, columns, width):
    monkeypatch.setenv("COLUMNS", columns)
    runs = chain()
    lines = legend(terminal_comparison(runs))
    assert " ".join(lines) == LEGEND
    assert all(len(line) <= width for line in lines)
    assert all(len(f"{line} {after.split()[0]}") > width for line, after in pairwise(lines))
    assert main(["report", *runs]) == 0
    assert legend(capsys.readouterr().out) == lines


def test_legend_where_no_width_is_given_is_one_line():
    assert legend(comparison(chain())) == [LEGEND]
