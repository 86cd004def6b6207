"""Writes the report: results.csv, and the same sections as HTML, Markdown and LaTeX from templates."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from medunlearn.errors import InputError
from medunlearn.files import output_folder, writing_to
from medunlearn.metrics import FEW as FEW_IMAGES
from medunlearn.metrics import GAP_METRICS, PART_OF, wilson
from medunlearn.metrics.legend import LEGEND as LEGEND_OF_COLUMNS
from medunlearn.metrics.legend import head
from medunlearn.report.class_table import class_table
from medunlearn.report.figures import Drawn, draw_figures
from medunlearn.report.floors import LEGEND as FLOOR_LEGEND
from medunlearn.report.floors import of_pooled
from medunlearn.report.frame import COLUMNS
from medunlearn.report.published import DIFFERENCES
from medunlearn.report.readings import check_originals
from medunlearn.report.sections import Section, sections
from medunlearn.report.side_tables import side_tables
from medunlearn.report.templating import TEMPLATES, Markup, embedded, rendered

LEGEND = (
    "UA, RA, TA and MIA in %, best near the retrained model; in brackets the distance to it, lower is better; AG is "
    "the mean of the four distances, each seed against its own Retrain. Means over seeds ± standard deviation. RTE in "
    "minutes: mask and updates, without evaluation; of Original its training."
)
PROXY_LEGEND = (
    "Proxy gap: AG as predicted from validation images, for where there is no Retrain; settings may be chosen by it."
)
INTERVALS = (
    f"Below a figure of fewer than {FEW_IMAGES} images: its 95 % interval (Wilson); of a mean over seeds, from the "
    "images of one."
)
GLANCE_LEGEND = (
    "AG: Average Gap to retraining in points, lower is better; bold where it is below that of the untouched model by "
    "more than chance with so many images. Nearest first."
)
FEW, SENTENCES = 2, 6
"""Up to so many sections of so many sentences each, the page begins with sentences; else with a table."""

CSV_COLUMNS = (
    *("data", "forgotten", "augmentation", "method", "seed"),
    *(*GAP_METRICS, *(f"gap_{key}" for key in GAP_METRICS), "AG", "RTE_minutes"),
    *("n_forget", "n_retain", "n_test", "split_sha256", "run", "reference", "hardware", "precision", "torch"),
    *("role", "note", "TA_retained_classes", "proxy", "notes"),
    *(f"{key}_{end}" for key in GAP_METRICS for end in ("low", "high")),
    *("AG_retrains", "floor", "band", "retrains", "place", "epochs"),
)


def write_report(frame: pd.DataFrame, folder: Path) -> int:
    """Write report.html, report.md, tables.tex, results.csv and the figures, and return how many figures there are.

    Args:
        frame: Result of `load`.
        folder: Folder of the files; created if missing, and files of these names are replaced.

    Raises:
        InputError: If nothing is forgotten, runs cannot be distinguished, or the folder is a file or cannot be written.

    Example:
        >>> from medunlearn.report import load
        >>> write_report(load([]), Path("out"))
        Traceback (most recent call last):
        medunlearn.errors.InputError: report: none of the runs forgets anything; name a Retrain or an unlearned run too
    """
    found = sections(frame)
    if not found:
        raise InputError("report: none of the runs forgets anything; name a Retrain or an unlearned run too")
    check_originals(frame)
    folder = output_folder(folder)
    with writing_to(folder):
        return _write(found, folder)


def _write(found: Sequence[Section], folder: Path) -> int:
    figures = draw_figures(found, folder)
    content = _content(found, figures, folder)
    texts = {"results.csv": results_csv(found)}
    texts |= {name: rendered(TEMPLATES / name, content) for name in ("report.html", "report.md", "tables.tex")}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
    return len(figures)


def results_csv(sections: Sequence[Section]) -> str:
    """Return `results.csv`: one line for each run and forget set, numbers in full.

    `UA_low` and `UA_high` are the limits of Wilson's 95 % interval, and so on.

    Example:
        >>> results_csv([]).startswith("data,forgotten,augmentation,method,seed,UA,RA,TA,MIA,gap_UA")
        True
    """
    rows = [of_pooled(cell.runs, section.frame) for section in sections for cell in section.cells]
    frame = pd.concat(rows) if rows else pd.DataFrame(columns=[*COLUMNS])
    frame = frame.assign(notes=["; ".join(each) for each in frame.notes], **_intervals(frame))
    renamed = frame.drop(columns="method").rename(columns={"label": "method", "RTE": "RTE_minutes"})
    return str(renamed.to_csv(columns=list(CSV_COLUMNS), index=False, lineterminator="\n"))


def _intervals(frame: pd.DataFrame) -> dict[str, Any]:
    """Return the columns of the intervals; empty where a figure is missing."""
    columns: dict[str, Any] = {}
    for key in GAP_METRICS:
        pairs = zip(frame[key], frame[f"n_{PART_OF[key]}"], strict=True)
        limits = [(None, None) if pd.isna(value) or not images else wilson(value, images) for value, images in pairs]
        columns |= {f"{key}_{end}": [each[at] for each in limits] for at, end in enumerate(("low", "high"))}
    return columns


def _content(sections: Sequence[Section], figures: Sequence[Drawn], folder: Path) -> dict[str, Any]:
    """Return the variables of the templates."""
    frame = pd.concat([cell.runs for section in sections for cell in section.cells])
    return {
        "sections": sections,
        "figures": figures,
        "forgotten": list(dict.fromkeys(section.forgotten for section in sections)),
        "keys": GAP_METRICS,
        "head": head,
        "better": {name: column.better for name, column in LEGEND_OF_COLUMNS.items()},
        "class_table": class_table,
        "side_tables": [side_tables(section) for section in sections],
        "few": len(sections) <= FEW and all(len(section.headlines()) <= SENTENCES for section in sections),
        "shown": SENTENCES,
        "legend": LEGEND,
        "intervals": INTERVALS,
        "proxy": PROXY_LEGEND if frame.proxy.notna().any() else "",
        "floors": FLOOR_LEGEND if frame.floor.notna().any() else "",
        "glance_legend": GLANCE_LEGEND,
        "differences": DIFFERENCES if any(len(section.published) for section in sections) else "",
        "facts": {name: _listed(frame[name]) for name in ("hardware", "precision", "torch")},
        "png": lambda name: embedded(folder / f"{name}.png"),
        "raw": Markup,
    }


def _listed(values: "pd.Series[Any]") -> str:
    return ", ".join(sorted({str(value) for value in values if value}))
