"""Means of images drawn again. (Draws of ROC figures: `test_roc.py`.)"""

import numpy as np
import pytest

from medunlearn.metrics import bootstrap_mean, interval


def test_each_mean_is_of_as_many_images_as_there_are():
    values = np.random.default_rng(1).normal(size=40)
    rng = np.random.default_rng(5)
    expected = [values[rng.integers(40, size=40)].mean() for _ in range(30)]
    np.testing.assert_allclose(bootstrap_mean(values, draws=30, seed=5), expected)


def test_whole_groups_are_drawn():
    groups = np.array(["b", "a", "b", "c", "b"])
    values = np.array([1.0, 10.0, 2.0, 100.0, 3.0])
    members = [values[groups == name] for name in "abc"]
    rng = np.random.default_rng(2)
    expected = [np.concatenate([members[at] for at in rng.integers(3, size=3)]).mean() for _ in range(30)]
    np.testing.assert_allclose(bootstrap_mean(values, draws=30, seed=2, groups=groups), expected)


def test_the_spread_is_that_of_a_mean():
    values = np.random.default_rng(0).normal(size=400)
    low, high = interval(bootstrap_mean(values, draws=2000))
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.08)


@pytest.mark.parametrize("wrong", [np.array([]), np.array([1.0, np.nan]), np.ones((2, 2))])
def test_values_that_are_no_scores_are_refused(wrong):
    with pytest.raises(ValueError, match="`values`"):
        bootstrap_mean(wrong)


def test_groups_of_other_images_are_refused():
    with pytest.raises(ValueError, match="`groups` to be of shape"):
        bootstrap_mean(np.ones(3), groups=np.ones(2))
