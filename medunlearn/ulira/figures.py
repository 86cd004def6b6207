"""The figures of a U-LiRA study, from margins alone: are forgotten images distinguished from ones never seen?"""

from typing import Any

import numpy as np

from medunlearn.metrics import auc, can_show, forgetting_quality, interval, klom, roc, tpr_at, ulira

LEVELS = (0.1, 0.01)
"""False positive rates."""
POOLED_BELOW = 64
"""Number of shadows below which the attack uses one variance per side for all images."""
DRAWS = 199
"""Draws of an interval, and of chance."""
FEWEST_MODELS = 3
"""Number of models per side below which their distributions are not compared."""

Sides = tuple[np.ndarray, np.ndarray]
Found = dict[str, float | None]


def figures(
    forgotten: np.ndarray, unseen: np.ndarray, pairs: np.ndarray, oracle: np.ndarray | None = None, draws: int = DRAWS
) -> dict[str, Any]:
    """Return the figures of the attack and of the distances to Retrains, from margins.

    Args:
        forgotten: Margins of I images under N shadows, (N, I); NaN where a shadow did not forget the image.
        unseen: The same; NaN where the shadow was trained on the image.
        pairs: The pair of each shadow, (N,), see `Design`.
        oracle: Margins of the images under Retrains that never saw them, (N, I), NaN likewise; None without Retrains.
        draws: Draws of the intervals and of chance.

    Returns:
        Numbers by name. `auc`, `tpr@0.1` and `tpr@0.01`, the latter None if the unseen images are too few to show that
        rate; for each `..._interval`, 95 % over images, and `..._chance`, 95 % of what the same attack finds if there
        is nothing to find. `quality` and `klom`, `klom_95` against Retrains. None for what cannot be computed.
    """
    pooled = len(pairs) < POOLED_BELOW
    scores = ulira(forgotten, unseen, pairs, pooled)
    found = _attack(*scores)
    resampled = _over_images(scores, draws)
    chance = [
        *_by_chance((forgotten, unseen), pairs, pooled, draws),
        found,
    ]  # including the true one: exact with few draws
    spread = {f"{name}_interval": _limits(name, found, resampled) for name in found}
    spread |= {f"{name}_chance": _limits(name, found, chance) for name in found}
    counts = {"forgotten": _count(forgotten), "unseen": _count(unseen), "pooled": pooled}
    return counts | found | spread | _distances(forgotten, oracle)


def _attack(forgotten: np.ndarray, unseen: np.ndarray) -> Found:
    """Return AUC and TPRs of scores of any shape, in which NaN stands for no score."""
    members, others = (side[~np.isnan(side)] for side in (forgotten, unseen))
    if not (len(members) and len(others)):
        return dict.fromkeys(["auc", *map(_tpr, LEVELS)])
    curve = roc(members, others)
    rates = {_tpr(level): tpr_at(curve, level) if can_show(level, len(others)) else None for level in LEVELS}
    return {"auc": auc(members, others), **rates}


def _tpr(level: float) -> str:
    return f"tpr@{level:g}"


def _over_images(scores: Sides, draws: int) -> list[Found]:
    """Return the figures of images drawn with replacement, each with all its scores, which are correlated."""
    rng, count = np.random.default_rng(0), scores[0].shape[1]
    columns = (rng.integers(count, size=count) for _ in range(draws))
    return [_attack(*(side[:, each] for side in scores)) for each in columns]


def _by_chance(sides: Sides, pairs: np.ndarray, pooled: bool, draws: int) -> list[Found]:
    """Return the figures with random sides: for each image and pair, which shadow forgot it is drawn at random.

    If a model that forgot an image is like one that never had it, the true sides are such a draw too.
    """
    rng = np.random.default_rng(1)
    _, rows = np.unique(pairs, return_inverse=True)
    found = []
    for _ in range(draws):
        swapped = rng.integers(2, size=(rows.max() + 1, sides[0].shape[1])).astype(bool)[rows]
        lot = np.where(swapped, sides[1], sides[0]), np.where(swapped, sides[0], sides[1])
        found.append(_attack(*ulira(*lot, pairs, pooled)))
    return found


def _limits(name: str, found: Found, drawn: list[Found]) -> list[float] | None:
    values = [value for each in drawn if (value := each[name]) is not None]
    return [*interval(np.array(values))] if values and found[name] is not None else None


def _distances(forgotten: np.ndarray, oracle: np.ndarray | None) -> Found:
    """Return how far models that forgot an image are from Retrains that never saw it, over images."""
    sides = () if oracle is None else (forgotten, oracle)
    count = min((int((~np.isnan(side)).sum(axis=0).min()) for side in sides), default=0)
    if count < FEWEST_MODELS:
        return dict.fromkeys(["models", "quality", "klom", "klom_95"])
    unlearned, retrained = (_first(side, count) for side in sides)
    apart = klom(unlearned, retrained)
    return {
        "models": count,
        "quality": forgetting_quality(unlearned, retrained),
        "klom": float(apart.mean()),
        "klom_95": float(np.quantile(apart, 0.95)),
    }


def _first(side: np.ndarray, count: int) -> np.ndarray:
    """Return the first `count` margins of each image that are not NaN, (count, I)."""
    order = np.argsort(np.isnan(side), axis=0, kind="stable")[:count]
    return np.take_along_axis(side, order, axis=0)


def _count(side: np.ndarray) -> int:
    return int((~np.isnan(side)).sum())
