"""The table of a poison study: one row per run, with the meaning of its p value."""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

from medunlearn.poisoning.study import Finding
from medunlearn.report.markdown import aligned

LEVEL = 0.01
"""A p value below this, or above 1 minus this, is a trace."""
ONE_SIDED = 1.645
"""Standard deviations above the mean that leave out 5 % of a normal distribution."""
HEAD = ("run", "method", "images", "mean T", "p", "p (drawn)", "TA", "reading")

TRACE = {
    "original": "depends on the noise",
    "retrained": "leans towards noise it never saw: 1 Retrain in 100 does by chance, else something leaks",
    "unlearned": "still depends on the images it has forgotten",
}
NO_TRACE = {
    "original": "no trace of the noise",
    "retrained": "no trace, as it must be",
    "unlearned": "no trace found",
}


def table(findings: Sequence[Finding]) -> str:
    """Return the table of what runs show, as Markdown, with remarks below."""
    originals = {each.poison["model_sha256"]: each.poison for each in findings if each.role == "original"}
    lines = [_line(each, originals.get(each.metrics.get("original_sha256"))) for each in findings]
    return "\n".join([aligned(HEAD, lines, left=(0, 1, len(HEAD) - 1)), "", *_remarks(findings)])


def reading(role: str, poison: Mapping[str, Any], original: Mapping[str, Any] | None = None) -> str:
    """Return what the figures of a run mean.

    Args:
        role: The role of the run.
        poison: Its `poison.json`.
        original: `poison.json` of the original that it started from; None if there is none or it is unknown.
    """
    p_value = poison["p_value"]
    if p_value is None:
        return "its answer depends on no pixel: nothing can be said"
    if p_value < LEVEL:
        return TRACE[role]
    if p_value > 1 - LEVEL:
        return "leans away from the noise: driven too far, which is a trace too"
    if original is None:
        return NO_TRACE[role]
    if not _has_trace(original):
        return "no trace, but its original has none either: nothing can be said"
    return f"{NO_TRACE[role]}; up to {_most_left(poison, original):.0f} % of its original's may be left"


def _has_trace(poison: Mapping[str, Any]) -> bool:
    return poison["p_value"] is not None and poison["p_value"] < LEVEL


def _most_left(poison: Mapping[str, Any], original: Mapping[str, Any]) -> float:
    """Return the upper end of the one-sided 95 % interval of a mean, in % of the original's mean."""
    most = poison["mean"] + ONE_SIDED / sqrt(_heard(poison))
    return max(0.0, 100 * float(most) / float(original["mean"]))


def _heard(poison: Mapping[str, Any]) -> int:
    return int(poison["images"]) - int(poison.get("silent") or 0)


def _line(finding: Finding, original: Mapping[str, Any] | None) -> list[str]:
    poison, metrics = finding.poison, finding.metrics
    return [
        str(finding.run),
        str(metrics.get("method") or "-"),
        str(_heard(poison)),
        _number(poison["mean"], "+.3f"),
        _number(poison["p_value"], ".2g"),
        _number(poison.get("monte_carlo_p_value"), ".2g"),
        _number(metrics.get("TA"), ".2f"),
        reading(finding.role, poison, original),
    ]


def _number(value: Any, form: str) -> str:
    return "-" if value is None else format(value, form)


def _remarks(findings: Sequence[Finding]) -> list[str]:
    found = [f"A trace is p below {LEVEL:g} or above {1 - LEVEL:g}. A trace may exist even where none is found."]
    if not any(_has_trace(each.poison) for each in findings if each.role == "original"):
        found.append("No original here shows the noise, so no method can fail: forget more images or enlarge --scale.")
    return found
