"""Draws docs/images/architecture.svg from the import rules: `python tests/helpers/architecture.py` writes it again."""

import sys
import textwrap
from pathlib import Path
from xml.sax.saxutils import escape

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "architecture.svg"

PURPOSE = {
    "files": "reads strangers' files",
    "metrics": "arithmetic on predictions",
    "plugins": "finds names of plug-ins",
    "runs": "the run directory",
    "models": "backbones, weights",
    "training": "processes, signals, bars",
    "report": "runs as frame, tables, pages",
    "plans": "stages and their order",
    "data": "images and forget set",
    "methods": "one file a method",
    "importing": "folders become data files",
    "callbacks": "measures, writes the run",
    "audit": "attacks and distances",
    "exporting": "models for other programs",
    "relearning": "steps until known again",
    "receipts": "signed statements",
    "confusion": "swapped labels",
    "poisoning": "the Gaussian poison",
    "ulira": "shadow models",
    "tuning": "settings by the proxy gap",
    "deletion": "answers a request",
    "cli": "one file a command",
}
"""What a part is for, in the few characters that a box has room for."""

WIDTH, MARGIN, GAP, HEIGHT = 760, 12, 8, 66
MOST = 4  # boxes side by side


def levels(rules: dict[str, set[str]]) -> list[list[str]]:
    """Return the parts by level: each knows parts of lower levels alone, the first level none.

    Args:
        rules: For each part, which others it may import.

    Raises:
        RecursionError: If parts know each other in a circle.
    """

    def level(part: str) -> int:
        return max((level(other) + 1 for other in rules[part]), default=0)

    found: dict[int, list[str]] = {}
    for part in rules:
        found.setdefault(level(part), []).append(part)
    return [sorted(found[at]) for at in sorted(found)]


def picture(rules: dict[str, set[str]], free: set[str]) -> str:
    """Return the picture as SVG: a band for each level, a box for each part, with the parts that it knows.

    Args:
        rules: For each part, which others it may import.
        free: Modules that every part may import.
    """
    bands, top = [], 0.0
    for parts in reversed(levels(rules)):
        body, height = _band(parts, rules, top)
        bands.append(body)
        top += height + GAP
    foot = f"Free to all: {', '.join(sorted(free))}. A part knows only parts of lower bands, those that its box names."
    bands.append(_text(MARGIN, top + 14, foot, 11, "#24292f"))
    frame = f'<rect width="{WIDTH}" height="{top + 24:.0f}" rx="6" fill="#ffffff"/>'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top + 24:.0f}" role="img" '
        'aria-labelledby="t" font-family="-apple-system,Segoe UI,Helvetica,Arial,sans-serif">'
        '<title id="t">The parts of medunlearn, and which parts each one knows</title>'
    )
    return "\n".join([head, frame, *bands, "</svg>"]) + "\n"


def _band(parts: list[str], rules: dict[str, set[str]], top: float) -> tuple[str, float]:
    rows = -(-len(parts) // MOST)
    columns = -(-len(parts) // rows)
    width = (WIDTH - 4 * MARGIN - (columns - 1) * GAP) / columns
    height = rows * (HEIGHT + GAP) + MARGIN
    place = f'x="{MARGIN}" y="{top + 8:.0f}" width="{WIDTH - 2 * MARGIN}" height="{height:.0f}"'
    lines = [f'<rect {place} rx="6" fill="#eaeef2"/>']
    for number, part in enumerate(parts):
        x = 2 * MARGIN + number % columns * (width + GAP)
        y = top + 8 + MARGIN - 2 + number // columns * (HEIGHT + GAP)
        lines.append(_box(part, rules, x, y, width))
    return "\n".join(lines), height


def _box(part: str, rules: dict[str, set[str]], x: float, y: float, width: float) -> str:
    known = sorted(rules[part])
    text = "all below" if part == "cli" else ", ".join(known) if known else "nothing"
    lines = textwrap.wrap(f"knows {text}", int(width / 5.2))
    return "\n".join(
        [
            f'<g id="{part}"><rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{HEIGHT}" rx="4" fill="#ffffff" '
            'stroke="#8c959f"/>',
            _text(x + 8, y + 17, part, 13, "#0550ae", "600"),
            _text(x + 8, y + 32, PURPOSE[part], 11, "#24292f"),
            *(_text(x + 8, y + 47 + 12 * at, line, 9.5, "#57606a") for at, line in enumerate(lines)),
            "</g>",
        ]
    )


def _text(x: float, y: float, text: str, size: float, colour: str, weight: str = "400") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{colour}">{escape(text)}</text>'
    )


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from test_imports import FACE, FREE, MAY_IMPORT

    PICTURE.write_text(picture({part: known for part, known in MAY_IMPORT.items() if part != FACE}, FREE))
