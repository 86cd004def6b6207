"""The figures of an audit: ROC curves on logarithmic axes, distances by class, and distances image by image."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from medunlearn.audit.attacks import margin_scores
from medunlearn.audit.auditing import Audited
from medunlearn.audit.distances import between, by_jensen_shannon, to_retrains
from medunlearn.audit.subjects import Model, Subject
from medunlearn.metrics import roc
from medunlearn.report.colours import ROLES, UNLEARNED
from medunlearn.report.figures import STYLE, save
from medunlearn.report.panels import legend_below, panels_of, wrapped

LOWEST = 1e-3
ROC = (
    "ROC of the margin, forgotten images against images never seen, on logarithmic axes. On the dotted line an "
    "attacker guesses; a curve above the green ones of Retrains shows a trace of the forgotten images."
)
CLASSES = "Distance to Retrains (Jensen-Shannon, nats) on forgotten images, by class."
DISTANCES = (
    "Distance to Retrains image by image: share of the forgotten images at or below a distance. The closer the curve "
    "is to the one between Retrains, the better."
)


def draw(audited: Audited, folder: Path, name: str) -> list[tuple[str, str]]:
    """Write the figures of a subject as PNG and SVG, and return name and caption of each.

    Args:
        audited: The results of the audit.
        folder: Where the files are written.
        name: Prefix of their names.
    """
    drawn = (
        ("roc", _roc, ROC),
        ("classes", _classes, CLASSES),
        ("distances", _distances, DISTANCES),
    )
    with matplotlib.rc_context(STYLE):
        return [
            (f"{kind}_{name}", caption)
            for kind, figure, caption in drawn
            if save(figure(audited), folder / f"{kind}_{name}")
        ]


def colour(subject: Subject, model: Model) -> str:
    """Return the colour of a model: by its role, as in every report."""
    if model is subject.unlearned:
        return UNLEARNED[0]
    return ROLES["original"][0] if model is subject.original else ROLES["retrained"][0]


def _roc(audited: Audited) -> Figure | None:
    subject, settings = audited.subject, audited.settings
    known = [(model, margin_scores(model, settings)) for model in subject.models]
    curves = [(model, roc(scores.members, scores.nonmembers)) for model, scores in known if scores is not None]
    if not curves:
        return None
    figure, (panel,) = panels_of(1, height=3.6, width=4.6)
    for model, curve in curves:
        label = "Retrains" if model in subject.retrains else model.label
        panel.step(curve.fpr, curve.tpr, where="post", color=colour(subject, model), label=label)
    panel.plot([LOWEST, 1], [LOWEST, 1], ":", color="#00000080", label="guessing")
    panel.set(xscale="log", yscale="log", xlim=(LOWEST, 1), ylim=(LOWEST, 1.05))
    _plain_numbers(panel.xaxis, panel.yaxis)
    panel.set(xlabel="false positive rate", ylabel="true positive rate")
    legend_below(figure, [panel])
    return figure


def _classes(audited: Audited) -> Figure | None:
    rows = [row for row in audited.classes if row.unlearned is not None]
    if not rows:
        return None
    figure, (panel,) = panels_of(1, height=2.8, width=max(4.6, 0.6 * len(rows)))
    subject, places = audited.subject, np.arange(len(rows))
    shown = {
        "untouched": [row.untouched for row in rows],
        subject.unlearned.label: [row.unlearned for row in rows],
        "between Retrains": [row.retrains for row in rows],
    }
    paint = {"untouched": ROLES["original"][0], subject.unlearned.label: UNLEARNED[0]}
    for at, (label, values) in enumerate(shown.items()):
        if all(value is not None for value in values):
            bars = paint.get(label, ROLES["retrained"][0])
            panel.bar(places + 0.28 * (at - 1), np.array(values, dtype=float), 0.26, color=bars, label=label)
    panel.set_xticks(places, [wrapped(row.name, 0.9) for row in rows], fontsize=7)
    panel.set_ylabel("Jensen-Shannon (nats)")
    legend_below(figure, [panel])
    return figure


def _distances(audited: Audited) -> Figure | None:
    subject = audited.subject
    if not subject.retrains or not len(subject.unlearned.predictions.forget.labels):
        return None
    figure, (panel,) = panels_of(1, height=2.8, width=4.6)
    shown = {
        model.label: (to_retrains(model, subject.retrains, "forget", by_jensen_shannon), colour(subject, model))
        for model in (subject.unlearned, subject.original)
        if model is not None
    }
    if (null := between(subject.retrains, "forget", by_jensen_shannon)) is not None:
        shown["between Retrains"] = (null, ROLES["retrained"][0])
    for label, (values, paint) in shown.items():
        share = np.arange(1, len(values) + 1) / len(values)
        panel.step(np.maximum(np.sort(values), 1e-9), share, where="post", color=paint, label=label)
    panel.set_xscale("log")
    _plain_numbers(panel.xaxis)
    panel.set(xlabel="Jensen-Shannon divergence to Retrains (nats)", ylabel="share of forgotten images")
    panel.set_ylim(0, 1.02)
    legend_below(figure, [panel])
    return figure


def _plain_numbers(*axes: Axis) -> None:
    """Label a logarithmic axis with plain numbers: powers would need mathtext, which is switched off."""
    for axis in axes:
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
