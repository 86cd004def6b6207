"""The figures of a report, from run directories alone."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medunlearn.errors import InputError
from medunlearn.files import exists
from medunlearn.metrics import Part, Predictions
from medunlearn.report.collect import ORIGINAL, Cell
from medunlearn.report.curves import read_curve
from medunlearn.report.sections import Section
from medunlearn.runs import RunDir

COLOURS = {ORIGINAL: "#7f7f7f", "Retrain": "#1b9e77", "SalUn": "#d95f02"}
OTHER_COLOURS = ("#7570b3", "#e7298a", "#66a61e", "#e6ab02", "#a6761d")
PART_COLOURS = {"forget": "#d95f02", "test": "#7570b3", "retain": "#1b9e77"}
MOST_CLASSES = 100  # bars of more cannot be told apart
BINS = [number / 25 for number in range(26)]

matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "medunlearn", "axes.spines.top": False})
matplotlib.rcParams.update({"axes.spines.right": False, "font.size": 9, "legend.frameon": False})


def draw_figures(sections: Sequence[Section], folder: Path) -> list[tuple[str, str]]:
    """Draw every figure that the runs have data for, as PNG and SVG.

    Args:
        sections: What was measured.
        folder: Where the files go.

    Returns:
        For each figure its name without ending, and what it shows in one sentence.
    """
    drawn = []
    for name, caption, draw in _figures(sections):
        figure = draw()
        if figure is not None:
            for ending in ("png", "svg"):
                metadata = {"Date": None} if ending == "svg" else {"Software": None}
                figure.savefig(folder / f"{name}.{ending}", dpi=130, metadata=metadata)
            drawn.append((name, caption))
    return drawn


def _figures(sections: Sequence[Section]) -> list[tuple[str, str, Callable[[], Figure | None]]]:
    listed: list[tuple[str, str, Callable[[], Figure | None]]] = [
        (
            "gap_by_preset",
            "Average Gap to retraining by augmentation preset and forget rate (the paper's Figure 2); lower is better.",
            lambda: _gap_by_preset(sections),
        ),
    ]
    for section in sections:
        name = _file_name(section.title.replace(" forgotten", "").replace(" %", ""))
        listed += [
            (
                f"time_{name}",
                f"{section.title}: run time against Average Gap; the lower left is quick and close to retraining.",
                lambda section=section: _time_against_gap(section),  # type: ignore[misc]
            ),
            (
                f"probabilities_{name}",
                f"{section.title}: probability of the true class. After unlearning, the forget set (orange) should be "
                "spread as under Retrain.",
                lambda section=section: _probabilities(section),  # type: ignore[misc]
            ),
            (
                f"classes_{name}",
                f"{section.title}: UA by class; what matters is how near each bar is to Retrain's.",
                lambda section=section: _by_class(section),  # type: ignore[misc]
            ),
            (
                f"curves_{name}",
                f"{section.title}: UA, RA and TA while unlearning; dashed lines are Retrain's.",
                lambda section=section: _curves(section),  # type: ignore[misc]
            ),
            (
                f"weights_{name}",
                f"{section.title}: share of the weights that unlearning changed, by layer.",
                lambda section=section: _changed_weights(section),  # type: ignore[misc]
            ),
        ]
    return listed


def _file_name(title: str) -> str:
    """Return a title as a name that every file system takes; a long list of classes is cut and told by its hash."""
    name = "".join(c if c.isalnum() else "_" for c in title)
    return name if len(name.encode()) <= 150 else f"{name[:30]}_{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _text(label: str) -> str:
    """Return a label as it is: matplotlib takes what stands between dollar signs for a formula."""
    return label.replace("$", r"\$")


def _gap_by_preset(sections: Sequence[Section]) -> Figure | None:
    bars: dict[str, dict[tuple[str, str], dict[str, Cell]]] = {}
    for section in sections:
        for cell in section.unlearned:
            if cell.gap("AG") is not None:
                series = bars.setdefault(section.data, {}).setdefault((cell.label, cell.forgotten), {})
                series[section.augmentation] = cell
    if not bars:
        return None
    figure, panels = _panels(len(bars), height=3.2)
    for panel, (data, of_data) in zip(panels, bars.items(), strict=True):
        presets = list(dict.fromkeys(preset for cells in of_data.values() for preset in cells))
        width = 0.8 / len(of_data)
        for place, ((label, forgotten), cells) in enumerate(of_data.items()):
            positions = [presets.index(preset) - 0.4 + (place + 0.5) * width for preset in cells]
            gaps = [gap for cell in cells.values() if (gap := cell.gap("AG"))]
            errors = [gap.deviation or 0 for gap in gaps]
            bar = panel.bar(positions, [gap.mean for gap in gaps], 0.9 * width, label=_text(f"{label}, {forgotten}"))
            if any(errors):
                panel.errorbar(positions, [gap.mean for gap in gaps], errors, fmt="none", ecolor="black", capsize=2)
            panel.bar_label(bar, fmt="%.2f", label_type="center", fontsize=8, color="white")
        panel.set_xticks(range(len(presets)), [_text(preset.replace("+", "+\n")) for preset in presets])
        panel.set(title=_text(data), ylabel="Average Gap (points)")
        panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    return figure


def _time_against_gap(section: Section) -> Figure | None:
    placed = [(cell, cell.gap("AG"), cell.value("RTE")) for cell in section.cells]
    known = [(cell, gap, minutes) for cell, gap, minutes in placed if gap and minutes]
    if not known:
        return None
    figure, (panel,) = _panels(1, height=3.0, width=5)
    for cell, gap, minutes in known:
        errors: dict[str, Any] = {"xerr": minutes.deviation, "yerr": gap.deviation}
        panel.errorbar(minutes.mean, gap.mean, **errors, fmt="o", color=_colour(cell.label), label=_text(cell.label))
    panel.margins(0.15)
    panel.set(xlabel="run time (minutes)", ylabel="Average Gap (points)")
    panel.set_xlim(left=0)
    panel.set_ylim(bottom=min(0, panel.get_ylim()[0]))
    panel.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=4)
    return figure


def _probabilities(section: Section) -> Figure | None:
    found = _predictions(section)
    if not found:
        return None
    figure, panels = _panels(len(found), height=2.6, share=True)
    for panel, (label, predictions) in zip(panels, found.items(), strict=True):
        for name, colour in PART_COLOURS.items():
            part: Part = getattr(predictions, name)
            confidence = part.probs[np.arange(len(part.labels)), part.labels]
            weights = np.full(len(confidence), 100 / max(1, len(confidence)))
            style: dict[str, Any] = {"histtype": "step", "linewidth": 2 if name == "forget" else 1}
            panel.hist(confidence, BINS, weights=weights, color=colour, label=name, **style)
        panel.set(title=_text(label), xlabel="probability of the true class", yscale="log")
    panels[0].set_ylabel("share of the images (%)")
    panels[0].legend(loc="upper left")
    return figure


def _by_class(section: Section) -> Figure | None:
    found = _predictions(section)
    if not found:
        return None
    classes = range(next(iter(found.values())).forget.probs.shape[1])
    if len(classes) > MOST_CLASSES:
        return None
    figure, (panel,) = _panels(1, height=2.8, width=7)
    width = 0.8 / len(found)
    for place, (label, predictions) in enumerate(found.items()):
        errors = [_error(predictions.forget, number) for number in classes]
        positions = [number - 0.4 + (place + 0.5) * width for number in classes]
        panel.bar(positions, errors, 0.9 * width, color=_colour(label), label=_text(label))
    counts = np.bincount(next(iter(found.values())).forget.labels, minlength=len(classes))
    panel.set_xticks(list(classes), [f"{number}\nn={count}" for number, count in enumerate(counts)])
    panel.set(xlabel="class (images of it in the forget set)", ylabel="UA (%)")
    panel.legend(ncols=len(found))
    return figure


def _error(part: Part, number: int) -> float:
    of_class = part.labels == number
    return 100 * float((part.probs[of_class].argmax(1) != number).mean()) if of_class.any() else 0.0


def _curves(section: Section) -> Figure | None:
    found = {cell.label: curve for cell in section.unlearned if (curve := read_curve(cell.results[0].run))}
    if not found:
        return None
    figure, panels = _panels(3, height=2.6)
    retrain = section.cell("Retrain")
    for panel, key in zip(panels, ("UA", "RA", "TA"), strict=True):
        for label, curve in found.items():
            points = [(epoch, values[key]) for epoch, values in curve if key in values]
            panel.plot(
                [1 + x for x, _ in points], [y for _, y in points], "o-", color=_colour(label), label=_text(label)
            )
        if retrain and (value := retrain.results[0].values[key]) is not None:
            panel.axhline(value, linestyle="--", color=_colour("Retrain"))
        panel.set(title=key, xlabel="epoch", ylabel=f"{key} (%)")
    panels[0].legend()
    return figure


def _changed_weights(section: Section) -> Figure | None:
    shares = {cell.label: share for cell in section.unlearned if (share := _shares(cell))}
    if not shares:
        return None
    names = list(next(iter(shares.values())))
    figure, (panel,) = _panels(1, height=2.8, width=8)
    width = 0.8 / len(shares)
    for place, (label, share) in enumerate(shares.items()):
        positions = [number - 0.4 + (place + 0.5) * width for number in range(len(names))]
        panel.bar(
            positions, [share.get(name, 0) for name in names], 0.9 * width, color=_colour(label), label=_text(label)
        )
    panel.set_xticks(range(len(names)), names, rotation=90)
    panel.set(ylabel="changed (%)", ylim=(0, 105))
    panel.legend(ncols=len(shares))
    return figure


def _shares(cell: Cell) -> dict[str, float]:
    """Return the share of changed coordinates, in %, by convolution, batch normalisation or linear layer."""
    from medunlearn.models import read_weights  # imports torch

    result = cell.results[0]
    if not (path := result.metrics.get("original")):
        return {}
    original = RunDir(path)
    if not (exists(original.weights) and exists(result.run.weights)):
        return {}
    before, after = (read_weights(run.path, "report")["state_dict"] for run in (original, result.run))
    if any(value.shape != before[name].shape for name, value in after.items()):
        raise InputError(f"report={result.run}: its weights are of another network than {original}'s; run it again")
    changed: dict[str, list[int]] = {}
    for name, value in after.items():
        layer, _, kind = name.rpartition(".")
        if kind in ("weight", "bias"):
            counts = changed.setdefault(layer, [0, 0])
            counts[0] += int((value != before[name]).sum())
            counts[1] += value.numel()
    return {layer: 100 * moved / total for layer, (moved, total) in changed.items()}


def _predictions(section: Section) -> dict[str, Predictions]:
    """Return the predictions of each method under the first seed; the original's on the same forget set."""
    found = {}
    for cell in section.cells:
        result = cell.results[0]
        if exists(result.run.predictions):
            predictions = Predictions.from_arrays(result.run.read_predictions("report", Predictions.names()))
            found[cell.label] = predictions.split_by(_forget_rows(section)) if cell.label == ORIGINAL else predictions
    return found


def _forget_rows(section: Section) -> npt.NDArray[np.int64]:
    result = next(cell for cell in section.cells if cell.label != ORIGINAL).results[0]
    split = result.run.read_split("report")
    if "indices" not in split:
        raise InputError(f"report={result.run}: {result.run.split} lacks indices; run that stage again")
    return np.array(split["indices"], dtype=np.int64)


def _colour(label: str) -> str:
    return COLOURS.get(label) or OTHER_COLOURS[sum(map(ord, label)) % len(OTHER_COLOURS)]


def _panels(count: int, height: float, width: float = 0, share: bool = False) -> tuple[Figure, list[Axes]]:
    columns = min(count, 3)
    rows = -(-count // columns)
    figure = Figure(figsize=(width or 3.6 * columns + 0.4, height * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=share).ravel()
    for panel in panels[count:]:
        panel.remove()
    return figure, list(panels[:count])
