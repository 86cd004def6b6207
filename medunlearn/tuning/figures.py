"""Draws a study: gap against run time with the Pareto front, and the settings as parallel coordinates."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from medunlearn.report.figures import STYLE, save
from medunlearn.report.panels import legend_below, panels_of
from medunlearn.tuning.rows import UNTOUCHED, Row, chosen
from medunlearn.tuning.trials import Place, Select

AXIS = {"proxy": "proxy gap (points)", "average_gap": "Average Gap to Retrain (points), which chose"}
COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
# The palette of Okabe and Ito, distinguishable with any kind of colour vision.

SHADES = ("#08306b", "#4292c6", "#c6dbef")
"""Colours from the smallest gap to the largest."""


def write_figures(rows: Sequence[Row], place: Place) -> list[Path]:
    """Draw the figures of a study as PNG and SVG, and return the paths; an empty list if no trial has a gap yet."""
    drawings = {"proxy_against_time": gap_against_time, "parallel_coordinates": parallel_coordinates}
    with matplotlib.rc_context(STYLE):
        saved = [save(draw(rows, place.select), place.folder / name) for name, draw in drawings.items()]
    return [file for files in saved for file in files]


def gap_against_time(rows: Sequence[Row], select: Select) -> Figure | None:
    """Draw the gap of each trial against its run time, with the Pareto front.

    Stopped trials are hollow markers at the gap and run time when they were stopped; the line is the original's gap.
    """
    trials = [row for row in rows if row.RTE is not None and row.gap(select) is not None]
    if not trials:
        return None
    figure, (axes,) = panels_of(1, height=3.6, width=5.2)
    for colour, config in zip(COLOURS * len(trials), dict.fromkeys(row.config for row in trials), strict=False):
        _points(axes, [row for row in trials if row.config == config], select, colour)
    front = pareto_front([(row.RTE or 0.0, row.gap(select) or 0.0) for row in trials if row.state == "finished"])
    axes.step(*zip(*front, strict=True), where="post", color="#8c8c8c", lw=1, label="front") if front else None
    before = next((row.gap(select) for row in rows if row.trial == UNTOUCHED), None)
    if before is not None:
        axes.axhline(before, color="#8c8c8c", lw=1, ls=":", label="untouched model")
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.set(xlabel="RTE (min)", ylabel=AXIS[select])
    legend_below(figure, [axes])
    return figure


def pareto_front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points on the Pareto front (no other point is better in both coordinates), from left to right.

    Example:
        >>> pareto_front([(1, 5), (2, 3), (3, 4), (4, 1)])
        [(1, 5), (2, 3), (4, 1)]
    """
    front: list[tuple[float, float]] = []
    for point in sorted(points):
        if not front or point[1] < front[-1][1]:
            front.append(point)
    return front


def parallel_coordinates(rows: Sequence[Row], select: Select) -> Figure | None:
    """Draw each trial as a line through its settings to its gap: a panel for each config.

    Darker lines have smaller gaps; stopped trials are dashed, and the chosen one is drawn thick.
    """
    trials = [row for row in rows if row.settings and row.gap(select) is not None]
    configs = list(dict.fromkeys(row.config for row in trials))
    if not trials:
        return None
    most = max(len(row.settings) for row in trials)
    figure, panels = panels_of(len(configs), height=3.4, width=max(5.0, 1.5 * (most + 1)), columns=1)
    gaps = [row.gap(select) or 0.0 for row in trials]
    colours: Any = ScalarMappable(Normalize(min(gaps), max(gaps)), LinearSegmentedColormap.from_list("gap", SHADES))
    for panel, config in zip(panels, configs, strict=True):
        shown = [row for row in trials if row.config == config]
        _lines(panel, shown, select, colours, chosen(rows, select))
        panel.set_title(f"{config}: dashed, stopped; thick, chosen", loc="left", fontsize=9)
    return figure


def _points(axes: Axes, trials: Sequence[Row], select: Select, colour: str) -> None:
    for state, filled in (("finished", True), ("stopped", False)):
        shown = [row for row in trials if row.state == state]
        if shown:
            places = [row.RTE or 0.0 for row in shown], [row.gap(select) or 0.0 for row in shown]
            face = colour if filled else "none"
            label = f"{trials[0].config}, {state}"
            axes.scatter(*places, s=28, facecolors=face, edgecolors=colour, label=label, zorder=3)
    for row in trials:
        text = f"{row.trial} (recipe)" if row.recipe else row.trial
        place = (row.RTE or 0.0, row.gap(select) or 0.0)
        axes.annotate(text, place, xytext=(4, 4), textcoords="offset points", fontsize=7)


def _lines(axes: Axes, trials: Sequence[Row], select: Select, colours: Any, best: Row | None) -> None:
    """Draw the trials of one config; each axis is scaled to its own values, categories in order."""
    names = list(trials[0].settings)
    scales = [_scaled([row.settings[name] for row in trials]) for name in names]
    scales.append(_scaled([row.gap(select) or 0.0 for row in trials]))
    for at, row in enumerate(trials):
        style: dict[str, Any] = {"color": colours.to_rgba(row.gap(select) or 0.0)}
        style |= {"lw": 3.0 if row is best else 1.2, "ls": "--" if row.state == "stopped" else "-"}
        axes.plot(range(len(scales)), [places[at] for places, _ in scales], **style)
    for at, (_, ticks) in enumerate(scales):
        axes.axvline(at, color="#8c8c8c", lw=0.8, zorder=0)
        for place, text in ticks:
            axes.annotate(
                text,
                (at, place),
                xytext=(3, 0),
                textcoords="offset points",
                fontsize=7,
                va="center",
                bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.5},
            )
    axes.set_xticks(range(len(scales)), [*(name.rpartition(".")[2] for name in names), AXIS[select].partition(" (")[0]])
    axes.set_yticks([])
    axes.margins(x=0.08)
    axes.spines["left"].set_visible(False)


def _scaled(values: Sequence[Any]) -> tuple[list[float], list[tuple[float, str]]]:
    """Return positions in [0, 1] for values, and tick labels by position; wide ranges of numbers are logarithmic."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values):
        kinds = list(dict.fromkeys(map(str, values)))
        places = {kind: at / max(1, len(kinds) - 1) for at, kind in enumerate(kinds)}
        return [places[str(value)] for value in values], [(place, kind) for kind, place in places.items()]
    low, high = min(numbers), max(numbers)
    if low == high:
        return [0.5] * len(values), [(0.5, f"{low:.3g}")]
    by = math.log if low > 0 and high / low > 10 else float
    places_of = [(by(value) - by(low)) / (by(high) - by(low)) for value in numbers]
    return places_of, [(0.0, f"{low:.3g}"), (1.0, f"{high:.3g}")]
