"""Colours of methods, the same in every figure of a report."""

from collections.abc import Sequence

from medunlearn.report.crowd import nearest
from medunlearn.report.sections import Section

# Okabe and Ito's colours and two of Tol's, which people with any kind of colour vision can tell apart.
ROLES = {"original": ("#8c8c8c",), "retrained": ("#009e73", "#56b4e9")}
UNLEARNED = ("#d55e00", "#0072b2", "#cc79a7", "#e69f00", "#000000", "#f0e442", "#882255", "#999933")


def colours(sections: Sequence[Section]) -> dict[str, str]:
    """Return a colour for each method; those that one figure shows have different ones as long as there are enough.

    Example:
        >>> colours([])
        {}
    """
    found: dict[str, str] = {}
    for section in sections:
        for together in (nearest(section), {cell.label for cell in section.cells}):
            for role, label in sorted({(cell.role, cell.label) for cell in section.cells if cell.label in together}):
                used, palette = [found[each] for each in together if each in found], ROLES.get(role, UNLEARNED)
                counts = {colour: (used.count(colour), place) for place, colour in enumerate(palette)}
                found.setdefault(label, min(counts, key=lambda colour: counts[colour]))
    return found
