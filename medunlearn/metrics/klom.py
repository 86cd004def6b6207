"""KLoM: how far the margins of unlearned models are from those of oracles, image by image."""

import numpy as np

LEAST = 1e-5
"""Lower bound on the oracles' probability of a bin."""


def klom(unlearned: np.ndarray, oracle: np.ndarray, bins: int = 20, clip: float = 100) -> np.ndarray:
    """Return the KL divergence from the oracles' margins to the unlearned models', for each image.

    Both groups are counted in `bins` bins of equal width over their joint range, and KLoM = sum of p log(p / q) with p
    of the unlearned models and q of the oracles, at least 1e-5, natural logarithm (Georgiev et al. 2024, arXiv
    2410.23232). Report its mean and its 95th percentile on the forget set, the retain set and the validation images.

    With few models it is biased upwards: two groups of oracles do not give 0 either. Report that value as the floor.

    Args:
        unlearned: Margins of the true class (`margins`) of each image under each unlearned model, (N, I).
        oracle: The same under each retrained model, (M, I).
        bins: Number of bins.
        clip: Margins beyond this, up or down, count as this.

    Returns:
        (I,), 0 where the two histograms are equal, log(1e5) = 11.51 where they do not overlap and each fills one bin.

    Raises:
        ValueError: If shapes do not match, there is no model or image, a margin is NaN, or a number is not above 0.

    Example:
        >>> models = np.array([[0.0, 0.0], [1.0, 1.0]])
        >>> klom(models, models + [0.0, 9.0]).round(2)
        array([ 0.  , 10.82])
    """
    for name, value in (("bins", bins), ("clip", clip)):
        if not value > 0:
            raise ValueError(f"Expected argument `{name}` to be above 0, but got {value}")
    groups = [
        np.clip(_checked(group, name), -clip, clip) for group, name in ((unlearned, "unlearned"), (oracle, "oracle"))
    ]
    if groups[0].shape[1] != groups[1].shape[1]:
        raise ValueError(
            "Expected arguments `unlearned` and `oracle` to hold the same images, "
            f"but got {groups[0].shape[1]} and {groups[1].shape[1]}"
        )
    joined = np.concatenate(groups)
    low, high = joined.min(axis=0), joined.max(axis=0)
    p, q = (_histograms(group, low, high, bins) for group in groups)
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 log 0 is 0
        terms = np.where(p > 0, p * np.log(p / np.maximum(q, LEAST)), 0.0)
    return np.asarray(terms.sum(axis=1))


def _checked(group: np.ndarray, name: str) -> np.ndarray:
    group = np.asarray(group, np.float64)
    if group.ndim != 2 or not group.size:
        raise ValueError(
            f"Expected argument `{name}` to have a shape (models, images) with at least one of each, "
            f"but got {group.shape}"
        )
    if np.isnan(group).any():
        raise ValueError(f"Expected argument `{name}` to hold no NaN")
    return group


def _histograms(group: np.ndarray, low: np.ndarray, high: np.ndarray, bins: int) -> np.ndarray:
    """Return the share of models in each bin between `low` and `high`, both included, for each image, (I, bins)."""
    models, images = group.shape
    width = np.where(high > low, high - low, 1.0) / bins
    places = np.minimum((group - low) // width, bins - 1).astype(np.int64)  # the largest margin is in the last bin
    counts = np.bincount((places + bins * np.arange(images)).ravel(), minlength=bins * images)
    return np.asarray(counts.reshape(images, bins) / models)
