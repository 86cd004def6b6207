"""U-LiRA scores: each shadow model is attacked in turn, with the other shadows as the attacker's knowledge."""

import numpy as np

from medunlearn.metrics.shadows import lira


def ulira(
    forgotten: np.ndarray, unseen: np.ndarray, together: np.ndarray | None = None, pooled: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return the U-LiRA score of each image under each shadow model, with the attacked shadow held out.

    The attacker of Hayes et al. (2024, arXiv 2403.01218) asks of an image whether a model has learned and then
    forgotten it, or never had it. Score = log N(phi; mu_f, s_f^2) - log N(phi; mu_u, s_u^2), with the moments of an
    image's margins over other shadows that forgot it and over those that never had it, see `lira`. A shadow that
    retains an image is on neither side.

    Holding out one shadow leaves fewer shadows on one side of an image, so that even models without a leak do not have
    an AUC of exactly 0.5. To avoid this, train shadows in pairs that divide the images between them, and hold out a
    pair at a time.

    Args:
        forgotten: Margins of N images under S shadows, (S, N); NaN where a shadow did not forget the image.
        unseen: The same; NaN where the shadow was trained on the image.
        together: Group of each shadow, (S,): shadows with equal values are held out together. By default each is held
            out alone.
        pooled: One variance per side for all images, as is advised below about 64 shadows.

    Returns:
        Scores of the forgotten and of the unseen, (S, N) each, NaN where the margin is; above 0 where the image looks
        forgotten. Also NaN where a side of the image has no other shadow.

    Raises:
        ValueError: If shapes do not match, a margin is infinite, an image is on both sides of a shadow, or all shadows
            are held out together.

    Example:
        >>> forgotten = np.array([[4.0], [np.nan], [2.0], [np.nan]])
        >>> unseen = np.array([[np.nan], [1.0], [np.nan], [-1.0]])
        >>> scores = ulira(forgotten, unseen, together=np.array([0, 0, 1, 1]))
        >>> scores[0].ravel(), scores[1].ravel()
        (array([10.5,  nan, -1.5,  nan]), array([  nan,   1.5,   nan, -10.5]))
    """
    sides = np.asarray(forgotten, np.float64), np.asarray(unseen, np.float64)
    groups = np.arange(len(sides[0])) if together is None else np.asarray(together)
    _check(*sides, groups)
    scores = np.full_like(sides[0], np.nan), np.full_like(sides[1], np.nan)
    for group in np.unique(groups):
        known = [side[groups != group] for side in sides]
        for shadow in np.flatnonzero(groups == group):
            for side, found in zip(sides, scores, strict=True):
                there = ~np.isnan(side[shadow])
                found[shadow, there] = lira(side[shadow, there], known[0][:, there], known[1][:, there], pooled)
    return scores


def _check(forgotten: np.ndarray, unseen: np.ndarray, groups: np.ndarray) -> None:
    if forgotten.ndim != 2 or forgotten.shape != unseen.shape:
        raise ValueError(
            "Expected arguments `forgotten` and `unseen` to have the same shape (S, N), "
            f"but got {forgotten.shape} and {unseen.shape}"
        )
    if groups.shape != (len(forgotten),) or len(np.unique(groups)) < 2:
        raise ValueError(
            f"Expected argument `together` to be of shape ({len(forgotten)},) with two or more values, "
            f"but got {groups.tolist()}"
        )
    if (~np.isnan(forgotten) & ~np.isnan(unseen)).any():
        raise ValueError("Expected no image on both sides of a shadow in `forgotten` and `unseen`")
