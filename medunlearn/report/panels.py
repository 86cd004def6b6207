"""Layout of the charts of a report: panels, wrapped titles, and a legend that hides nothing and is not cut off."""

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

LETTER = 0.075
"""Width of a letter in inches, at the font size of charts."""


LINE = 0.2
"""Height of a line of a legend, in inches."""
SPREAD = 8
"""Ratio of the largest value to the median from which an axis is spread out."""
FREE_LINES = 4
"""Lines of a legend for which a figure has room."""


def wrapped(text: str, inches: float) -> str:
    r"""Return text wrapped to lines of about `inches` at most.

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
    columns = min(columns, len(entries))
    lines = sum(label.count("\n") + 1 for label in labels) / columns
    figure.set_figheight(figure.get_figheight() + LINE * max(0, lines - FREE_LINES))  # or the panels would shrink
    figure.legend(entries.values(), labels, loc="outside lower center", ncols=columns)


def spread_out(panel: Axes, values: Sequence[float]) -> None:
    """Make the vertical axis logarithmic above 2 if one large value would make all others invisible.

    Args:
        panel: The panel.
        values: The drawn values, 0 or more.

    Example:
        >>> _, (panel,) = panels_of(1, height=2)
        >>> spread_out(panel, [0.9, 1.5, 75.0])
        >>> panel.get_yscale()
        'symlog'
    """
    if max(values) > SPREAD * max(1.0, sorted(values)[len(values) // 2]):
        panel.set_yscale("symlog", linthresh=2)
        panel.yaxis.set_major_formatter("{x:g}")


def panels_of(
    count: int, height: float, width: float = 3.2, columns: int = 2, share: bool = False
) -> tuple[Figure, list[Axes]]:
    """Return a figure of panels; it is narrow, so that text stays readable on a phone.

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
