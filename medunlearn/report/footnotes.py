"""Footnotes of a table: the remarks of its rows, each sentence once and numbered."""

from collections.abc import Iterable, Sequence


def footnotes(rows: Iterable[Sequence[str]]) -> tuple[list[str], list[str]]:
    """Return the mark of each row, such as `1, 2`, and the sentences that the numbers stand for.

    Args:
        rows: The remarks on each row.

    Example:
        >>> footnotes([["few images"], [], ["no change", "few images"]])
        (['1', '', '1, 2'], ['few images', 'no change'])
    """
    remarks = [list(row) for row in rows]
    numbers = {text: number for number, text in enumerate(dict.fromkeys(text for row in remarks for text in row), 1)}
    return [", ".join(str(each) for each in sorted(numbers[text] for text in row)) for row in remarks], [*numbers]
