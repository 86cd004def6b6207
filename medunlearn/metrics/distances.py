"""Distances between the outputs of two models, per image or between distributions."""

import numpy as np
from scipy.special import rel_entr


def agreement(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return for which images two models predict the same class; among equal outputs the first class counts.

    Args:
        p: Softmax outputs of one model, shape (N, C).
        q: Those of the other on the same images, shape (N, C).

    Returns:
        Booleans, shape (N,); their mean is the share of images on which the models agree.

    Raises:
        ValueError: If shapes do not match or a value is not finite.

    Example:
        >>> agreement(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([[0.7, 0.3], [0.2, 0.8]]))
        array([ True, False])
    """
    p, q = _outputs(p=p, q=q)
    return np.asarray(p.argmax(axis=1) == q.argmax(axis=1))


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the Jensen-Shannon divergence between two models' outputs on each image (Lin, 1991).

    JS = 1/2 sum_c p log(p / m) + 1/2 sum_c q log(q / m) with m = (p + q) / 2, the natural logarithm and 0 log 0 = 0.
    Its square root is a metric. Rows are first divided by their sums, since those of a float32 softmax differ slightly
    from 1.

    Args:
        p: Softmax outputs of one model, shape (N, C).
        q: Those of the other on the same images, shape (N, C).

    Returns:
        Shape (N,), in nats: 0 where the outputs are equal, log 2 = 0.693 where they share no class.

    Raises:
        ValueError: If shapes do not match, a value is negative or not finite, or a row does not sum to 1.

    Example:
        >>> jensen_shannon(np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]])).round(4)
        array([0.2158])
    """
    return _divergence(*_distributions(p=p, q=q))


def kolmogorov_smirnov(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Return the two-sample Kolmogorov-Smirnov statistic and its two-sided p-value.

    The statistic is the largest distance between the two empirical distribution functions. The p-value is the chance of
    one as large if both samples were drawn independently from one continuous distribution: exact up to 10,000 values a
    sample, asymptotic beyond. Margins of two models on the *same* images are not independent; the p-value is then only
    a scale, like the forget quality of TOFU (Maini et al., 2024), not an error rate.

    Args:
        a: One sample, such as margins on the forget set under one model, shape (N,).
        b: The other, shape (M,).

    Returns:
        The statistic, from 0 to 1, and the p-value.

    Raises:
        ValueError: If a sample is empty, has another number of dimensions than one, or holds NaN.

    Example:
        >>> statistic, p = kolmogorov_smirnov(np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0]))
        >>> statistic, round(p, 3)
        (1.0, 0.1)
    """
    from scipy.stats import ks_2samp  # slow to import

    samples = {"a": np.asarray(a, dtype=np.float64), "b": np.asarray(b, dtype=np.float64)}
    for name, sample in samples.items():
        if sample.ndim != 1 or not len(sample):
            raise ValueError(f"Expected argument `{name}` to be of shape (N,) with N >= 1, but got {sample.shape}")
        if np.isnan(sample).any():
            raise ValueError(f"Expected argument `{name}` to hold no NaN")
    result = ks_2samp(*samples.values())
    return float(result.statistic), float(result.pvalue)


def relative_distance(unlearned: np.ndarray, retrained: np.ndarray, original: np.ndarray) -> float:
    """Return how much of the distance from the original to the Retrain is left: mean JS(U, G) / mean JS(O, G).

    Args:
        unlearned: Softmax outputs of the unlearned model U, shape (N, C).
        retrained: Those of the Retrain G on the same images, shape (N, C).
        original: Those of the original O, shape (N, C).

    Returns:
        0 where U equals G, 1 where nothing was unlearned (U = O), above 1 where U is further from G than O was, which
        means damage. NaN where O = G, so that there is no distance to remove.

    Raises:
        ValueError: As for `jensen_shannon`, and if there is no image.

    Example:
        >>> original, retrained = np.array([[0.9, 0.1]]), np.array([[0.5, 0.5]])
        >>> round(relative_distance(np.array([[0.7, 0.3]]), retrained, original), 3)
        0.206
    """
    u, g, o = _distributions(unlearned=unlearned, retrained=retrained, original=original)
    if not len(g):
        raise ValueError("Expected argument `retrained` to hold at least one image, but got none")
    whole = _divergence(o, g).mean()
    return float(_divergence(u, g).mean() / whole) if whole else float("nan")


def _divergence(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    # Over twice the mean, which is never rounded to zero where one of the two is not.
    twice = (rel_entr(2 * p, p + q) + rel_entr(2 * q, p + q)).sum(axis=1)
    return np.asarray(np.clip(twice / 4, 0.0, np.log(2)))


def _outputs(**models: np.ndarray) -> list[np.ndarray]:
    """Return the outputs in float64, all of one shape (N, C)."""
    found = {name: np.asarray(rows, dtype=np.float64) for name, rows in models.items()}
    first, shape = next((name, rows.shape) for name, rows in found.items())
    for name, rows in found.items():
        if rows.ndim != 2 or not rows.shape[1]:
            raise ValueError(f"Expected argument `{name}` to be of shape (N, C) with C >= 1, but got {rows.shape}")
        if rows.shape != shape:
            raise ValueError(f"Expected argument `{name}` to be of `{first}`'s shape {shape}, but got {rows.shape}")
        if not np.isfinite(rows).all():
            raise ValueError(f"Expected argument `{name}` to be finite, but it holds NaN or infinite values")
    return list(found.values())


def _distributions(**models: np.ndarray) -> list[np.ndarray]:
    """Return the outputs in float64 with rows that sum to 1."""
    found = _outputs(**models)
    for name, rows in zip(models, found, strict=True):
        if (rows < 0).any() or (abs(rows.sum(axis=1) - 1) > 1e-3).any():
            raise ValueError(f"Expected argument `{name}` to hold probabilities that sum to 1 in each row")
    return [rows / rows.sum(axis=1, keepdims=True) for rows in found]
