"""Draws Markdown tables and errors on a terminal with rich."""

import re
from itertools import groupby, pairwise
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from medunlearn.cli.comparison import terminal_width

STYLES = {"inside": "green", "outside": "red", "cannot tell": "yellow"}
"""Colours of the answers of an audit."""
MOST = 8
"""The first column is kept whole if the terminal is at least this many characters wide per table column."""


def draw(text: str, stream: TextIO) -> None:
    """Print text, with its Markdown tables drawn.

    Args:
        text: The text; everything except tables is printed unchanged.
        stream: The terminal.
    """
    console = Console(file=stream, width=terminal_width(), highlight=False, markup=False, emoji=False)
    for is_table, lines in groupby(text.splitlines(), lambda line: line.startswith("|")):
        if is_table:
            console.print(_table(list(lines)))
        else:
            print("\n".join(lines), file=stream)
    stream.flush()


def draw_error(text: str, stream: TextIO) -> None:
    """Print an error message after a red `medunlearn: error:`.

    Args:
        text: What is wrong.
        stream: The terminal.
    """
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    console.print(Text.assemble(("medunlearn: error:", "bold red"), f" {text}"), soft_wrap=True)


def _table(lines: list[str]) -> Table:
    """Return a table whose columns are aligned as `medunlearn.report.markdown.aligned` does it."""
    head, rule, *rows = lines
    edges = [at for at, character in enumerate(rule) if character == "|"]
    spans = [slice(start + 1, end) for start, end in pairwise(edges)]
    cells = [[line[span].strip() for span in spans] for line in (head, *rows)]
    longest = [max(map(len, column)) for column in zip(*cells, strict=True)]
    width = terminal_width()
    gap = 1 if sum(longest) + 2 * len(longest) <= width else 0  # beside that of the box
    table = Table(box=box.SIMPLE_HEAD, padding=(0, gap, 0, 0), pad_edge=False, show_edge=False)
    below = cells.pop(1) if len(cells) > 1 and not cells[1][0] else [""] * len(spans)  # which way is better
    for name, better, span in zip(cells[0], below, spans, strict=True):
        title = Text.assemble((name, "bold"), (f"\n{better}" if any(below) else "", "dim"))
        table.add_column(title, justify="right" if rule[span].endswith(":") else "left", overflow="fold")
    if width >= MOST * len(spans):  # first the paths, which cannot be wrapped, then the other columns
        table.columns[0].width = min(longest[0], width // 4)
    for row in cells[1:]:
        table.add_row(*map(_cell, row))
    return table


def _cell(text: str) -> Text:
    """Return a cell: answers of an audit in their colour, text in brackets dimmed."""
    styled = Text(text, style=STYLES.get(text, ""))
    for found in re.finditer(r"\(.*?\)", text):
        styled.stylize("dim", *found.span())
    return styled
