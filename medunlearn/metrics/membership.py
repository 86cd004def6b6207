"""The membership inference attack: which forgotten images look like training images."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from medunlearn.metrics.interior_point import nonmembers_by_interior_point
from medunlearn.metrics.predictions import Part

Feature = Literal["confidence", "correctness", "entropy", "prob"]
Solver = Literal["interior_point", "libsvm"]

_Group = tuple[np.ndarray, np.ndarray]

PENALTY = 3  # C of the support vector machine, as in SalUn's code


def membership_inference(
    member_probs: np.ndarray,
    member_labels: np.ndarray,
    nonmember_probs: np.ndarray,
    nonmember_labels: np.ndarray,
    forget_probs: np.ndarray,
    forget_labels: np.ndarray,
    feature: Feature = "confidence",
    solver: Solver = "interior_point",
) -> float:
    """Return the share of the forget set that a membership inference attack calls non-member.

    A support vector machine (RBF kernel, C = 3, gamma 1 / number of features) learns to distinguish members from
    non-members by one feature of the model's output and then classifies the forget set (SalUn, Fan et al. 2024, after
    Song & Mittal 2021; Falcao & Cordeiro 2025 report `confidence` x 100 as MIA).

    Args:
        member_probs: Softmax outputs on retained training images, shape (M, C).
        member_labels: Their true labels, shape (M,).
        nonmember_probs: Softmax outputs on images never trained on, shape (N, C). Use as many as members: otherwise the
            attack is biased towards the larger group.
        nonmember_labels: Their true labels, shape (N,).
        forget_probs: Softmax outputs on the forget set, shape (F, C).
        forget_labels: Their true labels, shape (F,).
        feature: `confidence`, the probability of the true class; `correctness`, whether the most probable class is the
            true one; `entropy` of the probabilities; `prob`, all probabilities.
        solver: `interior_point` takes time linear in the number of samples, `libsvm` quadratic, with the same
            decisions; `prob`, whose kernel has no small rank, always uses libsvm.

    Returns:
        A share in [0, 1]; 1 if the attack calls every forgotten image a non-member.

    Raises:
        ValueError: If shapes do not match, a group is empty, a value is not finite, or feature or solver are unknown.

    Example:
        >>> sure, unsure = np.array([[0.99, 0.01]] * 4), np.array([[0.6, 0.4]] * 4)
        >>> labels = np.zeros(4, dtype=int)
        >>> membership_inference(sure, labels, unsure, labels, forget_probs=unsure, forget_labels=labels)
        1.0
    """
    called = _calls(
        (member_probs, member_labels),
        (nonmember_probs, nonmember_labels),
        (forget_probs, forget_labels),
        feature,
        solver,
    )
    return float(1 - (~called).mean())  # as the reference computes it, to the last digit


def _calls(member: _Group, nonmember: _Group, forget: _Group, feature: Feature, solver: Solver) -> np.ndarray:
    """Return which of the images to judge look like non-members, (F,) bool; each group is probabilities and labels."""
    for name, value, choices in (("feature", feature, Feature), ("solver", solver, Solver)):
        if value not in get_args(choices):
            raise ValueError(f"Expected argument `{name}` to be one of {get_args(choices)}, but got {value!r}")
    groups = {"member": member, "nonmember": nonmember, "forget": forget}
    members, nonmembers, queries = (_feature(name, *group, feature) for name, group in groups.items())
    samples = np.concatenate([members, nonmembers])
    is_member = np.repeat([True, False], [len(members), len(nonmembers)])
    return _nonmembers(samples, is_member, queries, solver == "interior_point" and feature != "prob")


def _nonmembers(samples: np.ndarray, is_member: np.ndarray, queries: np.ndarray, fast: bool) -> np.ndarray:
    called = None
    if fast:
        called = nonmembers_by_interior_point(samples, is_member, queries, PENALTY, gamma=1 / samples.shape[1])
    return nonmembers_by_libsvm(samples, is_member, queries) if called is None else called


def nonmembers_by_libsvm(samples: np.ndarray, is_member: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Return which queries scikit-learn's support vector machine calls non-members: the reference for the fast solver.

    Args:
        samples: Training samples, (n, d).
        is_member: Their class, (n,) bool.
        queries: Samples to classify, (q, d).

    Returns:
        (q,) bool.

    Example:
        >>> samples, is_member = np.array([[0.9], [0.8], [0.2], [0.1]]), np.array([True, True, False, False])
        >>> nonmembers_by_libsvm(samples, is_member, queries=np.array([[0.85], [0.15]]))
        array([False,  True])
    """
    from sklearn.svm import SVC  # slow to import, and needed here alone

    machine = SVC(C=PENALTY, kernel="rbf", gamma="auto").fit(samples, is_member)
    return np.asarray(~machine.predict(queries))


def attack_sample(members: int, nonmembers: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return the members and non-members that train an attack: equally many of each, drawn uniformly.

    The sample depends only on the two counts and the seed, so that all methods in a comparison are attacked with the
    same images.

    Args:
        members: Number of retained images to draw from.
        nonmembers: Number of images never trained on to draw from.
        seed: Seed of the draw.

    Returns:
        Two sorted index arrays of shape (min(members, nonmembers),).

    Example:
        >>> members, nonmembers = attack_sample(members=1000, nonmembers=3)
        >>> len(members), nonmembers
        (3, array([0, 1, 2]))
    """
    count = min(members, nonmembers)
    rng = np.random.default_rng(seed)
    drawn = [rng.choice(total, size=count, replace=False) for total in (members, nonmembers)]
    return np.sort(drawn[0]), np.sort(drawn[1])


def attack(
    retain: Part,
    nonmembers: Part,
    forget: Part,
    feature: Feature = "confidence",
    seed: int = 0,
    solver: Solver = "interior_point",
) -> float:
    """Return MIA in %: `membership_inference` x 100 on equal, seeded samples of members and non-members.

    Args:
        retain: Predictions on the retain set, from which members are drawn.
        nonmembers: Predictions on the test or the validation set.
        forget: Predictions on the forget set.
        feature: See `membership_inference`.
        seed: Seed of the samples.
        solver: See `membership_inference`.

    Example:
        >>> labels, rows = np.zeros(4, dtype=int), np.arange(4)
        >>> sure = Part(np.array([[0.99, 0.01]] * 4), labels, rows)
        >>> unsure = Part(np.array([[0.6, 0.4]] * 4), labels, rows)
        >>> attack(retain=sure, nonmembers=unsure, forget=sure)
        0.0
    """
    called = attack_calls(retain, nonmembers, forget, feature, seed, solver)
    return round(100 * float(1 - (~called).mean()), 10)  # without the rounding errors of 1 - mean


def attack_calls(
    retain: Part,
    nonmembers: Part,
    forget: Part,
    feature: Feature = "confidence",
    seed: int = 0,
    solver: Solver = "interior_point",
) -> np.ndarray:
    """Return which forgotten images the attack calls non-members, (F,) bool; the arguments are those of `attack`.

    Example:
        >>> labels, rows = np.zeros(4, dtype=int), np.arange(4)
        >>> sure = Part(np.array([[0.99, 0.01]] * 4), labels, rows)
        >>> unsure = Part(np.array([[0.6, 0.4]] * 4), labels, rows)
        >>> attack_calls(retain=sure, nonmembers=unsure, forget=sure.take(rows[:1]).joined(unsure.take(rows[:1])))
        array([False,  True])
    """
    inside, outside = attack_sample(len(retain.labels), len(nonmembers.labels), seed)
    members, outsiders = retain.take(inside), nonmembers.take(outside)
    return _calls(members[:2], outsiders[:2], forget[:2], feature, solver)


def _feature(name: str, probs: np.ndarray, labels: np.ndarray, feature: str) -> np.ndarray:
    """Return the feature of each row, shape (N, 1) or, for `prob`, (N, C)."""
    probs, labels = np.asarray(probs), np.asarray(labels)
    if probs.ndim != 2 or labels.shape != (len(probs),):
        raise ValueError(
            f"Expected `{name}_probs` of shape (N, C) and `{name}_labels` of shape (N,), "
            f"but got {probs.shape} and {labels.shape}"
        )
    if len(probs) == 0:
        raise ValueError(f"Expected `{name}_probs` to hold at least one row, but got none")
    if labels.dtype.kind not in "iu" or not 0 <= labels.min() <= labels.max() < probs.shape[1]:
        raise ValueError(f"Expected `{name}_labels` to be whole numbers from 0 to {probs.shape[1] - 1}")
    if not np.isfinite(probs).all():
        raise ValueError(f"Expected `{name}_probs` to be finite; the model has diverged: lower the learning rate")
    return _FEATURES[feature](probs, labels).reshape(len(probs), -1).astype(np.float64)


def _entropy(probs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    logarithm = np.log(np.where(probs > 0, probs, 1))  # p log p is 0 at p = 0
    return np.asarray(-(probs * logarithm).sum(axis=1))


_FEATURES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "confidence": lambda probs, labels: probs[np.arange(len(labels)), labels],
    "correctness": lambda probs, labels: (probs.argmax(axis=1) == labels).astype(np.float64),
    "entropy": _entropy,
    "prob": lambda probs, labels: probs,
}
