"""The files of an audit: `audit.json`, `audit.csv`, and `audit.md` and `audit.html` of the same content."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from medunlearn.audit.attacks import LEVELS, AttackRow
from medunlearn.audit.auditing import Audited
from medunlearn.audit.figures import draw
from medunlearn.audit.images import COLUMNS, image_rows
from medunlearn.audit.verdicts import Verdict
from medunlearn.errors import counted
from medunlearn.files import output_folder, writing_to
from medunlearn.report.markdown import aligned
from medunlearn.report.templating import Markup, embedded, rendered

TEMPLATES = Path(__file__).with_name("templates")
READING = (
    "AUC: probability that the attack ranks a forgotten image above one that was never seen; 0.5 is guessing, and far "
    "below 0.5 is a trace too. TPR: share of forgotten images that it finds at the given FPR, the share of the others "
    "that it names wrongly; a dash where there are too few non-members. In brackets 95 % intervals by bootstrap. "
    "Jensen-Shannon: distance of the answers in nats, from 0 to 0.693. Relative: 0 as retrained, 1 as untouched, above "
    "1 damaged."
)
LIMITS = (
    "A pass shows that these attacks found nothing on these images; a stronger attacker may find something. No test of "
    "a model alone can show that a training procedure was carried out: whoever owns the model can pass such tests "
    "without unlearning (Thudi et al. 2022; Zhang et al. 2024). To show it, keep the record of the run itself."
)


def write_audit(found: Sequence[Audited], folder: Path) -> list[Path]:
    """Write the files of an audit and return them.

    Args:
        found: What `audit` returned, at least one.
        folder: Where they are written; created if missing, and files of these names are replaced.

    Raises:
        InputError: If the folder is a file, or cannot be written.
    """
    folder = output_folder(folder)
    with writing_to(folder):
        return _write(found, folder)


def _write(found: Sequence[Audited], folder: Path) -> list[Path]:
    texts = {"audit.json": audit_json(found), "audit.csv": audit_csv(found)}
    drawn = [draw(each, folder, str(number)) for number, each in enumerate(found, start=1)]
    content = {
        "found": list(zip(found, drawn, strict=True)),
        "settings": found[0].settings,
        "levels": LEVELS,
        "reading": READING,
        "limits": LIMITS,
        "verdict_cells": verdict_cells,
        "attack_cells": attack_cells,
        "three": three,
        "spread": spread,
        "png": lambda name: embedded(folder / f"{name}.png"),
        "raw": Markup,
    }
    texts |= {name: rendered(TEMPLATES / name, content) for name in ("audit.md", "audit.html")}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
    figures = [folder / f"{name}.{end}" for names in drawn for name, _ in names for end in ("png", "svg")]
    return [*(folder / name for name in texts), *figures]


def three(value: float | None) -> str:
    """Return a figure with three significant digits; a dash where there is none.

    Example:
        >>> three(0.50449), three(None)
        ('0.504', '-')
    """
    return "-" if value is None else f"{value:.3f}" if abs(value) >= 0.01 else f"{value:.2g}"


def spread(limits: tuple[float, float] | None) -> str:
    """Return two limits; a dash where there are none.

    Example:
        >>> spread((0.48, 0.521))
        '0.480 to 0.521'
    """
    return "-" if limits is None else f"{three(limits[0])} to {three(limits[1])}"


def verdict_cells(verdict: Verdict) -> list[str]:
    """Return a verdict as the cells of a table."""
    value = three(verdict.value) + (f" ({spread(verdict.interval)})" if verdict.interval else "")
    return [verdict.question, verdict.measure, value, spread(verdict.band), three(verdict.untouched), verdict.answer]


def attack_cells(row: AttackRow) -> list[str]:
    """Return an attack as the cells of a table, without its name and model."""
    names = ["auc", "balanced_accuracy", *(f"tpr@{level:g}" for level in LEVELS)]
    cells = [three(row.figures[name]) for name in names]
    return [f"{cells[0]} ({spread(row.intervals['auc'])})", *cells[1:]]


def audit_json(found: Sequence[Audited]) -> str:
    """Return `audit.json`: settings, and for each run every figure with its interval."""
    settings = found[0].settings
    content = {
        "nonmembers": settings.nonmembers,
        "draws": settings.draws,
        "seed": settings.seed,
        "by_patient": any(each.subject.groups for each in found),
        "runs": [each.content() for each in found],
    }
    return json.dumps(content, indent=2) + "\n"


def audit_csv(found: Sequence[Audited]) -> str:
    """Return `audit.csv`: a row for each image of each run."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for each in found:
        writer.writerows(image_rows(each.subject, each.settings))
    return text.getvalue()


def terminal(each: Audited) -> str:
    """Return the answers of an audit as a table for the terminal, with the reasons and notes below it."""
    subject = each.subject
    title = f"{subject.unlearned.label}, {subject.unlearned.run}: {counted(each.counts['forget'], 'forgotten image')}, "
    title += f"{each.counts[each.settings.nonmembers]} non-members, {counted(len(subject.retrains), 'Retrain')}"
    heads = ("question", "found", "Retrains", "untouched", "answer")
    cells = [verdict_cells(verdict) for verdict in each.verdicts]
    table = aligned(heads, [[each[0], *each[2:]] for each in cells], left=[0, 4])
    return "\n".join([title, "", table, *(f"- {line}" for line in (*each.reasons, *each.notes))])
