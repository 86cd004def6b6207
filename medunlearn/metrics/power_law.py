"""Power law of a metric in the number of training images, fitted by least squares."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar, nnls

LEAST, MOST = 0.01, 8.0
"""Range of exponents that is searched."""


@dataclass(frozen=True)
class PowerLaw:
    """`a (n / images)^-b + c` in %, or 100 minus that if `mirrored`; results are clipped to [0, 100].

    Since a and b are 0 or more, the plain form never increases with n, and the mirrored one never decreases.

    Args:
        a: The part at n = `images` that more images would remove.
        b: The exponent.
        c: The limit for n to infinity.
        images: The largest size that it was fitted to.
        mirrored: Whether the law describes 100 minus the metric.

    Example:
        >>> PowerLaw(a=4.0, b=1.0, c=2.0, images=1000).at(500)
        10.0
    """

    a: float
    b: float
    c: float
    images: float
    mirrored: bool = False

    def at(self, images: float) -> float:
        """Return the metric at a number of images, in %; fewer than one image count as one.

        Example:
            >>> PowerLaw(a=1.0, b=0.5, c=0.0, images=100).at(25), PowerLaw(a=50, b=1, c=9, images=9).at(1)
            (2.0, 100.0)
        """
        found = self.a * (max(1.0, images) / self.images) ** -self.b + self.c
        return float(np.clip(100 - found if self.mirrored else found, 0, 100))


def fit_power_law(sizes: Sequence[float], values: Sequence[float], either: bool = False) -> PowerLaw:
    """Fit a power law to values in % by least squares in float64; values of the same size are averaged.

    With two sizes, `a n^-b` passes through both points, which is possible if the values fall and stay above 0. With
    three or more, or two that no such law fits, the form is `a n^-b + c` with a and c of 0 or more. Values that rise
    with the number of images give their mean as a constant, unless `either` allows the mirrored form. One size gives a
    constant.

    Args:
        sizes: Numbers of images.
        values: The figure at each.
        either: Also try the mirrored form and return the better fit: for metrics that may rise or fall.

    Raises:
        ValueError: If there is no size, or one below 1.

    Example:
        >>> law = fit_power_law([100, 400], [20.0, 10.0])
        >>> round(law.b, 6), round(law.at(1600), 6)
        (0.5, 5.0)
    """
    n, y = _averaged(sizes, values)
    found = _fitted(n, y, mirrored=False)
    other = _fitted(n, 100 - y, mirrored=True)
    return other if either and _residual(other, n, y) < _residual(found, n, y) else found


def _averaged(sizes: Sequence[float], values: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    n, y = np.asarray(sizes, np.float64), np.asarray(values, np.float64)
    if not len(n) or n.min() < 1:
        raise ValueError(f"Expected numbers of images of 1 or more, but got {n.tolist()}")
    known = np.unique(n)
    return known, np.array([y[n == each].mean() for each in known])


def _fitted(n: np.ndarray, y: np.ndarray, mirrored: bool) -> PowerLaw:
    """Return the best non-increasing law; sizes are ascending and distinct."""
    if len(n) == 1 or np.ptp(y) == 0:
        return PowerLaw(0.0, 0.0, float(y.mean()), float(n[-1]), mirrored)
    if len(n) == 2 and 0 < y[1] < y[0]:
        return PowerLaw(float(y[1]), float(np.log(y[0] / y[1]) / np.log(n[1] / n[0])), 0.0, float(n[-1]), mirrored)

    def solved(b: float) -> tuple[np.ndarray, float]:
        found, residual = nnls(np.stack([(n / n[-1]) ** -b, np.ones_like(n)], axis=1), y)
        return found, float(residual)

    grid = np.geomspace(LEAST, MOST, 60)
    best = int(np.argmin([solved(b)[1] for b in grid]))
    bounds = grid[max(0, best - 1)], grid[min(len(grid) - 1, best + 1)]
    refined = minimize_scalar(lambda b: solved(b)[1], bounds=bounds, method="bounded", options={"xatol": 1e-9})
    b = min((float(grid[best]), float(refined.x)), key=lambda each: solved(each)[1])
    a, c = solved(b)[0]
    return PowerLaw(float(a), b if a else 0.0, float(c), float(n[-1]), mirrored)


def _residual(law: PowerLaw, n: np.ndarray, y: np.ndarray) -> float:
    return float(np.square([law.at(size) - value for size, value in zip(n, y, strict=True)]).sum())
