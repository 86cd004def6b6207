"""Chooses the methods that a figure shows if there are too many to distinguish."""

from medunlearn.metrics import Predictions
from medunlearn.report.readings import predictions
from medunlearn.report.sections import Section

MOST_METHODS = 8
"""Most methods in a figure; more bars or histograms could not be distinguished. Tables show all methods."""


def nearest(section: Section) -> set[str]:
    """Return the labels that figures of a section show: all, or references and the methods with the least AG.

    Example:
        >>> nearest(Section("cells", "10 %", "Default"))
        set()
    """
    gaps = {cell.label: gap.mean for cell in section.of_role("unlearned") if (gap := cell.over_seeds("AG"))}
    left_out = sorted(gaps, key=lambda label: gaps[label])[MOST_METHODS:]
    return {cell.label for cell in section.cells} - set(left_out)


def shown_predictions(section: Section) -> dict[str, list[Predictions]]:
    """Return the predictions of the methods that figures show, one for each seed.

    Example:
        >>> shown_predictions(Section("cells", "10 %", "Default"))
        {}
    """
    return {label: found for label, found in predictions(section).items() if label in nearest(section)}


def crowd_note(section: Section) -> str:
    """Return the note of a caption on methods that are left out; empty if none is.

    Example:
        >>> crowd_note(Section("cells", "10 %", "Default"))
        ''
    """
    methods = {cell.label for cell in section.of_role("unlearned")}
    shown = methods & nearest(section)
    return "" if shown == methods else f" Of {len(methods)} methods, the {len(shown)} with the least AG."
