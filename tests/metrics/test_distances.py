"""Distances between the outputs of two models, against closed forms, SciPy and a walk over the steps by hand."""

from itertools import combinations
from math import comb, inf, isnan, log, nan

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp

from medunlearn.metrics import agreement, jensen_shannon, kolmogorov_smirnov, relative_distance


def softmax_outputs(count=50, classes=5, seed=0, sharpness=4.0):
    odds = np.exp(sharpness * np.random.default_rng(seed).normal(size=(count, classes)))
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


# ---------------------------------------------------------------- agreement


def test_agreement_is_of_the_most_probable_class():
    p = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    q = np.array([[0.4, 0.3, 0.3], [0.5, 0.2, 0.3], [0.3, 0.3, 0.4]])
    found = agreement(p, q)
    assert found.tolist() == [True, False, True]
    assert found.dtype == bool


def test_agreement_on_equal_probabilities_counts_the_first_class():
    even = np.full((1, 2), 0.5)
    assert agreement(even, [[0.9, 0.1]]).all()
    assert not agreement(even, [[0.1, 0.9]]).any()


# ---------------------------------------------------------------- Jensen-Shannon


@pytest.mark.parametrize(
    ("p", "q", "expected"),
    [
        ([1, 0], [0.5, 0.5], 0.75 * log(4 / 3)),
        ([0.2, 0.8], [0.2, 0.8], 0),
        ([1, 0, 0], [1, 0, 0], 0),
        ([1, 0], [0, 1], log(2)),
        ([0.3, 0.7, 0, 0], [0, 0, 0.6, 0.4], log(2)),
    ],
)
def test_jensen_shannon_has_its_closed_forms(p, q, expected):
    found = jensen_shannon([p, q], [q, p])
    assert found == pytest.approx([expected] * 2, abs=1e-15)


def test_jensen_shannon_of_one_and_a_half_is_0_2158():
    assert jensen_shannon([[1.0, 0.0]], [[0.5, 0.5]]).round(4).tolist() == [0.2158]
    assert np.sqrt(jensen_shannon([[1.0, 0.0]], [[0.5, 0.5]])).round(4).tolist() == [0.4645]


def test_jensen_shannon_equals_scipys_squared_distance():
    p, q = softmax_outputs(seed=1), softmax_outputs(seed=2)
    p[:10, 0], q[5:15, 1] = 0, 0  # zeros on one side, on the other and on both
    p, q = (rows / rows.sum(axis=1, keepdims=True) for rows in (p, q))
    expected = [jensenshannon(*rows) ** 2 for rows in zip(p.astype(float), q.astype(float), strict=True)]
    assert jensen_shannon(p, q) == pytest.approx(expected, abs=1e-12)


def test_jensen_shannon_stays_within_0_and_log_2():
    p = softmax_outputs(2000)
    assert (jensen_shannon(p, p) == 0).all()
    close = jensen_shannon(p, np.roll(p, 1, axis=1) * 1e-8 + p)
    far = jensen_shannon(np.eye(2), [[1e-320, 1 - 1e-16], [1 - 1e-16, 5e-324]])
    assert jensen_shannon([[5e-324, 1.0]], [[0.0, 1.0]]) == pytest.approx([0])  # half of 5e-324 is rounded to 0
    assert (close >= 0).all() and close.max() < 1e-8
    assert (far <= log(2)).all() and far == pytest.approx([log(2)] * 2)


# ---------------------------------------------------------------- Kolmogorov-Smirnov


def largest_step(a, b):
    """The distance of the two empirical distribution functions, at every value."""
    return max(abs(np.mean(np.array(a) <= x) - np.mean(np.array(b) <= x)) for x in {*a, *b})


def by_permutation(a, b):
    """The share of all ways to part the values in two samples that have as large a statistic."""
    values = [*a, *b]
    ways = [set(way) for way in combinations(range(len(values)), len(a))]
    found = [
        largest_step(*([values[i] for i in range(len(values)) if (i in w) == own] for own in (1, 0))) for w in ways
    ]
    return np.mean(np.array(found) >= largest_step(a, b) - 1e-12)


@pytest.mark.parametrize(("first", "second"), [(4, 4), (3, 6), (1, 5)])
def test_kolmogorov_smirnov_by_hand_and_by_all_permutations(first, second):
    rng = np.random.default_rng(first)
    a, b = rng.normal(size=first).tolist(), rng.normal(1, 2, size=second).tolist()
    assert kolmogorov_smirnov(a, b) == pytest.approx((largest_step(a, b), by_permutation(a, b)), abs=1e-12)


@pytest.mark.parametrize(("first", "second"), [(30, 30), (200, 75), (12000, 900)])
def test_kolmogorov_smirnov_equals_scipys(first, second):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=first).astype(np.float32), rng.normal(0.2, 1, size=second).astype(np.float32)
    expected = ks_2samp(a, b, alternative="two-sided")
    assert kolmogorov_smirnov(a, b) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-12)


def test_kolmogorov_smirnov_at_its_ends():
    same = np.arange(9.0)
    assert kolmogorov_smirnov(same, same) == (0, 1)
    assert kolmogorov_smirnov(same, same + 9) == pytest.approx((1, 2 / comb(18, 9)))
    assert kolmogorov_smirnov([-inf, 0.0], [0.0, inf]) == (0.5, 1)
    assert kolmogorov_smirnov([1.0], [2.0]) == (1, 1)


@pytest.mark.parametrize(("wrong", "message"), [([], "shape"), ([[1.0]], "shape"), ([1.0, nan], "no NaN")])
def test_kolmogorov_smirnov_refuses_what_is_no_sample(wrong, message):
    for name, samples in {"a": (wrong, [1.0]), "b": ([1.0], wrong)}.items():
        with pytest.raises(ValueError, match=f"Expected argument `{name}` to .*{message}"):
            kolmogorov_smirnov(*samples)


# ---------------------------------------------------------------- relative distance


def test_relative_distance_is_0_as_retrained_and_1_as_the_original():
    original, retrained = softmax_outputs(seed=1), softmax_outputs(seed=2)
    assert relative_distance(retrained, retrained, original) == 0
    assert relative_distance(original, retrained, original) == 1


def test_relative_distance_between_and_beyond():
    original, retrained = np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([[0.6, 0.4], [0.8, 0.2]])
    half, damaged = np.array([[0.75, 0.25], [0.8, 0.2]]), np.array([[0.1, 0.9], [0.8, 0.2]])
    assert 0 < relative_distance(half, retrained, original) < 1 < relative_distance(damaged, retrained, original)
    # A ratio of means, not a mean of ratios: the second image, where O = G, has none.
    expected = jensenshannon(damaged[0], retrained[0]) ** 2 / jensenshannon(original[0], retrained[0]) ** 2
    assert relative_distance(damaged, retrained, original) == pytest.approx(expected)


def test_relative_distance_is_nan_where_the_original_is_as_the_retrain():
    original = softmax_outputs()
    assert isnan(relative_distance(softmax_outputs(seed=1), original, original))
    assert isnan(relative_distance(original, original, original))


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize("distance", [agreement, jensen_shannon])
def test_outputs_that_do_not_match_are_refused(distance):
    good = softmax_outputs(2, 2)
    for wrong in (good[:1], good[:, :1]):
        with pytest.raises(ValueError, match=r"Expected argument `q` to be of `p`'s shape \(2, 2\), but got "):
            distance(good, wrong)
    for wrong in (good[0], good[:, :0]):
        with pytest.raises(ValueError, match=r"Expected argument `p` to be of shape \(N, C\) with C >= 1, but got "):
            distance(wrong, wrong)
    for bad in (nan, inf):
        with pytest.raises(ValueError, match="Expected argument `q` to be finite"):
            distance(good, [[0.5, 0.5], [0.5, bad]])


@pytest.mark.parametrize("row", [[1.5, -0.5], [0.6, 0.6], [0.0, 0.0], [4.0, -2.0]])
def test_rows_that_are_no_probabilities_are_refused(row):
    good = [[0.5, 0.5]]
    for name, models in {"p": ([row], good), "q": (good, [row])}.items():
        with pytest.raises(ValueError, match=f"Expected argument `{name}` to hold probabilities that sum to 1"):
            jensen_shannon(*models)
    for place, name in enumerate(("unlearned", "retrained", "original")):
        with pytest.raises(ValueError, match=f"Expected argument `{name}` to hold probabilities that sum to 1"):
            relative_distance(*([row] if each == place else good for each in range(3)))


def test_no_image_has_no_distance():
    none = np.ones((0, 3))
    assert agreement(none, none).shape == jensen_shannon(none, none).shape == (0,)
    with pytest.raises(ValueError, match="to hold at least one image, but got none"):
        relative_distance(none, none, none)
