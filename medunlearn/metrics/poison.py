"""The Gaussian poison: tests whether a model still depends on noise that was added to images it has unlearned."""

from collections.abc import Iterable

import numpy as np


def poison_statistics(noise: np.ndarray, gradients: np.ndarray, scale: float) -> np.ndarray:
    """Return, per image, how well the model's input gradient aligns with the noise that it was trained with.

    T_i = <xi_i, g_i> / (s ||g_i||) with noise xi_i ~ N(0, s^2 I), added to image i before training, and g_i the
    gradient of the *log-probability* of its class with respect to the image, at the image *without* noise (Pawelczyk et
    al. 2025, arXiv 2406.17216, algorithm 3). If the model does not depend on xi_i, T_i given g_i is exactly N(0, 1).
    Training on the noisy image makes its class more probable in the direction of the noise, so a trace increases T. The
    gradient of the loss has the opposite sign; with it a trace decreases T.

    Args:
        noise: The noise as it was drawn, before pixels were rounded and clipped, (n, ...).
        gradients: The gradients, (n, ...), of any length.
        scale: The standard deviation s of the noise, in its units.

    Returns:
        (n,); NaN where a gradient is 0: that image carries no information.

    Raises:
        ValueError: If shapes differ or are below two dimensions, a value is not finite, or `scale` is not above 0.

    Example:
        >>> noise, gradients = np.array([[2.0, 0.0], [3.0, 4.0]]), np.array([[5.0, 0.0], [-0.3, -0.4]])
        >>> poison_statistics(noise, gradients, scale=2.0)
        array([ 1. , -2.5])
    """
    if not scale > 0:
        raise ValueError(f"Expected argument `scale` to be above 0, but got {scale}")
    return _products(noise, _directions(gradients), "noise") / scale


def poison_p_value(statistics: np.ndarray) -> float:
    """Return the one-sided p-value of the mean statistic under the null that the model does not depend on the noise.

    The mean of n statistics is then N(0, 1 / n), so p = 1 - Phi(sqrt(n) mean). It is uniform on [0, 1] for a model that
    never saw the images. A p-value near 1 is a trace too: of a model that was pushed away from the images.

    Args:
        statistics: What `poison_statistics` returns, (n,); NaN are left out.

    Returns:
        In [0, 1]; NaN where no statistic is left.

    Raises:
        ValueError: If `statistics` is not of shape (n,).

    Example:
        >>> round(poison_p_value(np.array([1.0, 1.0, 1.0, 1.0])), 5)
        0.02275
    """
    from scipy.special import ndtr  # slow to import

    statistics = np.asarray(statistics, np.float64)
    if statistics.ndim != 1:
        raise ValueError(f"Expected argument `statistics` to have the shape (n,), but got {statistics.shape}")
    known = statistics[~np.isnan(statistics)]
    return float(ndtr(-known.sum() / np.sqrt(len(known)))) if len(known) else float("nan")


def monte_carlo_p_values(noise: np.ndarray, gradients: np.ndarray, draws: Iterable[np.ndarray]) -> np.ndarray:
    """Return, per image, the Monte Carlo p-value: the share of fresh draws aligned with the gradient at least as much.

    No normal distribution is assumed, so the noise may be that in the pixels, rounded and clipped, if the draws are
    rounded and clipped likewise: p_i = (1 + number of draws with <draw, g_i> >= <xi_i, g_i>) / (1 + R).

    Args:
        noise: What was added to each image, (n, ...).
        gradients: See `poison_statistics`, (n, ...).
        draws: Fresh draws of the noise, (R, n, ...), or an iterable of R arrays (n, ...), to save memory.

    Returns:
        (n,), from 1 / (1 + R) to 1; NaN where a gradient is 0.

    Raises:
        ValueError: If shapes differ, a value is not finite, or there is no draw.

    Example:
        >>> noise, gradients = np.array([[2.0]]), np.array([[0.5]])
        >>> monte_carlo_p_values(noise, gradients, draws=np.array([[[1.0]], [[3.0]], [[-2.0]]]))
        array([0.5])
    """
    return monte_carlo(poison_statistics(noise, gradients, 1), poison_null(gradients, draws, 1))


def poison_null(gradients: np.ndarray, draws: Iterable[np.ndarray], scale: float) -> np.ndarray:
    """Return the statistics of R fresh draws of the noise, (R, n), the null distribution; see `poison_statistics`.

    Args:
        gradients: The gradients, (n, ...).
        draws: See `monte_carlo_p_values`.
        scale: The standard deviation s of the noise, in its units.

    Raises:
        ValueError: As `poison_statistics`.

    Example:
        >>> poison_null(np.array([[0.5]]), draws=np.array([[[1.0]], [[3.0]]]), scale=2.0)
        array([[0.5],
               [1.5]])
    """
    directions = _directions(gradients)
    null = [_products(draw, directions, "draws") for draw in draws]
    return np.array(null).reshape(len(null), len(directions)) / scale


def monte_carlo(observed: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Return the one-sided p value of each statistic from R draws under the null: (1 + number at least it) / (1 + R).

    Args:
        observed: The statistics, of any shape; NaN stays NaN.
        null: The same under the null, (R, ...).

    Raises:
        ValueError: If there is no draw.

    Example:
        >>> monte_carlo(np.array([2.0]), null=np.array([[1.0], [3.0], [2.0]]))
        array([0.75])
    """
    if not len(null):
        raise ValueError("Expected argument `draws` to hold at least one draw, but got none")
    reached = 1 + (null >= observed).sum(axis=0)
    return np.where(np.isnan(observed), np.nan, reached / (1 + len(null)))


def _directions(gradients: np.ndarray) -> np.ndarray:
    """Return each gradient as a vector of length 1, (n, d); NaN where it is 0."""
    flat = _flat(gradients, "gradients")
    largest = np.abs(flat).max(axis=1, keepdims=True)  # so that squares of tiny gradients do not underflow
    with np.errstate(invalid="ignore"):
        scaled = flat / largest
    return np.asarray(scaled / np.linalg.norm(scaled, axis=1, keepdims=True))


def _products(noise: np.ndarray, directions: np.ndarray, name: str) -> np.ndarray:
    flat = _flat(noise, name)
    if flat.shape != directions.shape:
        raise ValueError(
            f"Expected arguments `{name}` and `gradients` to have the same shape (n, ...), "
            f"but got {flat.shape} and {directions.shape} with all but the first dimension made one"
        )
    return np.asarray(np.einsum("nd,nd->n", flat, directions))


def _flat(array: np.ndarray, name: str) -> np.ndarray:
    array = np.asarray(array, np.float64)
    if array.ndim < 2 or not array.size:
        raise ValueError(
            f"Expected argument `{name}` to have a shape (n, ...) with at least one image and one pixel, "
            f"but got {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"Expected argument `{name}` to be finite")
    return array.reshape(len(array), -1)
