"""Bootstrap over images or over whole patients, and percentile intervals."""

import numpy as np


def interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of a bootstrap: the limits of the central `level` of all values.

    Args:
        values: The statistic in each draw, shape (draws,).
        level: The share.

    Raises:
        ValueError: If there are no values, a value is NaN, or the level is not from 0 to 1.

    Example:
        >>> interval(np.arange(101.0), level=0.5)
        (25.0, 75.0)
    """
    check_share("level", level)
    low, high = np.quantile(as_scores("values", values), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bootstrap_mean(
    values: np.ndarray, draws: int = 1000, seed: int = 0, groups: np.ndarray | None = None
) -> np.ndarray:
    """Return bootstrap means over images, or over whole groups, drawn with replacement.

    Args:
        values: One per image, shape (N,).
        draws: Number of draws.
        seed: Seed of the draws.
        groups: The group (patient) of each image, shape (N,), which are then drawn whole; None to draw images.

    Returns:
        The mean of each draw, shape (draws,).

    Raises:
        ValueError: If a value is NaN, or groups are for another number of images.

    Example:
        >>> means = bootstrap_mean(np.arange(101.0), draws=200)
        >>> bool(40 < means.min() < 50 < means.max() < 60)
        True
    """
    values = as_scores("values", values)
    numbers, rng = group_numbers("groups", groups, len(values)), np.random.default_rng(seed)
    weights = (drawn_weights(numbers, rng) for _ in range(draws))
    return np.array([each @ values / each.sum() for each in weights])


def group_numbers(name: str, groups: np.ndarray | None, images: int) -> np.ndarray:
    """Return a group number for each image; without groups, each image is its own group.

    Args:
        name: The argument, for errors.
        groups: The group of each image, shape (N,), or None.
        images: N.

    Raises:
        ValueError: If `groups` is not of this shape.

    Example:
        >>> group_numbers("groups", np.array(["P2", "P1", "P2"]), images=3)
        array([1, 0, 1])
    """
    groups = np.arange(images) if groups is None else groups
    if np.shape(groups) != (images,):
        raise ValueError(f"Expected argument `{name}` to be of shape ({images},), but got {np.shape(groups)}")
    return np.unique(groups, return_inverse=True)[1]


def drawn_weights(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return how often each image occurs in one bootstrap draw of groups, shape (N,).

    Args:
        groups: Group numbers from `group_numbers`, shape (N,).
        rng: Random generator.

    Example:
        >>> int(drawn_weights(np.arange(5), np.random.default_rng(0)).sum())
        5
    """
    count = int(groups.max()) + 1
    return np.asarray(np.bincount(rng.integers(count, size=count), minlength=count)[groups])


def as_scores(name: str, values: np.ndarray) -> np.ndarray:
    """Return values in float64, shape (N,).

    Args:
        name: The argument, for errors.
        values: One per image; infinite ones are allowed.

    Raises:
        ValueError: If there is none, the shape is not (N,), or one is NaN.

    Example:
        >>> as_scores("members", np.array([1, 2]))
        array([1., 2.])
    """
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1 or not len(found):
        raise ValueError(f"Expected argument `{name}` to be of shape (N,) with N >= 1, but got {found.shape}")
    if np.isnan(found).any():
        raise ValueError(f"Expected argument `{name}` to hold no NaN")
    return found


def check_share(name: str, value: float) -> None:
    """Reject a value outside [0, 1].

    Raises:
        ValueError: If it is below 0 or above 1.

    Example:
        >>> check_share("level", 0.95)
    """
    if not 0 <= value <= 1:
        raise ValueError(f"Expected argument `{name}` to be from 0 to 1, but got {value}")
