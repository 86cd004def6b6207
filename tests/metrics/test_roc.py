"""ROC curves against scikit-learn and closed forms; their bootstrap against images drawn one by one."""

import time

import numpy as np
import pytest
from scipy.stats import binomtest, norm
from sklearn.metrics import roc_auc_score, roc_curve

from medunlearn.metrics import (
    Roc,
    auc,
    balanced_accuracy,
    bootstrap,
    can_show,
    clopper_pearson,
    interval,
    roc,
    tpr_at,
)

LEVELS = (0.1, 0.01, 0.001)
GAUSSIANS = {  # distance of two unit Gaussians: AUC, balanced accuracy, TPR at 10, 1 and 0.1 %
    0: (0.5000, 0.5000, 0.1000, 0.0100, 0.0010),
    0.5: (0.6382, 0.5987, 0.2172, 0.0339, 0.0048),
    1: (0.7602, 0.6915, 0.3891, 0.0924, 0.0183),
    2: (0.9214, 0.8413, 0.7638, 0.3721, 0.1378),
    3: (0.9831, 0.9332, 0.9571, 0.7497, 0.4641),
}


def with_ties(members=70, nonmembers=90, seed=0):
    rng = np.random.default_rng(seed)
    return np.round(rng.normal(0.7, 1, members), 1), np.round(rng.normal(0, 1, nonmembers), 1)


def pooled(members, nonmembers):
    """The same as scikit-learn takes it: labels and scores."""
    return np.repeat([1, 0], [len(members), len(nonmembers)]), np.concatenate([members, nonmembers])


def null_error(m, n):
    """The standard error of the AUC of m members and n non-members whose scores have one continuous distribution."""
    return np.sqrt((m + n + 1) / (12 * m * n))


def delong_error(members, nonmembers):
    """The standard error of an AUC after DeLong et al. (1988), from each image's share of the other side."""
    apart = members[:, None] - nonmembers
    wins = (apart > 0) + 0.5 * (apart == 0)
    return np.sqrt(wins.mean(axis=1).var(ddof=1) / len(members) + wins.mean(axis=0).var(ddof=1) / len(nonmembers))


@pytest.mark.parametrize("distance", GAUSSIANS)
def test_figures_of_two_gaussians_are_their_closed_forms(distance):
    nonmembers = norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    members = nonmembers + distance
    curve = roc(members, nonmembers)
    found = auc(members, nonmembers), balanced_accuracy(curve), *(tpr_at(curve, level) for level in LEVELS)
    assert found == pytest.approx(GAUSSIANS[distance], abs=5e-4)


@pytest.mark.parametrize("seed", range(5))
def test_roc_is_that_of_scikit_learn_with_ties(seed):
    members, nonmembers = with_ties(seed=seed)
    curve = roc(members, nonmembers)
    fpr, tpr, _ = roc_curve(*pooled(members, nonmembers), drop_intermediate=False)
    np.testing.assert_array_equal(curve.fpr, fpr)
    np.testing.assert_array_equal(curve.tpr, tpr)
    assert len(curve.fpr) == 1 + len({*members, *nonmembers})
    assert auc(members, nonmembers) == pytest.approx(roc_auc_score(*pooled(members, nonmembers)), abs=1e-14)
    assert balanced_accuracy(curve) == pytest.approx(max((tpr + 1 - fpr) / 2), abs=1e-15)
    for level in (0.0, 0.05, 0.1, 0.5, 1.0):
        assert tpr_at(curve, level) == max(tpr[fpr <= level])


def test_auc_of_permuted_labels_is_one_half_within_the_error_of_chance():
    rng = np.random.default_rng(0)
    scores, members = np.concatenate([rng.normal(2, 1, 60), rng.normal(0, 1, 140)]), 60
    permuted = [rng.permutation(scores) for _ in range(500)]
    away = [(auc(each[:members], each[members:]) - 0.5) / null_error(60, 140) for each in permuted]
    assert np.mean(away) == pytest.approx(0, abs=3 / np.sqrt(500))
    assert np.std(away) == pytest.approx(1, abs=0.1)


def test_scores_that_are_all_equal_tell_nothing():
    same = roc(np.full(7, 0.3), np.full(5, 0.3))
    assert auc(np.full(7, 0.3), np.full(5, 0.3)) == balanced_accuracy(same) == 0.5
    np.testing.assert_array_equal(same, [[0, 1], [0, 1]])
    assert [tpr_at(same, level) for level in (0, 0.99, 1)] == [0, 0, 1]


@pytest.mark.parametrize(("member", "nonmember", "area"), [(2, 1, 1), (1, 2, 0), (1, 1, 0.5)])
def test_one_image_a_side_is_enough_for_a_curve(member, nonmember, area):
    one, other = np.array([member]), np.array([nonmember])
    assert auc(one, other) == area
    assert tpr_at(roc(one, other), 0.5) == (area == 1)
    assert set(bootstrap(one, other, draws=5)["auc"]) == {area}


def test_scores_may_be_infinite():
    members, nonmembers = np.array([np.inf, np.inf, 1.0]), np.array([-np.inf, 0.0, np.inf])
    finite = [np.clip(each, -9, 9) for each in (members, nonmembers)]
    assert auc(members, nonmembers) == auc(*finite) == pytest.approx(7 / 9)
    np.testing.assert_array_equal(roc(members, nonmembers), roc(*finite))


def test_auc_of_exchanged_sides_is_the_rest_to_one():
    members, nonmembers = with_ties()
    assert auc(members, nonmembers) + auc(nonmembers, members) == pytest.approx(1, abs=1e-15)
    assert auc(-members, -nonmembers) == pytest.approx(auc(nonmembers, members), abs=1e-15)


def test_balanced_accuracy_of_scores_that_point_the_wrong_way_is_one_half():
    assert balanced_accuracy(roc(np.arange(4.0), np.arange(4.0) + 9)) == 0.5


@pytest.mark.parametrize("measure", [roc, auc, bootstrap])
@pytest.mark.parametrize(
    ("members", "nonmembers", "message"),
    [
        ([], [1.0], r"^Expected argument `members` to be of shape \(N,\) with N >= 1, but got \(0,\)$"),
        ([1.0], [], r"^Expected argument `nonmembers` to be of shape \(N,\) with N >= 1, but got \(0,\)$"),
        ([[1.0]], [1.0], r"^Expected argument `members` to be of shape \(N,\) with N >= 1, but got \(1, 1\)$"),
        ([1.0, np.nan], [1.0], "^Expected argument `members` to hold no NaN$"),
        ([1.0], [np.nan], "^Expected argument `nonmembers` to hold no NaN$"),
    ],
)
def test_scores_that_make_no_curve_are_refused(measure, members, nonmembers, message):
    with pytest.raises(ValueError, match=message):
        measure(np.array(members), np.array(nonmembers))


def test_tpr_is_that_of_an_fpr_at_most_the_level_and_not_of_the_nearest():
    curve = Roc(fpr=np.array([0, 0.004, 0.011, 1]), tpr=np.array([0, 0.2, 0.9, 1]))
    nearest = curve.tpr[np.abs(curve.fpr - 0.01).argmin()]
    assert nearest == 0.9
    assert tpr_at(curve, 0.01) == 0.2
    nonmembers = np.arange(90.0)  # one of 90 is an FPR of 1.1 %, which is nearer to 1 % than none is
    assert tpr_at(roc(np.full(10, 88.5), nonmembers), 0.01) == 0
    assert tpr_at(roc(np.full(10, 89.5), nonmembers), 0.01) == 1


def test_tpr_at_a_level_that_is_reached_exactly_counts_that_point():
    nonmembers = np.arange(10.0)
    for wrong in range(11):
        curve = roc(np.array([9.5 - wrong]), nonmembers)
        assert tpr_at(curve, wrong / 10) == 1
        assert wrong == 0 or tpr_at(curve, (wrong - 0.5) / 10) == 0


@pytest.mark.parametrize("level", [-0.01, 1.01, np.nan])
@pytest.mark.parametrize(
    "ask",
    [
        lambda level: tpr_at(roc(*with_ties()), level),
        lambda level: can_show(level, 100),
        lambda level: clopper_pearson(1, 2, level),
        lambda level: interval(np.arange(3.0), level),
        lambda level: bootstrap(*with_ties(), levels=[level], draws=1),
    ],
)
def test_level_that_is_no_share_is_refused(level, ask):
    with pytest.raises(ValueError, match=r"^Expected argument `level` to be from 0 to 1, but got "):
        ask(level)


@pytest.mark.parametrize("trials", [1, 10, 333])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_clopper_pearson_is_the_exact_interval_of_scipy(trials, level):
    for hits in {0, 1, trials // 3, trials - 1, trials}:
        exact = binomtest(hits, trials).proportion_ci(level, method="exact")
        assert clopper_pearson(hits, trials, level) == pytest.approx((exact.low, exact.high), abs=1e-10)


def test_clopper_pearson_ends_at_none_and_at_all():
    assert clopper_pearson(0, 50) == pytest.approx((0, 1 - 0.025 ** (1 / 50)))
    assert clopper_pearson(50, 50) == pytest.approx((0.025 ** (1 / 50), 1))


@pytest.mark.parametrize(("hits", "trials"), [(-1, 3), (4, 3), (0, 0)])
def test_clopper_pearson_refuses_impossible_counts(hits, trials):
    with pytest.raises(ValueError, match=f"^Expected argument `hits` to be from 0 to .* but got {hits} of {trials}$"):
        clopper_pearson(hits, trials)


@pytest.mark.parametrize(
    ("nonmembers", "shown"),
    [
        (0, (False, False, False)),
        (28, (False, False, False)),
        (29, (True, False, False)),
        (100, (True, False, False)),
        (298, (True, False, False)),
        (299, (True, True, False)),
        (300, (True, True, False)),
        (1200, (True, True, False)),
        (2994, (True, True, False)),
        (2995, (True, True, True)),
        (2996, (True, True, True)),
    ],
)
def test_so_many_nonmembers_can_show_these_levels(nonmembers, shown):
    assert tuple(can_show(level, nonmembers) for level in LEVELS) == shown
    if nonmembers:  # the upper limit at 95 %, of one side, of a rate of which no case was seen
        high = clopper_pearson(0, nonmembers, level=0.9)[1]
        assert tuple(high <= level for level in LEVELS) == shown
        assert tuple((1 - level) ** nonmembers <= 0.05 for level in LEVELS) == shown


def test_bootstrap_is_seeded_and_repeatable():
    first, again, other = (bootstrap(*with_ties(), draws=30, seed=seed) for seed in (3, 3, 4))
    assert [*first] == ["auc", "balanced_accuracy", "tpr@0.1", "tpr@0.01", "tpr@0.001"]
    assert {values.shape for values in first.values()} == {(30,)}
    for name, values in first.items():
        np.testing.assert_array_equal(values, again[name])
    assert (first["auc"] != other["auc"]).any()


def test_bootstrap_names_its_levels():
    assert [*bootstrap(*with_ties(), levels=(0, 0.05, 1), draws=1)][2:] == ["tpr@0", "tpr@0.05", "tpr@1"]


@pytest.mark.parametrize("by_patient", [False, True])
def test_bootstrap_measures_the_images_that_are_drawn(by_patient):
    rng = np.random.default_rng(1)
    scores = with_ties()
    patients = [rng.choice(["c", "a", "d", "b", "e"], len(side), p=[0.5, 0.2, 0.1, 0.1, 0.1]) for side in scores]
    groups = patients if by_patient else (None, None)
    found = bootstrap(*scores, levels=(0.1, 0.3), draws=25, seed=7, member_groups=groups[0], nonmember_groups=groups[1])
    rng = np.random.default_rng(7)
    for at in range(25):
        drawn = []
        for side, owners in zip(scores, patients, strict=True):
            names = np.unique(owners) if by_patient else np.arange(len(side))
            owners = owners if by_patient else names
            drawn.append(
                np.concatenate([side[owners == names[one]] for one in rng.integers(len(names), size=len(names))])
            )
        fpr, tpr, _ = roc_curve(*pooled(*drawn), drop_intermediate=False)
        assert found["auc"][at] == pytest.approx(roc_auc_score(*pooled(*drawn)), abs=1e-12)
        assert found["balanced_accuracy"][at] == pytest.approx(max(tpr + 1 - fpr) / 2, abs=1e-12)
        assert [found[f"tpr@{level}"][at] for level in (0.1, 0.3)] == [max(tpr[fpr <= level]) for level in (0.1, 0.3)]


@pytest.mark.parametrize(("distance", "m", "n"), [(0, 150, 400), (1, 300, 120)])
def test_bootstrap_spreads_about_the_auc_as_far_as_its_standard_error(distance, m, n):
    rng = np.random.default_rng(5)
    members, nonmembers = rng.normal(distance, 1, m), rng.normal(0, 1, n)
    drawn = bootstrap(members, nonmembers, levels=())["auc"]
    error = delong_error(members, nonmembers)
    assert drawn.mean() == pytest.approx(auc(members, nonmembers), abs=4 * error / np.sqrt(1000))
    assert drawn.std() == pytest.approx(error, rel=0.1)
    if distance == 0:
        assert error == pytest.approx(null_error(m, n), rel=0.1)
    low, high = interval(drawn)
    assert (high - low) / (2 * 1.96) == pytest.approx(error, rel=0.15)


def test_bootstrap_of_groups_of_copies_is_that_of_the_groups_alone():
    rng = np.random.default_rng(2)
    members, nonmembers = rng.normal(1, 1, 50), rng.normal(0, 1, 80)
    copies = np.repeat(members, 4), np.repeat(nonmembers, 9)
    owners = {"member_groups": np.repeat(np.arange(50), 4), "nonmember_groups": np.repeat(np.arange(80), 9)}
    alone, whole, images = bootstrap(members, nonmembers), bootstrap(*copies, **owners), bootstrap(*copies)
    for name, values in alone.items():
        np.testing.assert_array_equal(whole[name], values)
    widths = [np.diff(interval(drawn["auc"]))[0] for drawn in (whole, images)]
    assert widths[0] > 1.7 * widths[1]


def test_bootstrap_draws_the_same_images_for_every_model():
    members, nonmembers = with_ties()
    first, second = (bootstrap(scale * members, scale * nonmembers, draws=20) for scale in (1, 5))
    np.testing.assert_array_equal(first["auc"], second["auc"])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"draws": 0}, "^Expected argument `draws` to be 1 or more, but got 0$"),
        ({"member_groups": [1]}, r"^Expected argument `member_groups` to be of shape \(70,\), but got \(1,\)$"),
        ({"nonmember_groups": np.zeros((90, 1))}, r"^Expected argument `nonmember_groups` to be of shape \(90,\)"),
    ],
)
def test_bootstrap_refuses(wrong, message):
    with pytest.raises(ValueError, match=message):
        bootstrap(*with_ties(), **wrong)


def test_bootstrap_of_12000_images_takes_less_than_three_seconds():
    rng = np.random.default_rng(0)
    start = time.process_time()
    bootstrap(rng.normal(1, 1, 3000), rng.normal(0, 1, 9000), draws=1000)
    assert time.process_time() - start < 3


def test_interval_is_that_of_percentiles():
    values = np.random.default_rng(0).normal(size=301)
    assert interval(values) == pytest.approx(tuple(np.percentile(values, [2.5, 97.5])), abs=1e-12)
    assert interval(values, level=1) == (values.min(), values.max())
    for empty in (np.array([]), np.array([1.0, np.nan])):
        with pytest.raises(ValueError, match=r"^Expected argument `values` to "):
            interval(empty)
