"""Predicts how much worse a Retrain is for having fewer images, from models trained on parts of the training set."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from medunlearn.metrics.power_law import PowerLaw, fit_power_law
from medunlearn.metrics.predictions import Predictions

Reading = Literal["level", "difference", "ratio"]
"""How the curve predicts a Retrain: by its own level, whatever error the original happened to have, or by applying its
differences or, for a curve of models with shorter training, its ratios to the original."""


@dataclass(frozen=True)
class Loss:
    """Percentage points by which a Retrain is predicted to be worse than the original because it has fewer images.

    Args:
        val: Loss of accuracy on the validation set.
        train: Loss of accuracy on the training images; below 0 where fewer images are easier to fit.
        forget: Loss of accuracy on images of the forget set's classes, by which UA rises; None for `val`.
        attack: How many more of 100 unseen images the membership attack calls non-members. If given, a model's MIA is
            compared with that predicted for a Retrain; if None, with the share of validation images called non-members
            under the model itself.

    Example:
        >>> Loss(val=6.2, train=3.1).forget is None
        True
    """

    val: float
    train: float = 0.0
    forget: float | None = None
    attack: float | None = None


NO_LOSS = Loss(0.0)


@dataclass(frozen=True)
class Point:
    """Metrics in % of a model that was trained on a given number of images.

    Args:
        images: Number of training images.
        val_error: Its error on the validation set.
        train_error: Its error on its training images; None where it is not known.
        attack: The share of unseen images that the membership attack calls non-members; None where it is not known.
        unseen_error: Its error on all images that it has not seen: those of the training set that were left out, and
            the validation set; None where it is not known.

    Example:
        >>> Point(500, val_error=12.0).attack is None
        True
    """

    images: float
    val_error: float
    train_error: float | None = None
    attack: float | None = None
    unseen_error: float | None = None


@dataclass(frozen=True)
class LearningCurve:
    """Metrics as functions of the number of training images.

    Args:
        points: A point for each model.
        original: The original's point; its `images` is the size of the whole training set.
        reading: How the curve predicts a Retrain; see `Reading`.
        moves_attack: Whether the attack's share moves the target of MIA.

    Example:
        >>> curve = LearningCurve((Point(250, 20.0), Point(1000, 10.0)), original=Point(1000, 10.0))
        >>> round(curve.loss(1000, 500).val, 3)
        4.142
    """

    points: tuple[Point, ...]
    original: Point
    reading: Reading = "difference"
    moves_attack: bool = False

    @cached_property
    def laws(self) -> dict[str, PowerLaw]:
        """The law of `val_error`, and of `train_error` and `attack` where they are known of a point.

        Where `unseen_error` is known of two points or more, the law of `val_error` is fitted to it alone: it is the
        same quantity, measured on more images.

        Example:
            >>> curve = LearningCurve((Point(250, 20.0), Point(1000, 10.0)), original=Point(1000, 10.0))
            >>> {name: round(law.b, 2) for name, law in curve.laws.items()}
            {'val_error': 0.5}
        """
        known = {name: self.known(name) for name in ("val_error", "train_error", "attack")}
        return {
            name: fit_power_law([n for n, _ in points], [value for _, value in points], either=name != "val_error")
            for name, points in known.items()
            if points
        }

    def known(self, name: str) -> list[tuple[float, float]]:
        """Return the points that the law of a metric is fitted to: the number of images and the value of each.

        Example:
            >>> points = (Point(250, 20.0, unseen_error=22.0), Point(500, 14.0, unseen_error=15.0), Point(1000, 10.0))
            >>> LearningCurve(points, original=Point(1000, 10.0)).known("val_error")
            [(250, 22.0), (500, 15.0)]
        """
        known = self._known("unseen_error") if name == "val_error" else []
        return known if len(known) > 1 else self._known(name)

    def _known(self, name: str) -> list[tuple[float, float]]:
        found = [(each.images, getattr(each, name)) for each in self.points]
        return [(images, value) for images, value in found if value is not None]

    def loss(self, n_from: float, n_to: float) -> Loss:
        """Return the loss from training on `n_to` images instead of `n_from`.

        Example:
            >>> curve = LearningCurve((Point(250, 20.0), Point(1000, 10.0)), original=Point(1000, 6.0), reading="ratio")
            >>> round(curve.loss(1000, 250).val, 3)
            6.0
        """
        val, train, attack = (self._change(name, n_from, n_to) for name in ("val_error", "train_error", "attack"))
        return Loss(val or 0.0, train or 0.0, attack=attack if self.moves_attack else None)

    def loss_for(self, original: Predictions) -> Loss:
        """Return the loss of a Retrain on the retain set.

        For each class, the loss is that of training on a share of all images equal to the retained share of the class.
        So forgetting a whole class costs the other classes nothing. Its own images count as errors anyway, which the
        targets of the proxy gap handle.

        Args:
            original: The original's predictions, with the forget set.

        Example:
            >>> from medunlearn.metrics.predictions import Part
            >>> half = Part(np.eye(2, dtype=np.float32), labels=np.array([0, 1]), rows=np.arange(2))
            >>> curve = LearningCurve((Point(1, 20.0), Point(4, 10.0)), original=Point(4, 10.0))
            >>> round(curve.loss_for(Predictions(forget=half, retain=half, test=half, val=half)).val, 3)
            4.142
        """
        forget, retain, val = original.forget.labels, original.retain.labels, original.val.labels
        images, losses = len(forget) + len(retain), dict[int, Loss]()
        for number in np.unique(np.concatenate([forget, retain])):
            kept, lost = int((retain == number).sum()), int((forget == number).sum())
            losses[int(number)] = self.loss(images, images * kept / (kept + lost)) if kept else NO_LOSS
        measured = forget[np.isin(forget, val) | ~np.isin(forget, retain)]  # classes whose error can be predicted
        return Loss(
            val=_mean(val, losses, lambda each: each.val),
            train=_mean(retain, losses, lambda each: each.train),
            forget=_mean(measured, losses, lambda each: each.val),
            attack=_mean(forget, losses, lambda each: each.attack or 0.0) if self._attacks else None,
        )

    @property
    def _attacks(self) -> bool:
        return self.moves_attack and "attack" in self.laws

    def _change(self, name: str, n_from: float, n_to: float) -> float | None:
        law = self.laws.get(name)
        if law is None:
            return None
        before, after, own = law.at(n_from), law.at(n_to), getattr(self.original, name)
        if self.reading == "level" and own is not None:
            return float(after - own)
        if self.reading == "ratio" and before > 0 and own is not None:
            return float(own * (after / before - 1))
        return after - before


def _mean(labels: np.ndarray, losses: dict[int, Loss], value: Callable[[Loss], float]) -> float:
    """Return the mean over images; for a class without training images the loss is unknown and counts as 0."""
    return float(np.mean([value(losses.get(int(number), NO_LOSS)) for number in labels])) if len(labels) else 0.0


def nested_order(labels: np.ndarray, seed: int) -> np.ndarray:
    """Return a random order of the images in which every prefix is stratified by class.

    So parts of several sizes are nested: each smaller one is a subset of the larger ones.

    Args:
        labels: The class of each image, (N,).
        seed: Seed of the draw.

    Example:
        >>> labels = np.array([0, 0, 0, 0, 1, 1])
        >>> sorted(labels[nested_order(labels, seed=0)[:3]].tolist())
        [0, 0, 1]
    """
    rng = np.random.default_rng(seed)
    place = np.empty(len(labels))
    for number in np.unique(labels):
        own = np.flatnonzero(labels == number)
        place[rng.permutation(own)] = (np.arange(len(own)) + 0.5) / len(own)
    return np.lexsort((rng.permutation(len(labels)), place))


def part_sizes(images: int, fractions: Sequence[float]) -> list[int]:
    """Return the sizes of parts of a training set, ascending and each once.

    Example:
        >>> part_sizes(1000, [1, 0.25, 0.125, 0.25])
        [125, 250, 1000]
    """
    return sorted({max(1, round(images * fraction)) for fraction in fractions})
