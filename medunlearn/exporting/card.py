"""The model card: README.md with the front matter that Hugging Face reads, checked by its own library if installed."""

import json
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import yaml

from medunlearn.exporting.licences import data_licence
from medunlearn.exporting.monai import PURPOSE
from medunlearn.exporting.subject import Subject
from medunlearn.report.markdown import aligned
from medunlearn.report.templating import markdown

TASK = "image-classification"
ROLES = {
    "original": "It was trained on all images, including the forget set.",
    "retrained": "It was trained without the forget set.",
    "unlearned": "It was trained on all images, and then made to forget the forget set.",
}
ELSEWHERE = "It was trained elsewhere; what it was trained on is not known."
UNLEARNED_ELSEWHERE = f"{ELSEWHERE} It was then made to forget the forget set."
REMARKS = ("collapsed: ", "trained elsewhere: ", "no weight has changed", "UA is the original's", "MIA is ", "only ")
"""Beginnings of the remarks that go into the card: they name no image."""
FIGURES = {
    "UA": "error on the forget set",
    "RA": "accuracy on the retain set",
    "TA": "accuracy on the test set",
    "MIA": "forgotten images that an attack takes for unseen",
    "AG": "mean distance of the four to a Retrain, in points",
}


def card(subject: Subject, files: Sequence[str]) -> str:
    """Return the text of README.md.

    Args:
        subject: What is exported.
        files: Names of the files beside it.

    Raises:
        ValueError: If Hugging Face's library is installed and reads something other than what was written.
    """
    head = front_matter(subject)
    text = f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---\n\n{_body(subject, files)}"
    check(text, head)
    return text


def front_matter(subject: Subject) -> dict[str, Any]:
    """Return the front matter for Hugging Face: task, tags, data and figures."""
    name = f"{subject.architecture} {subject.data} {subject.role}"
    head: dict[str, Any] = {
        "library_name": "medunlearn",
        "pipeline_tag": TASK,
        "tags": ["medical", TASK, "machine-unlearning"],
        "metrics": ["accuracy"],
    }
    if subject.metrics.get("TA") is None:
        return head
    figure = {"type": "accuracy", "value": round(subject.metrics["TA"] / 100, 6), "name": "accuracy on the test set"}
    data = {"name": subject.data, "type": subject.data, "split": "test"}
    return head | {
        "model-index": [{"name": name, "results": [{"task": {"type": TASK}, "dataset": data, "metrics": [figure]}]}]
    }


def check(text: str, head: dict[str, Any]) -> None:
    """Check that Hugging Face's library reads the card as intended; do nothing if it is not installed.

    Raises:
        ValueError: If it does not.
    """
    if find_spec("huggingface_hub") is None:
        return
    from huggingface_hub import ModelCard

    found = ModelCard(text, ignore_metadata_errors=False).data.to_dict()
    if json.loads(json.dumps(found)) != json.loads(json.dumps(head)):
        raise ValueError(f"Expected huggingface_hub to read {head}, but it read {found}")


def _body(subject: Subject, files: Sequence[str]) -> str:
    parts = [
        f"# {subject.architecture} on {markdown(subject.data)}: {subject.role}",
        f"**{PURPOSE}**",
        _what(subject),
        _forget_set(subject),
        _figures(subject),
        _by_class(subject),
        _remarks(subject),
        f"## Data\n\n{data_licence(subject.dataset)}",
        _origin(subject),
        f"## Files\n\n{', '.join(f'`{name}`' for name in files)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _what(subject: Subject) -> str:
    elsewhere = (subject.metrics.get("facts") or {}).get("trained") == "elsewhere"
    method, channels = subject.metrics.get("method"), subject.images.channels
    known = {"original": ELSEWHERE, "unlearned": UNLEARNED_ELSEWHERE} if elsewhere else {}
    return (
        f"{known.get(subject.role, ROLES[subject.role])} Method: {method}.\n\n"
        f"Input: `images` (N, {channels}, {subject.size}, {subject.size}), float32 in [0, 1], normalised inside. "
        f"Output: logits (N, {len(subject.labels)}). Classes: {markdown(subject.listed)}."
    )


def _forget_set(subject: Subject) -> str:
    counts = subject.metrics.get("n") or {}
    if not counts.get("forget"):
        return "## Forget set\n\nNone was named."
    kinds = (("forget", "forgotten"), ("retain", "retained"), ("val", "validation"), ("test", "test"))
    listed = ", ".join(f"{counts[key]:,} {name}" for key, name in kinds if key in counts)
    copies = sum((subject.metrics.get("copies") or {}).get(kind) or 0 for kind in ("exact", "near"))
    says = f" {copies:,} of the forgotten have a copy among the retained, which is not forgotten." if copies else ""
    return f"## Forget set\n\nImages: {listed}.{says} Which images were forgotten is not part of this folder."


def _figures(subject: Subject) -> str:
    rows = [
        [key, f"{subject.metrics[key]:.2f}", what]
        for key, what in FIGURES.items()
        if subject.metrics.get(key) is not None
    ]
    return f"## Figures\n\n{aligned(('', '%', 'meaning'), rows, left=[0, 2])}" if rows else ""


def _by_class(subject: Subject) -> str:
    """Return TA of each class; the share of missed images of a class is 100 - TA."""
    found = subject.metrics.get("by_class") or {}
    shares, counts = found.get("TA") or {}, found.get("n") or {}
    rows = []
    for number, name in enumerate(subject.labels):
        value = shares.get(str(number))
        forgotten, tested = ((counts.get(part) or {}).get(str(number), 0) for part in ("forget", "test"))
        cells = ["-", "-"] if value is None else [f"{value:.2f}", f"{100 - value:.2f}"]
        rows.append([markdown(name), *cells, str(tested), str(forgotten)])
    if not any(value is not None for value in shares.values()):
        return ""
    table = aligned(("class", "TA, %", "missed, %", "test images", "forgotten images"), rows, left=[0])
    return f"## By class\n\n{table}"


def _remarks(subject: Subject) -> str:
    notes = [note for note in subject.metrics.get("notes") or [] if note.startswith(REMARKS)]
    return "## Remarks\n\n" + "\n".join(f"- {markdown(note)}" for note in notes) if notes else ""


def _origin(subject: Subject) -> str:
    rows = [[name.removesuffix("_sha256"), f"`{value}`"] for name, value in subject.hashes.items()]
    says = (
        "" if "receipt_sha256" in subject.hashes else "\n\nThere was no receipt of the deletion when this was exported."
    )
    return f"## Where it comes from\n\n{aligned(('', 'SHA-256'), rows, left=[0, 1])}{says}"
