"""Output of a study: the table in the terminal, `trials.csv`, and `tuned.yaml`, a config of the chosen trial."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from medunlearn.errors import counted
from medunlearn.files import write_whole
from medunlearn.metrics import GAP_METRICS
from medunlearn.plans.options import nested
from medunlearn.report.markdown import aligned
from medunlearn.runs.commands import shown
from medunlearn.tuning.rows import UNTOUCHED, Row, chosen
from medunlearn.tuning.study import Study
from medunlearn.tuning.trials import Place, Recipe, Select, proposed

BY = {
    "proxy": "the proxy gap, on validation images alone",
    "average_gap": "the Average Gap to a Retrain on the test set, which only a researcher has",
}
"""Descriptions of the criterion by which settings are chosen."""

LEARNED = (
    "This method learns from the original's answers on validation images: its proxy gap, which uses these, looks "
    "too good and cannot be compared with that of another method."
)
EXPLANATION = (
    "Distances in percentage points to what is predicted of a Retrain from validation images: UA, error on the forget "
    "set; RA, accuracy on the retain set; TA, here accuracy on validation images; MIA; their mean is the proxy gap: "
    "lower is better. Of a stopped trial: where it was stopped. RTE: run time in minutes."
)


def table(rows: Sequence[Row], select: Select) -> str:
    """Return the trials as a Markdown table, with the chosen one in bold if its gap is below the original's."""
    gaps = ["proxy gap"] if select == "proxy" else ["proxy gap", "AG (chosen by)"]
    head = ["trial", "method", "settings", *GAP_METRICS, *gaps, "RTE", "state"]
    best = chosen(rows, select)
    several = len({row.config for row in rows if row.config}) > 1
    lines = [_cells(row, select, row is best, several) for row in rows]
    if best is not None and not _no_better(best, rows, select):
        lines[rows.index(best)][0] = f"**{lines[rows.index(best)][0]}**"
    return aligned(head, lines, left=(0, 1, 2, len(head) - 1))


def summary(rows: Sequence[Row], place: Place, learned: bool) -> list[str]:
    """Return the sentences below the table: the choice, its criterion, and the cost of the search.

    Args:
        rows: The rows of the study.
        place: Folder and criterion of the study.
        learned: Whether one of its methods learns from validation images.
    """
    found = [EXPLANATION, *([LEARNED] if learned else [])]
    found += [f"Trial {row.trial} {row.state}: {row.reason}" for row in rows if row.reason]
    best = chosen(rows, place.select)
    return [*found, " ".join(_choice(best, rows, place.select)) if best else "No trial has finished."]


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Write every row with all of its settings."""
    settings = list(dict.fromkeys(name for row in rows for name in row.settings))
    head = ["trial", "config", "method", "state", "recipe", "proxy_gap", *GAP_METRICS, "AG", "RTE", "minutes"]
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow([*head, *settings, "run", "reason"])
    for row in rows:
        figures = [row.proxy, *(row.parts.get(name) for name in GAP_METRICS), row.AG, row.RTE, row.minutes]
        values = [row.settings.get(name) for name in settings]
        named = [row.trial, row.config, row.method, row.state, row.recipe]
        writer.writerow([*named, *figures, *values, row.run, row.reason])
    write_whole(path, content.getvalue().encode())


def write_tuned(rows: Sequence[Row], recipe: Recipe, place: Place, path: Path) -> None:
    """Write the config of the chosen trial, with test set and reference as in the recipe.

    Args:
        rows: The rows of the study.
        recipe: The recipe of the chosen trial.
        place: Folder and criterion of the study.
        path: The file.
    """
    best = chosen(rows, place.select)
    assert best is not None
    changes = proposed(recipe, best.settings)
    content = nested([*recipe.stage.overrides, *changes], recipe.stage.content)
    content = {"run_dir": str(place.folder / "tuned"), **{k: v for k, v in content.items() if k != "run_dir"}}
    said = [f"{recipe.stage.config.name} with the settings of trial {best.trial}.", *_choice(best, rows, place.select)]
    said += [LEARNED] if recipe.reads_validation else []
    said.append(f"Run it: {shown(['medunlearn', 'fit', '--config', path])}")
    text = "".join(f"# {line}\n" for line in said) + yaml.safe_dump(content, sort_keys=False)
    write_whole(path, text.encode())


def settings_text(row: Row) -> str:
    """Return the settings of a trial in a line: `lr 0.013, max_epochs 4`."""
    return ", ".join(f"{name.rpartition('.')[2]} {_plain(value)}" for name, value in row.settings.items())


def _choice(best: Row, rows: Sequence[Row], select: Select) -> Iterator[str]:
    """Yield sentences on the choice, its criterion, the number of trials and the cost."""
    trials = [row for row in rows if row.trial != UNTOUCHED]
    ended = {state: sum(row.state == state for row in trials) for state in ("stopped", "failed")}
    also = ", ".join(f"{number} {state}" for state, number in ended.items() if number)
    counts = f"{counted(len(trials), 'trial')}{f' ({also})' if also else ''}"
    yield f"Trial {best.trial} is chosen by {BY[select]}, out of {counts}: {_number(best.gap(select))} points."
    others = [
        (f"the recipe {row.config}" if row.recipe else "the untouched model", row.gap(select))
        for row in rows
        if row.recipe or row.trial == UNTOUCHED
    ]
    yield f"For comparison: {', '.join(f'{name} {_number(gap)}' for name, gap in others)}."
    if _no_better(best, rows, select):
        yield "No trial is nearer to a Retrain than the untouched model."
    search = sum(row.minutes for row in trials)
    yield f"The search took {search:.1f} min in all; the chosen run's RTE is {_number(best.RTE)} min."


def _no_better(best: Row, rows: Sequence[Row], select: Select) -> bool:
    """Return whether the original's gap is no larger than that of the chosen trial."""
    before = next((row.gap(select) for row in rows if row.trial == UNTOUCHED), None)
    return before is not None and before <= (best.gap(select) or 0.0)


def _cells(row: Row, select: Select, best: bool, several: bool) -> list[str]:
    gaps = [_number(row.proxy)] if select == "proxy" else [_number(row.proxy), _number(row.AG)]
    name = f"{row.trial} (recipe)" if row.recipe else row.trial
    parts = [_number(row.parts.get(part)) for part in GAP_METRICS]
    method = "" if row.trial == UNTOUCHED else f"{row.method} ({row.config})" if several else row.method
    cells = [name, method, settings_text(row), *parts, *gaps, _number(row.RTE), row.state]
    return [*cells[:-1], f"{cells[-1]}, chosen"] if best else cells


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def write_all(study: Study, rows: Sequence[Row]) -> list[Path]:
    """Write the output files of a study into its folder, and return their paths."""
    from medunlearn.tuning.figures import write_figures  # imports matplotlib

    place = study.place
    written = [place.folder / "trials.csv"]
    write_csv(rows, written[0])
    if (best := chosen(rows, place.select)) is not None:
        written.append(place.folder / "tuned.yaml")
        recipe = next(each for each in study.recipes if each.name == best.config)
        write_tuned(rows, recipe, place, written[1])
    return [*written, *write_figures(rows, place)]
