"""Draws a learning curve: errors and the attack's share against the number of images, with the fitted power laws."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medunlearn.metrics import LearningCurve
from medunlearn.report.figures import STYLE, save
from medunlearn.report.panels import legend_below, panels_of
from medunlearn.runs import RunDir

PANELS = {
    "val_error": "error on unseen images (%)",
    "train_error": "error on training images (%)",
    "attack": "unseen images called unseen (%)",
}


def write_figure(original: RunDir, curve: LearningCurve) -> list[Path]:
    """Draw a curve as `learning_curve.png` and `.svg` in the original's run directory, and return the paths."""
    with matplotlib.rc_context(STYLE):
        return save(draw(curve), original.curve.with_suffix(""))


def draw(curve: LearningCurve) -> Figure:
    """Return the figure with one panel for each known metric."""
    shown = [name for name in PANELS if name in curve.laws]
    figure, panels = panels_of(len(shown), height=2.6, width=2.7, columns=3)
    for panel, name in zip(panels, shown, strict=True):
        _panel(panel, curve, name)
    legend_below(figure, panels)
    return figure


def _panel(panel: Axes, curve: LearningCurve, name: str) -> None:
    known = curve.known(name)
    least, whole = min(size for size, _ in known), curve.original.images
    sizes = np.geomspace(min(least, whole / 2), whole, 100)
    panel.plot(sizes, [curve.laws[name].at(size) for size in sizes], color="#8c8c8c", label="power law")
    panel.plot(*zip(*known, strict=True), "o", color="#0072b2", label="models on parts")
    if (own := getattr(curve.original, name)) is not None:
        panel.plot(whole, own, "D", color="#d55e00", markerfacecolor="none", markersize=8, label="original")
    for share in (0.5, 0.9):
        panel.axvline(share * whole, color="#8c8c8c", lw=0.8, ls=":", label="10 and 50 % forgotten")
    panel.set_xscale("log", base=2)
    panel.xaxis.set_major_formatter("{x:.0f}")
    panel.set(xlabel="training images", ylabel=PANELS[name], ylim=(0, 1.08 * panel.get_ylim()[1]))
