"""Audit results per image and per class."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medunlearn.audit.attacks import nonmembers
from medunlearn.audit.distances import PARTS, between, by_disagreement, by_jensen_shannon, mean_interval, to_retrains
from medunlearn.audit.settings import Settings
from medunlearn.audit.subjects import Model, Subject
from medunlearn.metrics import auc, signal

WORST = 10
"""Number of images that are listed as furthest from the Retrains."""
COLUMNS = (
    *("run", "part", "index", "label", "patient"),
    *("margin", "margin_untouched", "margin_retrains", "js_retrains", "js_between_retrains", "js_untouched_retrains"),
    *("relative", "answer", "answer_retrains_agree"),
)


@dataclass(frozen=True)
class ClassRow:
    """The forgotten images of one class.

    Attributes:
        name: Of the class.
        n: Number of forgotten images.
        unlearned: Mean Jensen-Shannon divergence to the Retrains; None without any.
        retrains: The same between Retrains.
        untouched: The same of the untouched model.
        interval: Interval of `unlearned` - `retrains`, at a level that holds for all classes jointly (Bonferroni).
        auc: AUC of margins against non-members of the class; None where there are none.
    """

    name: str
    n: int
    unlearned: float | None
    retrains: float | None
    untouched: float | None
    interval: tuple[float, float] | None
    auc: float | None


def class_rows(subject: Subject, settings: Settings) -> list[ClassRow]:
    """Return a row for each class with forgotten images, the furthest from Retrains first."""
    part = subject.unlearned.predictions.forget
    names = subject.names
    classes = np.unique(part.labels)
    rows = [_class_row(subject, settings, int(number), names[number], len(classes)) for number in classes]
    return sorted(rows, key=lambda row: -(row.unlearned or 0) + (row.retrains or 0))


def _class_row(subject: Subject, settings: Settings, number: int, name: str, classes: int) -> ClassRow:
    part, retrains = subject.unlearned.predictions.forget, subject.retrains
    chosen = part.labels == number
    own = to_retrains(subject.unlearned, retrains, "forget", by_jensen_shannon)[chosen] if retrains else None
    null = between(retrains, "forget", by_jensen_shannon)
    before = None
    if retrains and subject.original:
        before = float(to_retrains(subject.original, retrains, "forget", by_jensen_shannon)[chosen].mean())
    limits = None
    if own is not None and null is not None:
        groups = subject.groups_of("train", part.rows[chosen])
        limits = mean_interval(own - null[chosen], settings, groups, level=1 - 0.05 / classes)
    return ClassRow(
        name,
        int(chosen.sum()),
        None if own is None else float(own.mean()),
        None if null is None else float(null[chosen].mean()),
        before,
        limits,
        _class_auc(subject.unlearned, settings, number),
    )


def _class_auc(model: Model, settings: Settings, number: int) -> float | None:
    inside, outside = model.predictions.forget, nonmembers(model, settings)
    scores = signal(inside, "margin"), signal(outside, "margin")
    if scores[0] is None or scores[1] is None or not (outside.labels == number).any():
        return None
    return auc(scores[0][inside.labels == number], scores[1][outside.labels == number])


def image_rows(subject: Subject, settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield a row of `audit.csv` for each image of every part."""
    for part in PARTS:
        columns = _columns(subject, part, settings)
        for at in range(len(columns["index"])):
            row = {name: values[at] for name, values in columns.items()}
            yield {"run": str(subject.unlearned.run), "part": part, **row}


def worst_images(subject: Subject) -> list[dict[str, Any]]:
    """Return the forgotten images on which the model is furthest from Retrains; none without a Retrain."""
    if not subject.retrains:
        return []
    part = subject.unlearned.predictions.forget
    distance = to_retrains(subject.unlearned, subject.retrains, "forget", by_jensen_shannon)
    null = between(subject.retrains, "forget", by_jensen_shannon)
    names = subject.names
    order = np.argsort(-distance, kind="stable")[:WORST]
    return [
        {
            "index": int(part.rows[at]),
            "class": names[part.labels[at]],
            "answer": names[part.probs[at].argmax()],
            "distance": float(distance[at]),
            "retrains": None if null is None else float(null[at]),
        }
        for at in order
    ]


def _columns(subject: Subject, part: str, settings: Settings) -> dict[str, list[Any]]:
    found, retrains = getattr(subject.unlearned.predictions, part), subject.retrains
    n = len(found.labels)
    blank: list[Any] = [""] * n
    groups = subject.groups_of("train" if part in ("forget", "retain") else part, found.rows)
    own = to_retrains(subject.unlearned, retrains, part, by_jensen_shannon) if retrains else None
    null = between(retrains, part, by_jensen_shannon)
    before = to_retrains(subject.original, retrains, part, by_jensen_shannon) if retrains and subject.original else None
    apart = to_retrains(subject.unlearned, retrains, part, by_disagreement) if retrains else None
    relative = None
    if own is not None and before is not None:
        relative = np.divide(own, before, out=np.full(n, np.nan), where=before > 0)
    numbers = {
        "margin": _margins([subject.unlearned], part),
        "margin_untouched": _margins([subject.original] if subject.original else [], part),
        "margin_retrains": _margins(retrains, part),
        "js_retrains": own,
        "js_between_retrains": null,
        "js_untouched_retrains": before,
        "relative": relative,
        "answer_retrains_agree": None if apart is None else 1 - apart,
    }
    texts = {name: blank if values is None else [_text(value) for value in values] for name, values in numbers.items()}
    facts = {
        "index": found.rows.tolist(),
        "label": found.labels.tolist(),
        "patient": blank if groups is None else list(groups),
        "answer": found.probs.argmax(1).tolist(),
    }
    return {name: (facts | texts)[name] for name in COLUMNS[2:]}


def _margins(models: Sequence[Model], part: str) -> np.ndarray | None:
    """Return the mean margin of models on each image of a part; None where one kept no logits."""
    known = [signal(getattr(model.predictions, part), "margin") for model in models]
    found = [each for each in known if each is not None]
    return np.asarray(np.mean(found, axis=0)) if found and len(found) == len(known) else None


def _text(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.6g}"
