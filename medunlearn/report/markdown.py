"""Formats Markdown tables with aligned columns, for the terminal."""

from collections.abc import Collection, Sequence

Lines = Sequence[Sequence[str]]


def aligned(head: Sequence[str], lines: Lines, left: Collection[int] = ()) -> str:
    """Return a table, each column as wide as its widest cell.

    Args:
        head: The heads of the columns.
        lines: The cells of each line.
        left: Which columns are aligned to the left, from 0 on; the others are to the right, as numbers are.

    Example:
        >>> print(aligned(["run", "AG"], [["runs/a", "1.50"]], left=[0]))
        | run    |   AG |
        |--------|-----:|
        | runs/a | 1.50 |
    """
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    rule = [f"{'-' * (width + 1)}{'-' if at in left else ':'}" for at, width in enumerate(widths)]

    def line(cells: Sequence[str]) -> str:
        padded = (cell.ljust(widths[at]) if at in left else cell.rjust(widths[at]) for at, cell in enumerate(cells))
        return f"| {' | '.join(padded)} |"

    return "\n".join([line(head), f"|{'|'.join(rule)}|", *map(line, lines)])
