"""The charts of a report: each one function from sections to a figure, or None where the runs have no data for it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from medunlearn.report.colours import colours
from medunlearn.report.crowd import nearest, shown_predictions
from medunlearn.report.experiments import Cell
from medunlearn.report.labels import class_labels
from medunlearn.report.panels import legend_below, panels_of, spread_out, wrapped
from medunlearn.report.readings import (
    CURVES,
    changed_weights,
    class_error,
    confidence,
    curves,
    forgotten_counts,
)
from medunlearn.report.sections import Section

MOST_CLASSES = 100  # bars of more cannot be distinguished
BINS = [number / 25 for number in range(26)]


def gap_by_preset(sections: Sequence[Section]) -> Figure | None:
    """Draw the Average Gap: a panel for each data set and forget rate, a group for each preset.

    Example:
        >>> gap_by_preset([]) is None
        True
    """
    panels: dict[tuple[str, str], list[Section]] = {}
    for section in sections:
        if any(cell.over_seeds("AG") for cell in section.of_role("unlearned")):
            panels.setdefault((section.data, section.forgotten), []).append(section)
    if not panels:
        return None
    colour = colours(sections)
    drawn = [s for group in panels.values() for s in group]
    labels = list(dict.fromkeys(c.label for s in drawn for c in s.sound if _has_gap(c) and c.label in nearest(s)))
    most = max(map(len, panels.values()))
    panel_width = max(2.6, 0.5 + 0.34 * most * len(labels))
    figure, axes = panels_of(len(panels), height=2.7, width=panel_width)
    for panel, (names, group) in zip(axes, panels.items(), strict=True):
        _bars(panel, group, labels, colour)
        panel.set_title(wrapped(f"{names[0]}, {names[1]} forgotten", 0.75 * panel_width))  # titles are set larger
        panel.set_ylim(bottom=0)
    for panel in axes[::2]:
        panel.set_ylabel("Average Gap (points)")
    legend_below(figure, axes)
    return figure


def _has_gap(cell: Cell) -> bool:
    """Return whether a bar can be drawn beside the retrained model, whose gap is 0."""
    return not cell.is_reference and cell.over_seeds("AG") is not None


def _bars(panel: Axes, group: Sequence[Section], labels: Sequence[str], colour: Mapping[str, str]) -> None:
    width = 0.84 / len(labels)
    for place, label in enumerate(labels):
        drawn = [
            (number, cell) for number, section in enumerate(group) for cell in section.cells if cell.label == label
        ]
        known = [(number, gap) for number, cell in drawn if (gap := cell.over_seeds("AG"))]
        at = [number - 0.42 + (place + 0.5) * width for number, _ in known]
        heights = [gap.mean for _, gap in known]
        if known:  # an empty bar would take the method's place in the legend, without its colour
            bars = panel.bar(at, heights, 0.9 * width, color=colour[label], label=label)
            deviations = [gap.deviation or 0 for _, gap in known]
            if any(deviations):
                panel.errorbar(at, heights, deviations, fmt="none", ecolor="#00000070", elinewidth=1)
            panel.bar_label(bars, [f"{height:.1f}" for height in heights], fontsize=7, padding=1)
        for number, section in enumerate(group):
            style: dict[str, Any] = {"color": "black", "markerfacecolor": "white", "zorder": 3}
            for gap in section.published[section.published.method == label].AG:
                there = number - 0.42 + (place + 0.5) * width
                panel.plot([there], [gap], "D", markersize=5, label=f"{label} as published", **style)
    panel.set_xticks(range(len(group)), [section.augmentation.replace("+", "\n+") for section in group])


def time_against_gap(section: Section, colour: Mapping[str, str]) -> Figure | None:
    """Draw run time against Average Gap; keeping the untouched model takes no time, so its gap is a line.

    Example:
        >>> time_against_gap(Section("cells", "10 %", "Default"), {}) is None
        True
    """
    cells = [cell for cell in section.sound if not cell.untouched]
    known = [(c, gap, time) for c in cells if (gap := c.over_seeds("AG")) and (time := c.over_seeds("RTE"))]
    if not known:
        return None
    figure, (panel,) = panels_of(1, height=3.2, width=5.4)
    for number, (cell, gap, minutes) in enumerate(known):
        errors: dict[str, Any] = {"xerr": minutes.deviation, "yerr": gap.deviation, "capsize": 2}
        marker = "os^Dvp"[number % 6]
        panel.errorbar(minutes.mean, gap.mean, **errors, fmt=marker, color=colour[cell.label], label=cell.label)
    if (another := section.another_seed) and (band := another.over_seeds("band")):
        panel.axhspan(0, band.mean, color=colour[another.label], alpha=0.2, label="band of Retrains of several seeds")
    original = section.original
    if original and (gap := original.over_seeds("AG")):
        panel.axhline(gap.mean, linestyle="--", color=colour[original.label], label="untouched model")
    panel.set(xlabel="run time (minutes)", ylabel="Average Gap (points)")
    panel.set_xlim(0, 1.1 * panel.get_xlim()[1])
    spread_out(panel, [gap.mean for _, gap, _ in known])
    top = panel.get_ylim()[1]
    panel.set_ylim(*((-0.15, 1.4 * top) if panel.get_yscale() == "symlog" else (min(0, -0.04 * top), top)))
    legend_below(figure, [panel])
    return figure


def probabilities(section: Section, colour: Mapping[str, str]) -> Figure | None:
    """Draw a histogram of the true class's probability for each method, the images of all seeds together.

    Example:
        >>> probabilities(Section("cells", "10 %", "Default"), {}) is None
        True
    """
    found = shown_predictions(section)
    if not found:
        return None
    columns = 2 if len(found) in (2, 4) else 3
    figure, panels = panels_of(len(found), height=2.3, width=5.7 / columns, columns=columns, share=True)
    styles: dict[str, dict[str, Any]] = {
        "retain": {"color": "#b8b8b8", "histtype": "stepfilled", "alpha": 0.7},
        "test": {"color": "#0072b2", "histtype": "step", "linewidth": 1.3, "linestyle": "--"},
        "forget": {"color": "#d55e00", "histtype": "step", "linewidth": 2},
    }
    counts = [sum(len(getattr(each, name).labels) for each in seeds) for seeds in found.values() for name in styles]
    limits = 50 / max(1, *counts), 150  # %: a single image is seen, and so are all of them
    for panel, (label, seeds) in zip(panels, found.items(), strict=True):
        for name, style in styles.items():
            values = np.concatenate([confidence(getattr(each, name)) for each in seeds])
            panel.hist(values, BINS, weights=np.full(len(values), 100 / max(1, len(values))), label=name, **style)
        panel.set(
            title=wrapped(label, 4.3 / columns),
            xlabel="true class's probability",
            ylabel="images (%)",
            ylim=limits,
            yscale="log",
        )
        panel.yaxis.set_major_formatter("{x:g}")
        panel.yaxis.set_minor_formatter(NullFormatter())  # matplotlib's default formatter writes formulas
        panel.label_outer()
    legend_below(figure, panels)
    return figure


def error_by_class(section: Section, colour: Mapping[str, str]) -> Figure | None:
    """Draw UA by class, the images of all seeds together.

    Example:
        >>> error_by_class(Section("cells", "10 %", "Default"), {}) is None
        True
    """
    whole = shown_predictions(section)
    found = {label: [each.forget for each in seeds] for label, seeds in whole.items()}
    if not found:
        return None
    counts = forgotten_counts(whole)
    classes = range(len(counts))
    if len(classes) > MOST_CLASSES:
        return None
    figure, (panel,) = panels_of(1, height=2.9, width=max(5.4, 0.7 * len(classes)))
    width = 0.84 / len(found)
    for place, (label, parts) in enumerate(found.items()):
        known = {number: error for number in classes if (error := class_error(parts, number)) is not None}
        at, errors = [number - 0.42 + (place + 0.5) * width for number in known], list(known.values())
        panel.bar(at, errors, 0.9 * width, color=colour[label], label=label)
        panel.plot(at, errors, "_", color=colour[label], markersize=4)  # so that 0 is visible
    names = class_labels(section.class_names, len(classes))
    panel.set_xticks(list(classes), [f"{name}\nn={count}" for name, count in zip(names, counts, strict=True)])
    panel.set(xlabel="class (n: images of it in the forget sets)", ylabel="UA (%)", ylim=(0, None))
    panel.set_xlim(-0.6, len(classes) - 0.4)  # classes without a bar too
    legend_below(figure, [panel])
    return figure


def unlearning_curves(section: Section, colour: Mapping[str, str]) -> Figure | None:
    """Draw UA, RA and TA by epoch, the mean over seeds in the range of them, from the untouched model on.

    Example:
        >>> unlearning_curves(Section("cells", "10 %", "Default"), {}) is None
        True
    """
    found = {cell.label: curve for cell in section.of_role("unlearned") if (curve := curves(section, cell))}
    if not found:
        return None
    figure, panels = panels_of(len(CURVES), height=2.4, width=1.95, columns=3)
    for panel, key in zip(panels, CURVES, strict=True):
        for label, curve in found.items():
            if key in curve:
                epochs, means, lowest, highest = curve[key]
                panel.fill_between(epochs, lowest, highest, color=colour[label], alpha=0.15, linewidth=0)
                panel.plot(epochs, means, "o-", color=colour[label], markersize=4, label=label)
        for retrained in (cell for cell in section.sound if cell.role == "retrained"):
            if value := retrained.over_seeds(key):
                panel.axhline(value.mean, linestyle="--", color=colour[retrained.label], label=retrained.label)
        panel.set(title=f"{key} (%)", xlabel="epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_below(figure, panels)
    return figure


def weights_by_layer(section: Section, colour: Mapping[str, str]) -> Figure | None:
    """Draw the share of the weights that unlearning changed, by layer, the first layer on top.

    Example:
        >>> weights_by_layer(Section("cells", "10 %", "Default"), {}) is None
        True
    """
    drawn = [cell for cell in section.of_role("unlearned") if cell.label in nearest(section)]
    shares = {cell.label: share for cell in drawn if (share := changed_weights(cell))}
    if not shares:
        return None
    names = list(dict.fromkeys(name for share in shares.values() for name in share))
    figure, (panel,) = panels_of(1, height=0.8 + len(names) * max(0.15, 0.07 * len(shares)), width=5.4)
    width = 0.8 / len(shares)
    for place, (label, share) in enumerate(shares.items()):
        positions = [number - 0.4 + (place + 0.5) * width for number in range(len(names))]
        panel.barh(positions, [share.get(name, 0) for name in names], 0.9 * width, color=colour[label], label=label)
    panel.set_yticks(range(len(names)), names, fontsize=7)
    panel.set(xlabel="changed weights (%)", xlim=(0, 105), ylim=(len(names) - 0.4, -0.6))
    legend_below(figure, [panel])
    return figure
