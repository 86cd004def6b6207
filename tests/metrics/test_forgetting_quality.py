"""The forgetting quality against closed forms, and against the grid of the challenge, tried rule by rule here."""

from math import log

import numpy as np
import pytest

from medunlearn.metrics import epsilons, forgetting_quality

DELTA = 1e-5


def shares(*counts):
    """Return margins 0 and 1 of 100 models for each image, given how many are 1."""
    return np.array([[float(model < count) for count in counts] for model in range(100)])


def test_epsilons_of_0_and_1_with_three_quarters_against_one_are_log_3():
    (found,) = epsilons(shares(75), shares(25))
    assert found == pytest.approx(log((1 - DELTA - 0.25) / 0.25), abs=1e-12)
    assert found == pytest.approx(log(3), abs=2e-5)
    assert forgetting_quality(shares(75), shares(25)) == 0.25  # log 3 is in the third bin


def test_epsilons_of_the_same_models_are_0():
    models = np.random.default_rng(0).normal(size=(60, 7))
    assert epsilons(models, models).tolist() == [0.0] * 7
    assert forgetting_quality(models, models) == 1.0


def test_epsilons_of_separated_models_are_the_cap():
    models = np.random.default_rng(0).normal(size=(60, 3))
    assert epsilons(models, models + np.array([0, 20, -20])).tolist() == [0, 50, 50]
    assert forgetting_quality(models, models + 20) == 0.0
    assert forgetting_quality(models, models + np.array([0, 20, -20])) == pytest.approx(1 / 3)


def test_epsilons_do_not_depend_on_which_group_is_larger():
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(40, 9)), rng.normal(1, 1, size=(40, 9))
    assert epsilons(first, second).tolist() == epsilons(second, first).tolist()


def test_epsilon_of_equal_constants_is_0_and_of_others_the_cap():
    assert epsilons(np.ones((5, 2)), np.array([[1.0, 2.0]] * 5)).tolist() == [0, 50]


def test_epsilon_of_a_range_below_a_hundredth_is_the_cap():
    wide = np.linspace(0, 100, 11)
    narrow = 50 + wide / 1000
    assert epsilons(narrow[:, None], wide[:, None]).tolist() == [50]
    narrow = 50 + wide / 50
    assert epsilons(narrow[:, None], wide[:, None]) == pytest.approx(log(10), abs=1e-3)  # [50, 51.8]


def test_epsilon_of_models_inside_the_others_is_found_by_an_interval_alone():
    outside = np.array([0.0] * 49 + [5.0] + [10.0] * 50)
    inside = np.concatenate([np.linspace(4, 6, 99), [0.0]])
    (found,) = epsilons(inside[:, None], outside[:, None])
    assert found == pytest.approx(log((1 - DELTA - 0.01) / 0.01))  # [4, 6] errs once in each group


def test_epsilon_is_0_where_every_rule_has_one_rate_of_0():
    assert epsilons(np.array([[1.0], [1.1]]), np.array([[1.1], [2.0]])).tolist() == [0]


@pytest.mark.parametrize("models", [100, 512])
def test_forgetting_quality_knows_bins_up_to_what_so_many_models_can_show(models):
    number = np.arange(models)[:, None]
    unlearned, retrained = 1.0 * (number < models - 1), 1.0 * (number < 1)  # each rule errs once in each group
    (found,) = epsilons(unlearned, retrained)
    assert found == pytest.approx(log(models - 1), abs=0.02)
    assert found < np.ceil(log(models - 1))
    assert forgetting_quality(unlearned, retrained) == 0.5 ** np.floor(2 * log(models - 1))


def by_grid(unlearned, retrained, step=0.01, buffer=2.0):
    """Return epsilon by the rules of the challenge, each threshold and interval of a grid by itself."""
    above = np.median(retrained) > np.median(unlearned)
    positive, negative = (retrained, unlearned) if above else (unlearned, retrained)
    joined = np.concatenate([positive, negative])
    rules = [
        ((negative >= at).mean(), (positive < at).mean())
        for at in np.arange(joined.min(), joined.max() + step, step).round(6)
    ]
    narrow, wide = (negative, positive) if np.ptp(positive) >= np.ptp(negative) else (positive, negative)
    width, end = np.ptp(narrow), narrow.max()
    for right in np.arange(end - buffer, end + buffer + step / 2, step).round(6):
        for left in np.arange(right - width - buffer, right - width + buffer + step / 2, step).round(6):
            inside = [(group >= left) & (group <= right) for group in (wide, narrow)]
            rules.append((inside[0].mean(), 1 - inside[1].mean()))
    found = [0.0]
    for fpr, fnr in rules:
        if fpr < 1e-12 and fnr < 1e-12:
            return 50.0
        if fpr > 1e-12 and fnr > 1e-12:
            pairs = ((fpr, fnr), (fnr, fpr))
            found += [log((1 - DELTA - one) / other) for one, other in pairs if one < 1 - DELTA]
    return max(found)


@pytest.mark.parametrize(("seed", "center", "spread"), [(0, 0.0, 1.0), (1, 0.7, 1.0), (2, 0.0, 3.0), (3, 1.0, 0.3)])
def test_epsilons_are_those_of_the_grid_for_margins_that_a_grid_tells_apart(seed, center, spread):
    rng = np.random.default_rng(seed)
    unlearned, retrained = (rng.normal(*group, size=20).round(1) for group in ((0, 1), (center, spread)))
    (found,) = epsilons(unlearned[:, None], retrained[:, None])
    assert found == pytest.approx(by_grid(unlearned, retrained, step=0.05), abs=1e-9)


@pytest.mark.parametrize(
    ("narrow", "wide", "reached"),
    [
        ([0.0] * 8 + [0.5, 2.6], [-20.0] * 4 + [0.3] + [0.7] * 4 + [30.0], True),  # the right end may be 0.65
        ([0.0] * 8 + [0.5, 2.8], [-20.0] * 4 + [0.3] + [0.7] * 4 + [30.0], False),  # must be 0.8
        ([-2.3] + [0.0] * 8 + [0.5], [-0.2] * 4 + [0.3] + [0.7] * 4 + [30.0], True),  # the left end may be -0.15
        ([-2.5] + [0.0] * 8 + [0.5], [-0.2] * 4 + [0.3] + [0.7] * 4 + [30.0], False),  # at most -0.35
    ],
)
def test_ends_of_an_interval_lie_within_2_of_where_the_narrower_group_ends(narrow, wide, reached):
    """The best rule is [0, 0.5], which errs once in each group; one value of the narrower group lies far from it."""
    narrow, wide = np.array(narrow), np.array(wide)
    (found,) = epsilons(narrow[:, None], wide[:, None])
    assert found == pytest.approx(by_grid(narrow, wide, step=0.05), abs=1e-9)
    assert (found == pytest.approx(log((1 - DELTA - 0.1) / 0.1))) == reached


@pytest.mark.parametrize(
    ("unlearned", "retrained", "delta", "message"),
    [
        (np.zeros(3), np.zeros(3), DELTA, "same shape"),
        (np.zeros((3, 2)), np.zeros((3, 1)), DELTA, r"\(3, 2\) and \(3, 1\)"),
        (np.zeros((0, 2)), np.zeros((0, 2)), DELTA, "at least 1"),
        (np.full((3, 1), np.inf), np.zeros((3, 1)), DELTA, "finite"),
        (np.zeros((3, 1)), np.full((3, 1), np.nan), DELTA, "finite"),
        (np.zeros((3, 1)), np.zeros((3, 1)), 1.0, "`delta`"),
    ],
)
def test_epsilons_refuse_what_is_no_margin(unlearned, retrained, delta, message):
    with pytest.raises(ValueError, match=message):
        epsilons(unlearned, retrained, delta)


def test_forgetting_quality_refuses_two_models_whose_bins_are_none():
    with pytest.raises(ValueError, match="at least 3 models, but got 2"):
        forgetting_quality(np.zeros((2, 1)), np.zeros((2, 1)))
