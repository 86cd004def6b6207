"""Tests whether a model has seen the forget set: compares its outputs there with those on training and unseen images.

For models that were trained elsewhere, whose training images are unknown.
"""

from typing import Literal, NamedTuple

import numpy as np

from medunlearn.errors import counted
from medunlearn.metrics.predictions import Part
from medunlearn.metrics.resampling import interval
from medunlearn.metrics.roc import auc, bootstrap
from medunlearn.metrics.signals import signal

Answer = Literal["training", "unseen", "cannot tell"]
MOST = 2000
"""Most images used of each part; more would make the intervals slow to compute and hardly narrower."""


class Seen(NamedTuple):
    """Whether outputs on the forget set look like those on training images.

    Example:
        >>> Seen("unseen", 0.5, (0.45, 0.55), 0.8, (0.7, 0.9), 100, 200).facts()["seen"]
        'unseen'
    """

    answer: Answer
    """The images whose outputs they resemble."""
    forget: float
    """AUC of the forget set against unseen images, ranked within classes: 0.5 if it looks like unseen images."""
    forget_interval: tuple[float, float]
    """Its 95 % interval."""
    retain: float
    """AUC of the other training images against the unseen ones: at 0.5 the test is uninformative."""
    retain_interval: tuple[float, float]
    """Its 95 % interval."""
    images: int
    """Images of the forget set."""
    unseen: int
    """Unseen images."""

    def facts(self) -> dict[str, float | str]:
        """Return the figures as `metrics.json` has them.

        Example:
            >>> list(Seen("unseen", 0.5, (0.45, 0.55), 0.8, (0.7, 0.9), 100, 200).facts())
            ['seen', 'seen_auc', 'seen_auc_low', 'seen_auc_high', 'seen_auc_retain']
        """
        low, high = self.forget_interval
        known: dict[str, float | str] = {"seen": self.answer, "seen_auc": self.forget}
        return known | {"seen_auc_low": low, "seen_auc_high": high, "seen_auc_retain": self.retain}

    def note(self) -> str:
        """Return the answer as a sentence.

        Example:
            >>> found = Seen("unseen", 0.5, (0.45, 0.55), 0.8, (0.7, 0.9), 100, 200)
            >>> found.note().partition(" (")[0]
            'trained elsewhere: its answers on the forget set look like those on unseen images'
        """
        (low, high), own = self.forget_interval, f"AUC {self.forget:.2f}"
        figures = (
            f"({own}, {low:.2f} to {high:.2f}, against {counted(self.unseen, 'unseen image')}; {self.retain:.2f} on "
        )
        figures += "other training images)"
        if self.answer == "cannot tell":
            images = counted(self.images, "image")
            return f"trained elsewhere: whether it has seen the forget set is unknown with {images} {figures}"
        kind = "training images" if self.answer == "training" else "unseen images"
        return f"trained elsewhere: its answers on the forget set look like those on {kind} {figures}"


def seen(
    forget: Part,
    retain: Part,
    unseen: Part,
    draws: int = 1000,
    seed: int = 0,
    groups: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
) -> Seen | None:
    """Return whether a model's outputs on the forget set look like those on training images.

    Each image's margin is ranked among those of unseen images of its class, so that easy or rare classes do not decide.
    The answer is `training` if the ranks are above those of unseen images and not below those of the other training
    images, and `unseen` if they are not above those of unseen images and below those of the other training images.
    Otherwise it is undecided, as for every model whose outputs on training and unseen images are alike.

    Args:
        forget: The model's outputs on the forget set.
        retain: Outputs on the other images that are assumed to be its training set.
        unseen: Outputs on images that are assumed unseen: test or validation images.
        draws: Of the bootstrap.
        seed: Seed of the bootstrap, and of the sample from a part with more than `MOST` images.
        groups: The group (patient) of each image of the three parts, which are then drawn whole; None to draw images.

    Returns:
        None where no class has both an image of the forget set, or of the other training images, and an unseen one.

    Example:
        >>> def part(margin, rows):
        ...     logits = np.stack([margin, 0 * margin], axis=1)
        ...     return Part(logits, np.zeros(len(margin), int), rows, logits)
        >>> rng, rows = np.random.default_rng(0), np.arange(200)
        >>> known, other = part(rng.normal(2, 1, 200), rows), part(rng.normal(0, 1, 200), rows)
        >>> alike = part(rng.normal(2, 1, 200), rows)
        >>> seen(alike, known, other, draws=100).answer, seen(other, known, other, draws=100).answer
        ('training', 'unseen')
    """
    given = groups if groups is not None else tuple(np.arange(len(part.labels)) for part in (forget, retain, unseen))
    own, training, others = (_some(*each, seed) for each in zip((forget, retain, unseen), given, strict=True))
    ranks = _ranks(own, others), _ranks(training, others)
    if not all(len(side.values) for pair in ranks for side in pair):
        return None
    (a, a_interval), (r, r_interval) = (_auc(*pair, draws, seed) for pair in ranks)
    images, among = (len(side.values) for side in ranks[0])
    return Seen(_answer(a_interval, r_interval), a, a_interval, r, r_interval, images, among)


class _Side(NamedTuple):
    """Scores of some images, (N,), their classes, and the group that each belongs to."""

    values: np.ndarray
    labels: np.ndarray
    groups: np.ndarray


def _some(part: Part, groups: np.ndarray, seed: int) -> _Side:
    """Return the margins of a part's images, or of `MOST` of them."""
    found = signal(part, "confidence" if part.logits is None else "margin")
    assert found is not None
    rows = np.arange(len(found))
    if len(rows) > MOST:
        rows = np.sort(np.random.default_rng(seed).choice(len(rows), MOST, replace=False))
    return _Side(found[rows], part.labels[rows], groups[rows])


def _ranks(own: _Side, unseen: _Side) -> tuple[_Side, _Side]:
    """Return the ranks in [0, 1], among the unseen images of the same class, of a part's images and of the unseen ones.

    Classes that occur in only one of the two are left out.
    """
    common = np.intersect1d(own.labels, unseen.labels)
    among = {label: np.sort(unseen.values[unseen.labels == label]) for label in common}

    def ranked(side: _Side) -> _Side:
        kept = _Side(*(each[np.isin(side.labels, common)] for each in side))
        values = np.empty(len(kept.values))
        for label, others in among.items():
            values[kept.labels == label] = _ranked(kept.values[kept.labels == label], others)
        return kept._replace(values=values)

    return ranked(own), ranked(unseen)


def _ranked(values: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return the share of sorted scores below each value; ties count half."""
    return np.asarray((np.searchsorted(among, values) + np.searchsorted(among, values, "right")) / (2 * len(among)))


def _auc(members: _Side, others: _Side, draws: int, seed: int) -> tuple[float, tuple[float, float]]:
    sides = members.values, others.values
    drawn = bootstrap(*sides, (), draws, seed, members.groups, others.groups)
    return auc(*sides), interval(drawn["auc"])


def _answer(forget: tuple[float, float], retain: tuple[float, float]) -> Answer:
    if retain[0] <= 0.5:  # training images cannot be told apart from unseen ones
        return "cannot tell"
    above, below = forget[0] > 0.5, forget[1] < retain[0]
    return "cannot tell" if above == below else "training" if above else "unseen"
