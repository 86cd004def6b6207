"""The figure of relearning: loss on the forget set step by step."""

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from medunlearn.audit.figures import colour
from medunlearn.relearning.measuring import Relearned
from medunlearn.report.figures import STYLE, save
from medunlearn.report.panels import legend_below, panels_of


def write_figure(found: Relearned, path: Path) -> list[Path]:
    """Draw the loss of every model as PNG and SVG, and return the files; `path` has no extension."""
    with matplotlib.rc_context(STYLE):
        return save(_draw(found), path)


def _draw(found: Relearned) -> Figure:
    figure, (panel,) = panels_of(1, height=2.8, width=4.6)
    for model in found.subject.models:
        label = "Retrains" if model in found.subject.retrains else model.label
        curve = found.curves[model.label]
        panel.plot(curve.steps, curve.loss, color=colour(found.subject, model), label=label)
    panel.set(xlabel="step", ylabel="loss on the forget set (nats)")
    panel.set_ylim(bottom=0)
    legend_below(figure, [panel])
    return figure
