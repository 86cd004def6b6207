"""Membership scores from one model's outputs, all higher for images that look more like training images.

Scores that depend on the confidence in the true class are computed in float64 from logits: a float32 softmax is exactly
1 from a margin of about 17 on.
"""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from scipy.special import log_softmax, logsumexp

from medunlearn.metrics.predictions import Part

Signal = Literal["confidence", "margin", "loss", "entropy", "modified_entropy"]
NEEDS_LOGITS: tuple[Signal, ...] = ("margin", "loss", "modified_entropy")
"""The signals that need logits, which runs with saved probabilities only do not have."""


def margins(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the margin of the true class: phi = z_y - logsumexp of the other logits = log p_y / (1 - p_y), in nats.

    Also called the logit-scaled confidence (Carlini et al., S&P 2022).

    Args:
        logits: Logits, shape (N, C) with C >= 2.
        labels: True labels, shape (N,).

    Returns:
        Shape (N,), float64; 0 where the true class is as probable as all others together.

    Raises:
        ValueError: If shapes do not match, a label is not a class, a logit is not finite, or there is only one class.

    Example:
        >>> margins(np.array([[2.0, -1.0], [0.0, 40.0]]), labels=np.array([0, 1]))
        array([ 3., 40.])
    """
    logits, labels = _checked("logits", logits, labels)
    if logits.shape[1] < 2:
        raise ValueError(f"Expected argument `logits` to be of at least 2 classes, but got shape {logits.shape}")
    own = np.arange(logits.shape[1]) == labels[:, None]
    others = np.where(own, -np.inf, logits)
    return np.asarray(logits[own] - logsumexp(others, axis=1))


def signal(part: Part, name: Signal) -> np.ndarray | None:
    """Return one score per image; the higher, the more the image looks like a member of the training set.

    Args:
        part: A model's outputs on N images.
        name: `confidence`, the probability of the true class; `margin`, see `margins`; `loss`, the cross-entropy in
            nats, negated; `entropy` of the probabilities in nats, negated; `modified_entropy`, the entropy in nats
            that takes the true class into account (Song & Mittal, USENIX Security 2021), negated.

    Returns:
        Shape (N,), float64; None for a signal of `NEEDS_LOGITS` where the part has no logits.

    Raises:
        ValueError: If the signal is unknown, shapes do not match, a label is not a class, or an output is not finite.

    Example:
        >>> part = Part(np.array([[0.5, 0.5], [0.0, 1.0]]), labels=np.array([0, 1]), rows=np.arange(2))
        >>> signal(part, "confidence")
        array([0.5, 1. ])
        >>> signal(part, "margin") is None
        True
        >>> signal(part._replace(logits=np.array([[3.0, 3.0], [0.0, 30.0]])), "margin")
        array([ 0., 30.])
    """
    if name not in get_args(Signal):
        raise ValueError(f"Expected argument `name` to be one of {get_args(Signal)}, but got {name!r}")
    if name not in NEEDS_LOGITS:
        return _OF_PROBABILITIES[name](*_checked("probs", part.probs, part.labels))
    if part.logits is None:
        return None
    return _OF_LOGITS[name](*_checked("logits", part.logits, part.labels))


def _confidence(probs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.asarray(probs[np.arange(len(labels)), labels])


def _negated_entropy(probs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.asarray((probs * np.log(np.where(probs > 0, probs, 1))).sum(axis=1))  # p log p is 0 at p = 0


def _negated_loss(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.asarray(-np.logaddexp(0, -margins(logits, labels)))


def _negated_modified_entropy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return (1 - p_y) log p_y + the sum over the other classes of p_i log(1 - p_i)."""
    classes, most = np.arange(logits.shape[1]), logits.argmax(axis=1)
    top, own = classes == most[:, None], classes == labels[:, None]
    # For the most probable class, whose p may be close to 1, both logarithms come from its margin; others have p <=
    # 0.5.
    odds = margins(logits, most)[:, None]
    log_p = np.where(top, -np.logaddexp(0, -odds), log_softmax(logits, axis=1))
    log_not_p = np.where(top, -np.logaddexp(0, odds), np.log1p(-np.where(top, 0, np.exp(log_p))))
    return np.asarray(np.where(own, np.exp(log_not_p) * log_p, np.exp(log_p) * log_not_p).sum(axis=1))


_OF_PROBABILITIES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "confidence": _confidence,
    "entropy": _negated_entropy,
}
_OF_LOGITS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "margin": margins,
    "loss": _negated_loss,
    "modified_entropy": _negated_modified_entropy,
}


def _checked(name: str, outputs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    outputs, labels = np.asarray(outputs, dtype=np.float64), np.asarray(labels)
    if outputs.ndim != 2 or labels.shape != (len(outputs),):
        raise ValueError(
            f"Expected argument `{name}` of shape (N, C) and `labels` of shape (N,), "
            f"but got {outputs.shape} and {labels.shape}"
        )
    if labels.dtype.kind not in "iu" or (len(labels) and not 0 <= labels.min() <= labels.max() < outputs.shape[1]):
        raise ValueError(f"Expected argument `labels` to be whole numbers from 0 to {outputs.shape[1] - 1}")
    if not np.isfinite(outputs).all():
        raise ValueError(f"Expected argument `{name}` to be finite; the model has diverged: lower the learning rate")
    return outputs, labels
