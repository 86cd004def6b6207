"""The figure of proxy against truth: AG against the proxy gap, a panel a case, with plain and with moved targets."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from medunlearn.report.figures import STYLE, save
from medunlearn.report.panels import legend_below, panels_of

SHOWN = {
    "plain": ("plain targets", "o", "#0072b2"),
    "curve": ("moved by the learning curve", "D", "#d55e00"),
}
"""The kinds of targets that are drawn: text, marker and colour."""
TICKS = (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


def write_figure(cases: Mapping[str, pd.DataFrame], path: Path) -> list[Path]:
    """Draw the runs of each case, by its title, and return the files."""
    with matplotlib.rc_context(STYLE):
        return save(draw(cases), path)


def draw(cases: Mapping[str, pd.DataFrame]) -> Figure:
    """Return the figure; all panels have the same two logarithmic axes."""
    runs = pd.concat(list(cases.values()))
    kinds = [kind for kind in SHOWN if kind in runs]
    gaps = pd.concat([runs.AG, *(runs[kind] for kind in kinds)]).dropna()
    limits = (0.8 * max(gaps.min(), 0.1), 1.25 * gaps.max())
    figure, panels = panels_of(len(cases), height=3.4, width=3.0, columns=3)
    for panel, (title, own) in zip(panels, cases.items(), strict=True):
        _panel(panel, own, kinds, limits)
        panel.set_title(title, fontsize=9)
    panels[0].set_ylabel("AG to Retrain (points)")
    panels[0].plot([], [], "o", color="black", markerfacecolor="none", label="hollow: reads validation images")
    legend_below(figure, panels)
    return figure


def _panel(panel: Axes, runs: pd.DataFrame, kinds: list[str], limits: tuple[float, float]) -> None:
    panel.plot(limits, limits, color="#8c8c8c", lw=0.8, ls=":", label="proxy gap = AG")
    for _, run in runs.iterrows():  # a line joins the two markers of a run
        panel.plot(run[kinds].clip(lower=limits[0]), [run.AG] * len(kinds), color="#b8b8b8", lw=0.8, zorder=1)
    for kind in kinds:
        text, marker, colour = SHOWN[kind]
        for reads, fill, label in ((False, colour, text), (True, "none", None)):
            own = runs[runs.reads_validation == reads]
            style = {"markersize": 5, "markeredgecolor": colour, "markerfacecolor": fill, "alpha": 0.8}
            panel.plot(own[kind].clip(lower=limits[0]), own.AG, marker, ls="", label=label, **style)
    panel.set(xscale="log", yscale="log", xlim=limits, ylim=limits, xlabel="proxy gap (points)")
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(FixedLocator([tick for tick in TICKS if limits[0] <= tick <= limits[1]]))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
