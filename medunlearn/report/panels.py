"""How the charts of a report are laid out: panels, wrapped titles, and a legend that hides nothing and is not cut."""

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

LETTER = 0.075
"""Width of a letter in inches, at the font size of charts."""


def wrapped(text: str, inches: float) -> str:
    r"""Return text in lines that are no wider than so many inches, about.

    Example:
        >>> wrapped("SalUn (relabel none, lr 0.1)", 1.5)
        'SalUn (relabel none,\nlr 0.1)'
    """
    return "\n".join(textwrap.wrap(text, max(8, int(inches / LETTER)))) or text


def legend_below(figure: Figure, panels: Sequence[Axes]) -> None:
    """Put one legend for all panels below them, where it hides nothing.

    Example:
        >>> figure, panels = panels_of(1, height=2)
        >>> _ = panels[0].plot([1, 2], label="SalUn")
        >>> legend_below(figure, panels)
        >>> figure.legends[0].get_texts()[0].get_text()
        'SalUn'
    """
    entries = {
        label: handle for panel in panels for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    columns = max(1, int(figure.get_figwidth() / (0.55 + 0.065 * max(map(len, entries)))))
    labels = [wrapped(label, figure.get_figwidth() - 0.7) for label in entries]  # 0.7: the line or bar before it
    figure.legend(entries.values(), labels, loc="outside lower center", ncols=min(columns, len(entries)))


def panels_of(
    count: int, height: float, width: float = 3.2, columns: int = 2, share: bool = False
) -> tuple[Figure, list[Axes]]:
    """Return a figure of panels; it is narrow, so that text can still be read where a phone scales it down.

    Args:
        count: Number of panels.
        height: Of one panel, in inches.
        width: Of one panel, in inches.
        columns: Panels side by side at most.
        share: Whether all panels share one vertical axis.

    Example:
        >>> len(panels_of(3, height=2)[1])
        3
    """
    columns = min(count, columns)
    rows = -(-count // columns)
    figure = Figure(figsize=(width * columns + 0.4, height * rows + 0.3), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=share).ravel()
    for panel in panels[count:]:
        panel.remove()
    return figure, list(panels[:count])
