"""A report as Markdown, LaTeX and CSV."""

import csv
import io
from collections.abc import Sequence

from medunlearn.metrics import GAP_METRICS
from medunlearn.report.cells import Cell, Result
from medunlearn.report.published import DIFFERENCES, PAPER
from medunlearn.report.sections import COLUMNS, Row, Section

LEGEND = (
    "UA, RA, TA and MIA in %, in brackets the distance to the retrained model; AG is the mean of the four distances, "
    "each seed against its own Retrain. Means over seeds ± standard deviation. RTE in minutes: mask and updates, "
    "without evaluation; of Original its training."
)
FEW = 2
"""Up to so many sections, sentences answer first; a table does where there are more."""

GLANCE = ("method", "AG", "untouched model's AG", "share of Retrain's time")
GLANCE_LEGEND = (
    "AG: Average Gap to retraining in points, lower is better; bold where it is below that of the untouched model. "
    "Nearest first."
)
CSV_COLUMNS = (
    *("data", "forgotten", "augmentation", "method", "seed"),
    *(*GAP_METRICS, *(f"gap_{key}" for key in GAP_METRICS), "AG", "RTE_minutes"),
    *("n_forget", "n_retain", "n_test", "split_sha256", "run", "reference", "hardware", "precision", "torch"),
)


_TEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"`": "", "±": r"$\pm$", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
)


def markdown(sections: Sequence[Section], figures: Sequence[str] = ()) -> str:
    """Return `report.md`.

    Args:
        sections: What was measured.
        figures: Names of PNG files beside the report.
    """
    parts = ["# Unlearning report", *([_at_a_glance(sections)] if len(sections) > FEW else [])]
    for section in sections:
        table = [_line(COLUMNS), "|" + "|".join(["---", *["--:"] * (len(COLUMNS) - 1)]) + "|"]
        table += [_line(_cells(row)) for row in section.rows()]
        parts += [f"## {section.title}", *(f"- {headline}" for headline in section.headlines()), "\n".join(table)]
        parts.append(section.protocol)
    parts += [LEGEND]
    if has_published(sections):
        parts += [DIFFERENCES]
    parts += [f"![{figure.removesuffix('.png').replace('_', ' ')}]({figure})" for figure in figures]
    return "\n\n".join(parts) + "\n"


def _at_a_glance(sections: Sequence[Section]) -> str:
    """Return how near each method came in all sections, as one table."""
    lines = [_line(("", *GLANCE)), "|---|---|--:|--:|--:|"]
    for section in sections:
        lines += [
            _line(
                (section.title, each.label, f"**{each.gap}**" if each.nearer else each.gap, each.untouched, each.time)
            )
            for each in section.glances()
        ]
    return "\n".join([*lines, "", GLANCE_LEGEND])


def latex(sections: Sequence[Section]) -> str:
    r"""Return `tables.tex`: one booktabs table for each forget rate, as in the paper, differences in bold."""
    tables = []
    for forgotten in dict.fromkeys(section.forgotten for section in sections):
        chosen = [section for section in sections if section.forgotten == forgotten]
        lines = []
        for section in chosen:
            heading = f"{section.data}, {section.augmentation}"
            lines.append(rf"\multicolumn{{7}}{{l}}{{{_tex(heading)}}} \\")
            lines += [rf"{' & '.join(_tex_cells(row))} \\" for row in section.rows()]
        body = "\n\\midrule\n".join(["\n".join(group) for group in _by_heading(lines)])
        tables.append(
            "\\begin{table}\n\\centering\n"
            f"\\caption{{{_tex(forgotten)} forgotten. {_tex(LEGEND)}}}\n"
            "\\resizebox{\\linewidth}{!}{%\n"  # seven columns with gaps are wider than a page
            "\\begin{tabular}{lrrrrrr}\n\\toprule\n"
            "Method & UA & RA & TA & MIA & AG & RTE (min) \\\\\n\\midrule\n"
            f"{body}\n\\bottomrule\n\\end{{tabular}}}}\n{_footnote(chosen)}\\end{{table}}"
        )
    return "% needs \\usepackage{booktabs,graphicx}\n" + "\n\n".join(tables) + "\n"


def _footnote(sections: Sequence[Section]) -> str:
    notes = [f"{section.data}, {section.augmentation}: {section.protocol}" for section in sections]
    notes += [DIFFERENCES] if has_published(sections) else []
    return "".join(f"\\par\\smallskip\\parbox{{\\linewidth}}{{\\footnotesize {_tex(note)}}}\n" for note in notes)


def results_csv(cells: Sequence[Cell]) -> str:
    """Return `results.csv`: one line for each run and forget set, numbers in full."""
    out = io.StringIO()
    writer = csv.DictWriter(out, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_record(cell, result) for cell in cells for result in cell.results)
    return out.getvalue()


def _record(cell: Cell, result: Result) -> dict[str, object]:
    gaps, counts = result.gaps or {}, result.metrics["n"]
    record: dict[str, object] = {
        "data": cell.data,
        "forgotten": cell.forgotten,
        "augmentation": cell.augmentation,
        "method": cell.label,
        "seed": result.seed,
        "AG": gaps.get("AG"),
        "RTE_minutes": result.values["RTE"],
        "split_sha256": result.split,
        "run": result.run,
        "reference": result.reference,
        "hardware": result.metrics.get("hardware", {}).get("name"),
        "precision": result.metrics.get("precision"),
        "torch": result.metrics.get("versions", {}).get("torch"),
    }
    record |= {key: result.values[key] for key in GAP_METRICS} | {f"gap_{key}": gaps.get(key) for key in GAP_METRICS}
    return record | {f"n_{part}": counts.get(part) for part in ("forget", "retain", "test")}


def _cells(row: Row) -> tuple[str, ...]:
    label = row.label if row.measured else f"*{row.label}*"
    values = (f"{entry.text} ({entry.gap})" if entry.gap else entry.text for entry in row.entries)
    return (label, *values, row.gap, row.minutes, row.seeds)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _tex_cells(row: Row) -> list[str]:
    values = [_tex(entry.text) + (rf" (\textbf{{{_tex(entry.gap)}}})" if entry.gap else "") for entry in row.entries]
    return [_tex(row.label), *values, _tex(row.gap), _tex(row.minutes)]


def _by_heading(lines: Sequence[str]) -> list[list[str]]:
    groups: list[list[str]] = []
    for line in lines:
        if line.startswith(r"\multicolumn"):
            groups.append([])
        groups[-1].append(line)
    return groups


def _tex(text: str) -> str:
    return text.translate(_TEX)


def has_published(sections: Sequence[Section]) -> bool:
    """Return whether a row of the paper stands in a section."""
    return any(PAPER in row.label for section in sections for row in section.rows())
