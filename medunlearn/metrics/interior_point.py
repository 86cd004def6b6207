"""The support vector machine of the membership attack in linear time.

libsvm's time grows with the square of the number of samples. The kernel of one or a few features has a small numerical
rank r: pivoted Cholesky finds r explicit features that reproduce it up to rounding (Fine & Scheinberg, JMLR 2001), and
an interior-point method then solves the same dual problem in O(n r^2) per iteration (Ferris & Munson, SIAM J. Optim.
2002).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

LARGEST_RANK = 256  # largest rank for this solver; beyond it, libsvm is as fast
KERNEL_TOLERANCE = 1e-13
GAP_GOAL, GAP_TOLERANCE = 1e-12, 1e-9  # relative duality gap: the goal, and what suffices if rounding stops it
SLOPE_TOLERANCE = 1e-6  # of the optimality condition of each sample, where libsvm stops at 1e-3
ITERATIONS = 100
AT_BOUND = 1e-6  # share of its range within which a multiplier counts as at its bound
TIE = 1e-8  # a decision value nearer to 0 is rounding: exact arithmetic would give 0


class _Features(NamedTuple):
    """Explicit features of an RBF kernel: rows whose inner products are the kernel."""

    pivots: Array
    """(r, d): the points that span the feature space."""
    root: Array
    """(r, r): lower triangular, the Cholesky factor of the kernel between pivots."""
    gamma: float

    def of(self, points: Array) -> Array:
        """Return the features (n, r) of points (n, d)."""
        return np.asarray(np.linalg.solve(self.root, _kernel(self.pivots, points, self.gamma)).T)


def nonmembers_by_interior_point(
    samples: Array, is_member: npt.NDArray[np.bool_], queries: Array, penalty: float, gamma: float
) -> npt.NDArray[np.bool_] | None:
    """Return which queries a support vector machine with an RBF kernel calls non-members.

    The problem is libsvm's, solved closer to its optimum than libsvm does by default. Equal samples are merged into one
    with a larger penalty. A tie, as where members and non-members have exactly equal features, counts as member; in
    libsvm rounding decides.

    Args:
        samples: Training samples, (n, d).
        is_member: Their class, (n,); both must occur.
        queries: Samples to classify, (q, d).
        penalty: C of the machine.
        gamma: Width of the kernel exp(-gamma |x - y|^2).

    Returns:
        (q,), or None where the kernel's rank is too large or the solution not exact enough: then use libsvm.

    Example:
        >>> samples, is_member = np.array([[0.9], [0.8], [0.2], [0.1]]), np.array([True, True, False, False])
        >>> nonmembers_by_interior_point(samples, is_member, np.array([[0.85], [0.15]]), penalty=3, gamma=1)
        array([False,  True])
    """
    points, place = np.unique(samples, axis=0, return_inverse=True)
    features = _explicit_features(points, gamma)
    if features is None:
        return None
    distinct, counts = np.unique(np.stack([place.ravel(), is_member]), axis=1, return_counts=True)
    sign = np.where(distinct[1] > 0, 1.0, -1.0)
    rows = features.of(points)[distinct[0]]
    solution = _Dual(rows, sign, np.asarray(penalty * counts, dtype=np.float64)).solve()
    if solution is None:
        return None
    alpha, bias = solution
    shown, place = np.unique(queries, axis=0, return_inverse=True)
    decision = features.of(shown) @ (rows.T @ (sign * alpha)) + bias
    return np.asarray((decision < -TIE)[place.ravel()])


def _explicit_features(points: Array, gamma: float) -> _Features | None:
    """Choose pivots until they reproduce the kernel of all points; None if too many would be needed."""
    residual = np.ones(len(points))
    columns: list[Array] = []
    pivots: list[int] = []
    while residual.max() > KERNEL_TOLERANCE:
        if len(pivots) == min(LARGEST_RANK, len(points)):
            return None
        pivot = int(residual.argmax())
        explained = sum((column[pivot] * column for column in columns), np.zeros(len(points)))
        column = (_kernel(points, points[pivot : pivot + 1], gamma)[:, 0] - explained) / np.sqrt(residual[pivot])
        residual = residual - column**2
        residual[pivot] = 0
        columns.append(column)
        pivots.append(pivot)
    return _Features(points[pivots], np.tril(np.stack(columns, axis=1)[pivots]), gamma)


def _kernel(a: Array, b: Array, gamma: float) -> Array:
    squares = sum(np.subtract.outer(a[:, axis], b[:, axis]) ** 2 for axis in range(a.shape[1]))
    return np.asarray(np.exp(-gamma * squares))


class _Point(NamedTuple):
    """An iterate of the interior-point method."""

    alpha: Array
    """(n,), strictly between 0 and the upper bound."""
    low: Array
    """(n,), positive: multipliers of alpha >= 0."""
    high: Array
    """(n,), positive: multipliers of alpha <= upper."""
    bias: float
    """Multiplier of sign' alpha = 0, which is the bias of the machine."""

    def moved(self, step: "_Point", length: float) -> "_Point":
        return _Point(
            self.alpha + length * step.alpha,
            self.low + length * step.low,
            self.high + length * step.high,
            self.bias + length * step.bias,
        )


class _Dual:
    """Minimise |signed' alpha|^2 / 2 - sum(alpha) over 0 <= alpha <= upper with sign' alpha = 0.

    Args:
        rows: Features, (n, r).
        sign: +1 or -1, the class of each row, (n,).
        upper: (n,).
    """

    def __init__(self, rows: Array, sign: Array, upper: Array) -> None:
        self.signed = rows * sign[:, None]
        self.sign, self.upper = sign, upper

    def solve(self) -> tuple[Array, float] | None:
        """Return alpha and the bias by Mehrotra's predictor-corrector method; None where it does not converge."""
        best = self._best()
        return None if best is None else (best.alpha, self._bias(best))

    def _best(self) -> _Point | None:
        size, best = len(self.sign), None
        point = _Point(self.upper / 2, np.ones(size), np.ones(size), 0.0)
        for _ in range(ITERATIONS):  # some 20 are needed
            room = self.upper - point.alpha
            if not min(point.alpha.min(), room.min(), point.low.min(), point.high.min()) > 0:  # also where not finite
                return best
            slope = self._slope(point.alpha) + point.bias * self.sign - point.low + point.high
            balance = float(self.sign @ point.alpha)
            gap = float(point.alpha @ point.low + room @ point.high)
            scale = 1 + float(point.alpha.sum())
            optimal = np.abs(slope).max() < SLOPE_TOLERANCE and abs(balance) / scale < SLOPE_TOLERANCE
            if optimal and gap / scale < GAP_TOLERANCE:
                best = point
            if optimal and gap / scale < GAP_GOAL:
                return best
            try:
                direction = self._newton(point, room, slope, balance)
            except np.linalg.LinAlgError:
                return best
            predicted = direction(-point.alpha * point.low, -room * point.high)
            after = point.moved(predicted, self._longest(point, predicted))
            gap_after = float(after.alpha @ after.low + (self.upper - after.alpha) @ after.high)
            centre = gap / (2 * size) * (gap_after / gap) ** 3
            step = direction(
                centre - point.alpha * point.low - predicted.alpha * predicted.low,
                centre - room * point.high + predicted.alpha * predicted.high,
            )
            point = point.moved(step, 0.995 * self._longest(point, step))
        return best

    def _slope(self, alpha: Array) -> Array:
        return np.asarray(self.signed @ (self.signed.T @ alpha) - 1)

    def _newton(self, point: _Point, room: Array, slope: Array, balance: float) -> Callable[[Array, Array], _Point]:
        """Return a function that maps targets of the two complementarity conditions to Newton's step.

        The matrix is a diagonal plus rank r, so its inverse is one of size r (Sherman, Morrison, Woodbury).
        """
        inverse = 1 / (point.low / point.alpha + point.high / room)
        scaled = self.signed * inverse[:, None]
        core = np.linalg.cholesky(np.eye(scaled.shape[1]) + self.signed.T @ scaled)

        def solve(right: Array) -> Array:
            inner = np.linalg.solve(core.T, np.linalg.solve(core, scaled.T @ right))
            return np.asarray(inverse * right - scaled @ inner)

        solved_sign = solve(self.sign)

        def direction(low: Array, high: Array) -> _Point:
            right = solve(low / point.alpha - high / room - slope)
            bias = float((self.sign @ right + balance) / (self.sign @ solved_sign))
            alpha = right - bias * solved_sign
            return _Point(alpha, (low - point.low * alpha) / point.alpha, (high + point.high * alpha) / room, bias)

        return direction

    def _longest(self, point: _Point, step: _Point) -> float:
        """Return the longest step, up to 1, that leaves every bounded quantity at 0 or above."""
        pairs = [(point.alpha, step.alpha), (self.upper - point.alpha, -step.alpha)]
        pairs += [(point.low, step.low), (point.high, step.high)]
        return min(1.0, *(float((value / np.maximum(-change, 1e-300)).min()) for value, change in pairs))

    def _bias(self, point: _Point) -> float:
        """Return the bias; with every sample at a bound, the midpoint of the optimal interval, as libsvm does."""
        share = point.alpha / self.upper
        at_low, at_high = share < AT_BOUND, share > 1 - AT_BOUND
        if not (at_low | at_high).all():
            return point.bias
        values = -self.sign * self._slope(point.alpha)  # the bias that would put each sample on its margin
        above = at_low == (self.sign > 0)  # samples whose value the bias must not fall below
        return float((values[above].max() + values[~above].min()) / 2)
