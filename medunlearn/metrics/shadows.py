"""Membership attacks that compare a model with others: the original, Retrains, or shadow models.

The scores of an image are its margins phi = log p_y / (1 - p_y) or, for RMIA, its probability of the true class p_y.
Every attack returns one score per image; a higher score looks more like a member.
"""

import numpy as np
from scipy.special import ndtr


def difference(original: np.ndarray, unlearned: np.ndarray) -> np.ndarray:
    """Return how far the margins fell from the original to the unlearned model: phi_O - phi_U.

    Forgotten images fall further than images never trained on. The attacker holds both models (Chen et al., CCS 2021).

    Args:
        original: Margins under the original, shape (N,).
        unlearned: Margins under the unlearned model, shape (N,).

    Returns:
        Shape (N,); the higher, the more likely the image was forgotten.

    Raises:
        ValueError: If shapes do not match or a margin is not finite.

    Example:
        >>> difference(original=np.array([6.0, 1.0]), unlearned=np.array([2.0, 1.5]))
        array([ 4. , -0.5])
    """
    original = _vector("original", original)
    return np.asarray(original - _vector("unlearned", unlearned, len(original)))


def rmia(
    target: np.ndarray,
    references: np.ndarray,
    population: np.ndarray,
    population_references: np.ndarray,
    a: float = 0.3,
    gamma: float = 1.0,
) -> np.ndarray:
    """Return the share of population images that each image dominates (RMIA, Zarifzadeh et al., ICML 2024).

    An image x dominates z where p_U(x) / p(x) > gamma p_U(z) / p(z), with p(.) = ((1 + a) p_out(.) + 1 - a) / 2 and
    p_out the mean over reference models that were not trained on the image. One reference is enough. Time is that of a
    sort of the population, memory that of the arguments.

    Args:
        target: Probability of the true class under the attacked model, shape (N,).
        references: The same under the references, which are trained without these images (Retrains), shape (K, N).
        population: Probability of the true class under the attacked model on images that no model was trained on and
            that are not among the N, shape (Z,).
        population_references: The same under the references, shape (K, Z).
        a: From 0 to 1: models trained with an image are assumed to give it a p_out + 1 - a on average. The larger,
            the closer that is to p_out; the paper chooses it by data set.
        gamma: By what factor an image must exceed another to dominate it.

    Returns:
        Shares in [0, 1], shape (N,). Images that tie with the population dominate none of it (strict >).

    Raises:
        ValueError: If shapes do not match, a value is not a probability, a group is empty, or `a` or `gamma` invalid.

    Example:
        >>> target, population = np.array([0.9, 0.5]), np.array([0.4, 0.5, 0.6, 0.7])
        >>> rmia(target, np.full((1, 2), 0.5), population, np.full((1, 4), 0.5))
        array([1.  , 0.25])
    """
    if not 0 <= a <= 1:
        raise ValueError(f"Expected argument `a` to be from 0 to 1, but got {a}")
    if not 0 < gamma < np.inf:
        raise ValueError(f"Expected argument `gamma` to be finite and larger than 0, but got {gamma}")
    own, outsiders = _vector("target", target), _vector("population", population)
    known = _matrix("references", references, len(own), least=1)
    others = _matrix("population_references", population_references, len(outsiders), least=1)
    _refuse_improbable(target=own, references=known, population=outsiders, population_references=others)
    if not len(outsiders):
        raise ValueError("Expected argument `population` to hold at least one image, but got none")
    if len(known) != len(others):
        name, expected = "population_references", f"as many models as `references`, {len(known)}"
        raise ValueError(f"Expected argument `{name}` to be of {expected}, but got {len(others)}")
    bounds = np.sort(gamma * _likelihood_ratio(outsiders, others, a))
    dominated = np.searchsorted(bounds, _likelihood_ratio(own, known, a), side="left")  # left: those strictly below
    return np.asarray(dominated / len(outsiders))


def _likelihood_ratio(own: np.ndarray, references: np.ndarray, a: float) -> np.ndarray:
    # Rows are added one by one: NumPy's own order depends on the shape, and equal images must get equal ratios.
    outside = sum(references, start=np.zeros(len(own))) / len(references)
    expected = ((1 + a) * outside + (1 - a)) / 2
    with np.errstate(divide="ignore", invalid="ignore"):  # a = 1, and all references give it 0
        return np.where(own == expected, 1.0, own / expected)


def offline_lira(target: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Return how unusually high the margins are among those of models trained without the images.

    Score = Phi((phi - mean) / s): the offline likelihood ratio attack (Carlini et al., S&P 2022, section V-C) with one
    standard deviation s for all images, as that paper advises for few models; so pass members and non-members in one
    call. s^2 is the pooled variance times 1 + 1/K, because phi and the mean of K margins both vary (a departure that
    keeps the order of the images): for a model that was not trained on the images either, scores are uniform in [0, 1]
    where all images vary alike. `leave_one_out` gives the null distribution where images vary differently.

    Args:
        target: Margins under the attacked model, shape (N,).
        references: Margins of the same images under K >= 2 models trained without them, such as Retrains on one forget
            set with other seeds, shape (K, N).

    Returns:
        Shares in [0, 1], shape (N,); exactly 1 from 8.3 standard deviations on. Where the references agree on every
        image to the last digit, 1 above them, 0 below, 0.5 at their value.

    Raises:
        ValueError: If shapes do not match, there are fewer than two references, or a margin is not finite.

    Example:
        >>> references = np.array([[1.0, 4.0], [3.0, 6.0]])
        >>> offline_lira(np.array([2.0, 8.0]), references).round(3)
        array([0.5  , 0.958])
    """
    target = _vector("target", target)
    references = _matrix("references", references, len(target), least=2)
    return _upper_share(target - _moments(references)[0], _pooled_variance(references) * (1 + 1 / len(references)))


def leave_one_out(references: np.ndarray) -> np.ndarray:
    """Return the scores of `offline_lira` for each reference against the others: what scores are without a leak.

    With two references the standard deviation is taken from both, since one alone has none; their scores are then
    mirrored, and as wide as uniform ones by construction.

    Args:
        references: Margins of the same images under K >= 2 models trained without them, shape (K, N).

    Returns:
        Shape (K, N): row k is of reference k.

    Raises:
        ValueError: If there are fewer than two references or a margin is not finite.

    Example:
        >>> leave_one_out(np.array([[1.0, 4.0], [3.0, 6.0]])).round(3)
        array([[0.159, 0.159],
               [0.841, 0.841]])
    """
    references = _matrix("references", references, None, least=2)
    if len(references) == 2:
        return _upper_share(references - references[::-1], 2 * _pooled_variance(references))
    others = [np.delete(references, row, axis=0) for row in range(len(references))]
    return np.stack([offline_lira(own, rest) for own, rest in zip(references, others, strict=True)])


def lira(target: np.ndarray, inside: np.ndarray, outside: np.ndarray, pooled: bool = False) -> np.ndarray:
    """Return the log likelihood ratio of two Gaussians per image (LiRA, Carlini et al., S&P 2022, algorithm 1).

    Score = log N(phi; mu_in, s_in^2) - log N(phi; mu_out, s_out^2), with means and variances (n - 1 below) of the
    margins over shadow models. For U-LiRA (Hayes et al., 2024) `inside` are shadows that were trained on the image and
    then unlearned it, `outside` those that never had it; a shadow that retains the image is on neither side.

    Args:
        target: Margins under the attacked model, shape (N,).
        inside: Margins under shadow models with the image, shape (S, N); NaN where an image is not in a shadow.
        outside: Margins under shadow models without it, shape (S', N); NaN likewise.
        pooled: One variance per side for all images, as the paper advises below about 64 shadow models.

    Returns:
        Shape (N,), above 0 where the image looks like a member; NaN for an image that one side lacks in every shadow. A
        variance of zero, as that of an image with a single shadow on a side, is replaced by the pooled one; where that
        is zero too, by that of both sides together, and at last by 1, which leaves nearness to the means.

    Raises:
        ValueError: If shapes do not match, a side has no shadow, or a margin is infinite, or NaN in `target`.

    Example:
        >>> inside, outside = np.array([[2.0], [4.0]]), np.array([[-1.0], [1.0]])
        >>> lira(np.array([3.0]), inside, outside)
        array([2.25])
    """
    target = _vector("target", target)
    sides = {"inside": inside, "outside": outside}
    moments = [_moments(_matrix(name, each, len(target), least=1, absent=True)) for name, each in sides.items()]
    fallback = _ratio(*(sum(each[part].sum() for each in moments) for part in (1, 2))) or 1.0
    densities = [_log_density(target, *each, pooled, fallback) for each in moments]
    return np.asarray(densities[0] - densities[1])


def _log_density(
    target: np.ndarray, mean: np.ndarray, squares: np.ndarray, freedom: np.ndarray, pooled: bool, fallback: float
) -> np.ndarray:
    """Return log N(target; mean, variance), without its constant."""
    shared = _ratio(squares.sum(), freedom.sum()) or fallback
    own = squares / np.maximum(freedom, 1)
    variance = np.where(pooled | (own == 0), shared, own)
    return np.asarray(-((target - mean) ** 2) / (2 * variance) - np.log(variance) / 2)


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each column's mean, sum of squares about it, and degrees of freedom, of the values that are not NaN."""
    present = ~np.isnan(values)
    count = present.sum(axis=0)
    # Centred on a value of the column first, so that equal values have a sum of squares of exactly zero.
    base = np.where(count > 0, np.where(present, values, -np.inf).max(axis=0), 0.0)
    apart = np.where(present, values - base, 0.0)
    shift = apart.sum(axis=0) / np.maximum(count, 1)
    squares = (np.where(present, apart - shift, 0.0) ** 2).sum(axis=0)
    return np.where(count > 0, base + shift, np.nan), squares, np.maximum(count - 1, 0)


def _pooled_variance(references: np.ndarray) -> float:
    _, squares, freedom = _moments(references)
    return _ratio(squares.sum(), freedom.sum())


def _ratio(squares: float, freedom: float) -> float:
    return float(squares / max(freedom, 1))


def _upper_share(apart: np.ndarray, variance: float) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):  # zero variance: all or nothing, and 0.5 at the mean
        return np.asarray(ndtr(np.where(apart == 0, 0.0, apart / np.sqrt(variance))))


def _vector(name: str, values: np.ndarray, images: int | None = None) -> np.ndarray:
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1 or images not in (None, len(found)):
        expected = "N" if images is None else images
        raise ValueError(f"Expected argument `{name}` to be of shape ({expected},), but got {found.shape}")
    return _finite(name, found)


def _matrix(name: str, values: np.ndarray, images: int | None, least: int, absent: bool = False) -> np.ndarray:
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 2 or images not in (None, found.shape[1]):
        expected = "N" if images is None else images
        raise ValueError(f"Expected argument `{name}` to be of shape (K, {expected}), but got {found.shape}")
    if len(found) < least:
        raise ValueError(f"Expected argument `{name}` to be of {least} or more models, but got {len(found)}")
    return _finite(name, found, absent)


def _finite(name: str, values: np.ndarray, absent: bool = False) -> np.ndarray:
    if not (np.isfinite(values) | (absent & np.isnan(values))).all():
        raise ValueError(f"Expected argument `{name}` to be finite, but it holds NaN or infinite values")
    return values


def _refuse_improbable(**groups: np.ndarray) -> None:
    for name, values in groups.items():
        if ((values < 0) | (values > 1 + 1e-6)).any():  # a float32 softmax may exceed 1 by rounding
            raise ValueError(f"Expected argument `{name}` to hold probabilities, from 0 to 1")
