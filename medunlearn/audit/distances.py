"""Distances of a model to Retrains, per image, compared with the distances between Retrains."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from medunlearn.audit.settings import Settings
from medunlearn.audit.subjects import Model, Subject
from medunlearn.metrics import agreement, bootstrap_mean, interval, jensen_shannon, kolmogorov_smirnov, signal

PARTS = ("forget", "retain", "test", "val")
Distance = Callable[[Model, Model, str], np.ndarray]


@dataclass(frozen=True)
class DistanceRow:
    """A mean distance on one part.

    Attributes:
        part: Whose images.
        measure: `Jensen-Shannon` in nats, `disagreement` (share of images with different predicted classes),
            `Kolmogorov-Smirnov` (of margins).
        unlearned: Mean distance of the model to the Retrains.
        retrains: Mean distance between two Retrains; None with fewer than two.
        untouched: Mean distance of the original to the Retrains; None if the original is missing.
        excess: Mean over images of the difference `unlearned` - `retrains`; None if `retrains` is None.
        interval: The 95 % interval of `excess`.
        relative: `unlearned` in units of `untouched`: 0 retrained, 1 nothing done, above 1 damage.
    """

    part: str
    measure: str
    n: int
    unlearned: float
    retrains: float | None = None
    untouched: float | None = None
    excess: float | None = None
    interval: tuple[float, float] | None = None
    relative: float | None = None


def by_jensen_shannon(first: Model, second: Model, part: str) -> np.ndarray:
    """Return the Jensen-Shannon divergence of two models on each image of a part, (N,) in nats."""
    return jensen_shannon(getattr(first.predictions, part).probs, getattr(second.predictions, part).probs)


def by_disagreement(first: Model, second: Model, part: str) -> np.ndarray:
    """Return whether two models predict different classes for each image of a part, (N,) of 0 and 1."""
    same = agreement(getattr(first.predictions, part).probs, getattr(second.predictions, part).probs)
    return (~same).astype(np.float64)


def distance_rows(subject: Subject, settings: Settings) -> list[DistanceRow]:
    """Return the distances to Retrains by part and measure; none without a Retrain."""
    if not subject.retrains:
        return []
    rows = []
    for part in PARTS:
        if len(getattr(subject.unlearned.predictions, part).labels):
            rows.append(_by_image(subject, part, "Jensen-Shannon", by_jensen_shannon, settings))
            rows.append(_by_image(subject, part, "disagreement", by_disagreement, settings))
            if (row := _by_margins(subject, part)) is not None:
                rows.append(row)
    return rows


def to_retrains(model: Model, retrains: Sequence[Model], part: str, distance: Distance) -> np.ndarray:
    """Return the mean distance of a model to Retrains on each image, (N,)."""
    return np.asarray(np.mean([distance(model, each, part) for each in retrains], axis=0))


def between(retrains: Sequence[Model], part: str, distance: Distance) -> np.ndarray | None:
    """Return the mean distance between two Retrains on each image, (N,); None with fewer than two."""
    pairs = [distance(first, second, part) for first, second in combinations(retrains, 2)]
    return np.mean(pairs, axis=0) if pairs else None


def mean_interval(
    values: np.ndarray, settings: Settings, groups: np.ndarray | None, level: float = 0.95
) -> tuple[float, float]:
    """Return the bootstrap interval of a mean, drawn by image or by patient.

    Args:
        values: (N,).
        settings: Draws and seed.
        groups: The patient of each image, (N,); None to draw single images.
        level: Confidence level of the interval.
    """
    return interval(bootstrap_mean(values, settings.draws, settings.seed, groups), level)


def _by_image(subject: Subject, part: str, name: str, distance: Distance, settings: Settings) -> DistanceRow:
    retrains, original = subject.retrains, subject.original
    own, null = to_retrains(subject.unlearned, retrains, part, distance), between(retrains, part, distance)
    untouched = None if original is None else float(to_retrains(original, retrains, part, distance).mean())
    found = DistanceRow(
        part, name, len(own), float(own.mean()), untouched=untouched, relative=_ratio(own.mean(), untouched)
    )
    if null is None:
        return found
    rows = getattr(subject.unlearned.predictions, part).rows
    groups = subject.groups_of("train" if part in ("forget", "retain") else part, rows)
    excess = own - null
    return DistanceRow(
        *(part, name, len(own), float(own.mean()), float(null.mean()), untouched, float(excess.mean())),
        mean_interval(excess, settings, groups),
        found.relative,
    )


def _by_margins(subject: Subject, part: str) -> DistanceRow | None:
    known = {
        model.label: values
        for model in subject.models
        if (values := signal(getattr(model.predictions, part), "margin")) is not None
    }
    if len(known) < len(subject.models):
        return None

    def mean(pairs: Iterable[tuple[Model, Model]]) -> float | None:
        found = [kolmogorov_smirnov(known[a.label], known[b.label])[0] for a, b in pairs]
        return float(np.mean(found)) if found else None

    retrains, original = subject.retrains, subject.original
    own = mean((subject.unlearned, each) for each in retrains)
    untouched = None if original is None else mean((original, each) for each in retrains)
    assert own is not None
    n = len(getattr(subject.unlearned.predictions, part).labels)
    null = mean(combinations(retrains, 2))
    return DistanceRow(part, "Kolmogorov-Smirnov", n, own, null, untouched, relative=_ratio(own, untouched))


def _ratio(own: float, untouched: float | None) -> float | None:
    return float(own / untouched) if untouched else None
