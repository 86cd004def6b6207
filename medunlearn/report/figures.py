"""The figures of a report as files, each with a caption."""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
from matplotlib.figure import Figure

from medunlearn.report import charts
from medunlearn.report.colours import colours
from medunlearn.report.crowd import crowd_note
from medunlearn.report.sections import Section

STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "medunlearn",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 9,
    "legend.frameon": False,
    "text.parse_math": False,  # names of data and settings are not formulas
}
"""matplotlib's settings while a chart is drawn and saved."""
OVERVIEW = (
    "Average Gap to retraining by augmentation preset and forget rate (the paper's Figure 2); lower is better. Lines: "
    "standard deviation over seeds. Diamonds: the paper's tables."
)
OF_A_SECTION = (
    (
        "time",
        charts.time_against_gap,
        "run time against Average Gap; lower left is quick and close to retraining. Lines: standard deviation over "
        "seeds.",
    ),
    (
        "probabilities",
        charts.probabilities,
        "probability of the true class, all seeds together. After unlearning, the forget set (orange) should be spread "
        "as under Retrain.",
    ),
    ("classes", charts.error_by_class, "UA by class, all seeds together; what matters is how near to Retrain's."),
    (
        "curves",
        charts.unlearning_curves,
        "UA, RA and TA while unlearning, from the untouched model at epoch 0; means and range over seeds, dashed lines "
        "are Retrain's.",
    ),
    (
        "weights",
        charts.weights_by_layer,
        "share of the weights that unlearning changed, by layer; mean over seeds.",
    ),
)

CROWDED = ("probabilities", "classes", "weights")
"""Figures that show the nearest methods alone, where there are many."""


class Drawn(NamedTuple):
    """A figure that has been saved as NAME.png and NAME.svg."""

    name: str
    caption: str
    section: Section | None
    """What it shows; None for the overview."""


def draw_figures(sections: Sequence[Section], folder: Path) -> list[Drawn]:
    """Draw every figure that the runs have data for, as PNG and SVG, without changing matplotlib's settings.

    Args:
        sections: The sections of the report.
        folder: Folder of the files.

    Example:
        >>> draw_figures([], Path("out"))
        []
    """
    with matplotlib.rc_context(STYLE):
        colour = colours(sections)
        planned = [(Drawn("gap_by_preset", OVERVIEW, None), partial(charts.gap_by_preset, sections))]
        for section in sections:
            name = _file_name(section.title.replace(" forgotten", "").replace(" %", ""))
            planned += [
                (Drawn(f"{kind}_{name}", _caption(section, kind, says), section), partial(draw, section, colour))
                for kind, draw, says in OF_A_SECTION
            ]
        return [figure for figure, draw in planned if save(draw(), folder / figure.name)]


def _caption(section: Section, kind: str, says: str) -> str:
    return f"{section.title}: {says}{crowd_note(section) if kind in CROWDED else ''}"


def _file_name(title: str) -> str:
    """Return a title as a name that every file system takes; a long one is cut and identified by its hash."""
    name = "".join(c if c.isalnum() else "_" for c in title)
    return name if len(name.encode()) <= 150 else f"{name[:30]}_{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def save(figure: Figure | None, path: Path) -> list[Path]:
    """Write a figure as PNG and SVG, with the same bytes each time, and return the files; none without a figure.

    Args:
        figure: The figure.
        path: The file without its extension.

    Example:
        >>> save(None, Path("out/nothing"))
        []
    """
    written = [path.with_name(f"{path.name}.{ending}") for ending in ("png", "svg")] if figure is not None else []
    for file in written:
        assert figure is not None
        metadata = {"Date": None} if file.suffix == ".svg" else {"Software": None}
        figure.savefig(file, dpi=130, metadata=metadata)
        figure.set_layout_engine("none")  # keeps the layout; computing it again takes as long as drawing
    return written
