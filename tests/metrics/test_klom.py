"""KLoM against closed forms and against NumPy's histograms with SciPy's entropy."""

from math import log

import numpy as np
import pytest
from scipy.stats import entropy

from medunlearn.metrics import klom


def test_klom_of_the_same_models_is_0_in_any_order():
    models = np.random.default_rng(0).normal(size=(30, 4))
    assert klom(models, models[::-1]).tolist() == [0.0] * 4


def test_klom_of_two_separate_values_is_log_of_one_hundred_thousand():
    assert klom(np.zeros((3, 2)), np.array([[5.0, -5.0]] * 7)) == pytest.approx(log(1e5))


def test_klom_of_one_value_is_0():
    assert klom(np.full((3, 1), 7.0), np.full((2, 1), 7.0)).tolist() == [0.0]


def test_klom_is_entropy_of_histograms_whose_last_bin_is_closed():
    rng = np.random.default_rng(1)
    unlearned, oracle = rng.normal(0.3, 1, size=(50, 6)), rng.normal(0, 2, size=(80, 6))
    expected = []
    for first, second in zip(unlearned.T, oracle.T, strict=True):
        edges = np.linspace(min(first.min(), second.min()), max(first.max(), second.max()), 21)
        p, q = (np.histogram(group, edges)[0] / len(group) for group in (first, second))
        q = np.where(p > 0, np.maximum(q, 1e-5), q)
        expected.append(entropy(p, q) - log(q.sum()))  # SciPy makes q sum to 1 again
    assert klom(unlearned, oracle) == pytest.approx(expected, abs=1e-12)


def test_klom_clips_margins():
    unlearned, oracle = np.array([[0.0], [1e9], [np.inf]]), np.array([[0.0], [100.0], [100.0]])
    assert klom(unlearned, oracle).tolist() == [0.0]
    assert klom(unlearned, oracle, clip=1e10)[0] > 1


@pytest.mark.parametrize(("spread", "exact"), [((0, 1, 1, 1), 0.5), ((0, 1, 0, 2), 0.3181)])
def test_klom_tends_to_the_divergence_of_normal_distributions(spread, exact):
    rng = np.random.default_rng(2)
    many = 200_000
    unlearned = rng.normal(spread[0], spread[1], size=(many, 1))
    oracle = rng.normal(spread[2], spread[3], size=(many, 1))
    assert klom(unlearned, oracle, bins=50)[0] == pytest.approx(exact, rel=0.05)


def test_klom_of_few_models_of_one_distribution_is_above_0_and_falls_with_their_number():
    rng = np.random.default_rng(3)
    few, many = (klom(*rng.normal(size=(2, models, 50))).mean() for models in (20, 500))
    assert few > 10 * many > 0


@pytest.mark.parametrize(
    ("unlearned", "oracle", "options", "message"),
    [
        (np.zeros(3), np.zeros((3, 1)), {}, "`unlearned`"),
        (np.zeros((3, 1)), np.zeros((0, 1)), {}, "`oracle`"),
        (np.zeros((3, 1)), np.zeros((3, 2)), {}, "same images, but got 1 and 2"),
        (np.full((3, 1), np.nan), np.zeros((3, 1)), {}, "no NaN"),
        (np.zeros((3, 1)), np.zeros((3, 1)), {"bins": 0}, "`bins` to be above 0"),
        (np.zeros((3, 1)), np.zeros((3, 1)), {"clip": -1}, "`clip` to be above 0"),
    ],
)
def test_klom_refuses_what_is_no_margin(unlearned, oracle, options, message):
    with pytest.raises(ValueError, match=message):
        klom(unlearned, oracle, **options)
