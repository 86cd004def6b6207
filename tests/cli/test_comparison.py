"""The comparison as a terminal prints it: its legend has lines that fit; and the report page beside it."""

from itertools import pairwise
from pathlib import Path

import pytest
from helpers.fake_runs import chain

from medunlearn.__main__ import main
from medunlearn.cli.comparison import terminal_comparison, written_report
from medunlearn.report.table import EXPLANATION, comparison


def legend(text):
    """Return the lines of the paragraph below the tables."""
    return next(part for part in text.split("\n\n") if part.startswith("UA: ")).splitlines()


@pytest.mark.parametrize(("columns", "width"), [("80", 80), ("120", 120), ("300", 120), ("9", 40)])
def test_legend_is_wrapped_to_the_terminal_at_most_120_columns(monkeypatch, capsys, columns, width):
    monkeypatch.setenv("COLUMNS", columns)
    runs = chain()
    lines = legend(terminal_comparison(runs))
    assert " ".join(lines) == EXPLANATION
    assert all(len(line) <= width for line in lines)
    assert all(len(f"{line} {after.split()[0]}") > width for line, after in pairwise(lines))
    assert main(["report", *runs]) == 0
    assert legend(capsys.readouterr().out) == lines


def test_legend_where_no_width_is_given_is_one_line():
    assert legend(comparison(chain())) == [EXPLANATION]


def test_written_report_names_the_page_and_how_it_is_opened():
    said, opens = written_report(chain(), Path("a folder/report")).splitlines()
    page = Path("a folder/report/report.html")
    assert page.is_file()
    assert said == "Report: a folder/report/report.html; open it with"
    assert opens == f"  python -m webbrowser {page.absolute().as_uri()}"
    assert " " not in opens.split()[-1]
