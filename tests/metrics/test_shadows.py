"""Attacks with reference and shadow models, against closed forms, slow loops and SciPy's densities."""

from fractions import Fraction
from math import atan, inf, nan, pi, sqrt

import numpy as np
import pytest
from scipy.stats import kstest, norm
from sklearn.metrics import roc_auc_score

from medunlearn.metrics import difference, leave_one_out, lira, offline_lira, rmia


def auc(members, nonmembers):
    return roc_auc_score(np.repeat([1, 0], [len(members), len(nonmembers)]), np.concatenate([members, nonmembers]))


def tpr(members, nonmembers, level):
    return np.mean(members > np.quantile(nonmembers, 1 - level))


def gaussian(mean, deviation, count=2000):
    """Equally likely values of a Gaussian: a sample without the noise of one."""
    return norm.ppf((np.arange(count) + 0.5) / count, mean, deviation)


def shadows_of(mean, deviation, count):
    """Two shadow models under which `count` images have exactly this mean and this standard deviation."""
    return np.tile([[mean - deviation / sqrt(2)], [mean + deviation / sqrt(2)]], count)


def scores(inside, outside, targets):
    """Likelihood ratios of values of one image, whose two Gaussians are known."""
    return lira(targets, shadows_of(*inside, len(targets)), shadows_of(*outside, len(targets)))


# ---------------------------------------------------------------- difference


def test_difference_is_the_fall_of_the_margin():
    assert difference([5.0, -1.0, 2.0], [2.0, 1.0, 2.0]).tolist() == [3, -2, 0]
    assert difference(np.float32([16777216.0]), np.float32([-1.0])).tolist() == [16777217]  # float32 has no such number


# ---------------------------------------------------------------- LiRA


@pytest.mark.parametrize(("s", "area", "at_1_percent"), [(2, 0.7048, 0.1978), (3, 0.7952, 0.3906)])
def test_lira_uses_variances_where_means_are_equal(s, area, at_1_percent):
    members, nonmembers = gaussian(0, s), gaussian(0, 1)
    ratios = [scores((0, s), (0, 1), values) for values in (members, nonmembers)]
    assert auc(*ratios) == pytest.approx(2 / pi * atan(s), abs=1e-3)
    assert auc(*ratios) == pytest.approx(area, abs=1e-3)
    assert tpr(*ratios, 0.01) == pytest.approx(at_1_percent, abs=4e-3)
    assert auc(members, nonmembers) == pytest.approx(0.5, abs=1e-9)  # a single threshold sees nothing


def test_lira_scores_each_image_by_its_own_gaussians():
    images = [(3, 0), (8, 5)]
    members, nonmembers = ([gaussian(image[side], 1) for image in images] for side in (0, 1))
    assert auc(np.concatenate(members), np.concatenate(nonmembers)) == pytest.approx(0.7612, abs=1e-3)
    for pooled in (False, True):
        inside, outside = (np.hstack([shadows_of(image[side], 1, 2000) for image in images]) for side in (0, 1))
        ratios = [lira(np.concatenate(values), inside, outside, pooled) for values in (members, nonmembers)]
        assert auc(*ratios) == pytest.approx(0.9831, abs=1e-3)


@pytest.mark.parametrize(("d", "area"), [(0, 0.5), (0.5, 0.6382), (1, 0.7602), (2, 0.9214)])
def test_lira_of_equal_variances_has_the_area_of_the_distance(d, area):
    ratios = [scores((d, 1), (0, 1), values) for values in (gaussian(d, 1), gaussian(0, 1))]
    assert auc(*ratios) == pytest.approx(area, abs=1e-3)
    assert ratios[0] == pytest.approx(d * (gaussian(d, 1) - d / 2), abs=1e-9)  # log ratio of two unit Gaussians


def made_up(count=6, shadows=9):
    """Margins under shadow models, a third of them absent, and of a target."""
    rng = np.random.default_rng(3)
    inside, outside = (rng.normal(mean, rng.uniform(0.5, 3, count), (shadows, count)) for mean in (2, 0))
    for side in (inside, outside):
        side[rng.random(side.shape) < 0.3] = nan
    return rng.normal(size=count), inside, outside


def by_hand(target, inside, outside, pooled):
    """The log likelihood ratio, image by image."""
    found = []
    for image in range(len(target)):
        densities = []
        for side in (inside, outside):
            columns = [[value for value in column if not np.isnan(value)] for column in side.T]
            variances = [np.var(column, ddof=1) for column in columns]
            freedom = [len(column) - 1 for column in columns]
            variance = np.average(variances, weights=freedom) if pooled else variances[image]
            densities.append(norm.logpdf(target[image], np.mean(columns[image]), sqrt(variance)))
        found.append(densities[0] - densities[1])
    return found


@pytest.mark.parametrize("pooled", [False, True])
def test_lira_is_the_ratio_of_densities_over_the_shadows_that_are_not_absent(pooled):
    assert lira(*made_up(), pooled) == pytest.approx(by_hand(*made_up(), pooled), abs=1e-9)


def test_lira_takes_sides_of_unequal_size():
    target, inside, outside = made_up()
    more = np.vstack([inside, np.full((3, 6), nan)])
    assert lira(target, more, outside) == pytest.approx(lira(target, inside, outside), abs=1e-12)


def test_lira_of_an_image_that_a_side_lacks_is_nan_and_moves_no_other():
    target, inside, outside = made_up()
    kept = lira(target[1:], inside[:, 1:], outside[:, 1:], pooled=True)
    inside[:, 0] = nan
    outside[:, 0] = np.where(np.isnan(outside[:, 1]), nan, 7 + outside[:, 1])
    found = lira(target, inside, outside)
    assert np.isnan(found[0]) and np.isfinite(found[1:]).all()
    outside[:, 0] = nan
    assert lira(target, inside, outside, pooled=True)[1:] == pytest.approx(kept, abs=1e-12)
    assert np.isnan(lira([1.0], [[nan]], [[nan]])).all()


def test_lira_replaces_a_variance_of_zero_by_the_pooled_one():
    target, inside, outside = made_up()
    inside[:, 2] = 0.1  # nine times 0.1 is not 0.9: a mean by sums would leave a variance of 1e-34
    outside[1:, 4] = nan
    outside[0, 4] = 1.0  # a single shadow
    own, pooled = lira(target, inside, outside), lira(target, inside, outside, pooled=True)
    sides = [norm.logpdf(target, np.nanmean(side, axis=0), np.nanstd(side, axis=0, ddof=1)) for side in made_up()[1:]]
    spread = sqrt(np.nansum((inside - np.nanmean(inside, 0)) ** 2) / ((~np.isnan(inside)).sum(0) - 1).sum())
    assert own[2] == pytest.approx(norm.logpdf(target[2], 0.1, spread) - sides[1][2], abs=1e-9)
    spread = sqrt(np.nansum((outside - np.nanmean(outside, 0)) ** 2) / ((~np.isnan(outside)).sum(0) - 1).sum())
    assert own[4] == pytest.approx(sides[0][4] - norm.logpdf(target[4], 1.0, spread), abs=1e-9)
    assert np.isfinite(pooled).all()


def test_lira_takes_the_other_sides_variance_where_one_side_never_varies():
    inside, outside = np.array([[3.0], [3.0]]), np.array([[-2.0], [2.0]])  # variances 0 and 8, pooled 4
    expected = norm.logpdf(1, 3, 2) - norm.logpdf(1, 0, sqrt(8))
    assert lira([1.0], inside, outside) == pytest.approx(expected)


@pytest.mark.parametrize("pooled", [False, True])
def test_lira_goes_by_nearness_where_nothing_varies(pooled):
    """Scores of 0 and 1 are such a case: public code divides by zero there."""
    one, zero = np.ones((4, 3)), np.zeros((4, 3))
    assert lira([1.0, 0.0, 0.5], one, zero, pooled).tolist() == [0.5, -0.5, 0]
    assert lira([1.0, 0.0, 0.5], one[:1], zero[:1], pooled).tolist() == [0.5, -0.5, 0]


# ---------------------------------------------------------------- offline LiRA


def exchangeable(models, images=3000, seed=0):
    """Margins under models of one distribution, around means that differ widely from image to image."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 20, images) + 1.7 * rng.normal(size=(models, images))


@pytest.mark.parametrize("models", [2, 3, 4, 8])
def test_null_is_uniform_where_references_are_exchangeable(models):
    for row in leave_one_out(exchangeable(models)):
        assert kstest(row, "uniform").pvalue > 0.02


@pytest.mark.parametrize("references", [2, 5])
def test_offline_lira_of_one_more_exchangeable_model_is_uniform(references):
    target, *others = exchangeable(references + 1, seed=1)
    assert kstest(offline_lira(target, np.array(others)), "uniform").pvalue > 0.02


def test_offline_lira_of_a_member_is_high_image_by_image():
    references = exchangeable(4)
    members = references[0] + 1.7 * 3
    assert auc(members, references[0]) < 0.6  # one threshold for all images
    assert auc(offline_lira(members, references[1:]), leave_one_out(references)[0]) > 0.9


def test_offline_lira_by_hand():
    references = np.array([[1.0, 10.0], [2.0, 14.0], [6.0, 12.0]])
    spread = sqrt((4 + 1 + 9 + 4 + 4 + 0) / (2 * 2)) * sqrt(1 + 1 / 3)
    expected = norm.cdf(np.array([5.0 - 3, 9.0 - 12]) / spread)
    assert offline_lira([5.0, 9.0], references) == pytest.approx(expected, abs=1e-12)


def test_null_scores_each_reference_as_a_target_against_the_others():
    references = exchangeable(4, images=20)
    references[2] *= 30  # one that is unlike the others must not widen the spread that it is scored by
    for row, scored in enumerate(leave_one_out(references)):
        assert scored.tolist() == offline_lira(references[row], np.delete(references, row, axis=0)).tolist()


def test_null_of_two_references_is_mirrored():
    found = leave_one_out(exchangeable(2, images=50))
    assert found[0] == pytest.approx(1 - found[1], abs=1e-12)
    assert (norm.ppf(found[0]) ** 2).mean() == pytest.approx(1)


@pytest.mark.parametrize("models", [2, 3, 7])
def test_offline_lira_without_variance_is_all_or_nothing(models):
    references = np.tile([0.1, 0.7, -0.3], (models, 1))  # whose mean by sums is not 0.1 again
    assert offline_lira([0.1, 0.7 + 1e-9, -0.3 - 1e-9], references).tolist() == [0.5, 1, 0]
    assert leave_one_out(references).tolist() == [[0.5] * 3] * models


# ---------------------------------------------------------------- RMIA


def double_loop(target, references, population, population_references, a, gamma):
    """RMIA in exact arithmetic, a pair at a time."""

    def ratio(own, known):
        outside = sum(map(Fraction, known)) / len(known)
        return Fraction(own) / (((1 + Fraction(a)) * outside + 1 - Fraction(a)) / 2)

    bounds = [ratio(*z) for z in zip(population, population_references.T, strict=True)]
    images = [ratio(*x) for x in zip(target, references.T, strict=True)]
    return [sum(x > Fraction(gamma) * z for z in bounds) / len(bounds) for x in images]


@pytest.mark.parametrize(("a", "gamma"), [(0.0, 1.0), (0.5, 1.0), (0.5, 2.0), (0.25, 0.5), (1.0, 1.0)])
@pytest.mark.parametrize("models", [1, 2])
def test_rmia_is_the_count_over_all_pairs_with_ties(models, a, gamma):
    rng = np.random.default_rng(models)
    groups = [rng.integers(1, 9, shape) / 8 for shape in (40, (models, 40), 60, (models, 60))]
    expected = double_loop(*groups, a, gamma)
    assert len(set(expected)) > 5
    assert rmia(*groups, a, gamma).tolist() == expected


def test_rmia_defaults_to_the_papers_a_and_gamma():
    rng = np.random.default_rng(0)
    groups = [rng.random(shape) for shape in (30, (3, 30), 50, (3, 50))]
    assert rmia(*groups).tolist() == double_loop(*groups, 0.3, 1.0)


def test_rmia_with_equal_references_ranks_as_the_probability_alone():
    rng = np.random.default_rng(5)
    members, nonmembers, population = rng.beta(4, 1, 300), rng.beta(2, 1, 300), np.arange(1, 4000) / 4000
    found = [rmia(own, np.full((3, 300), 0.4), population, np.full((3, 3999), 0.4)) for own in (members, nonmembers)]
    assert auc(*found) == pytest.approx(auc(members, nonmembers), abs=1e-3)
    below = [(population < own).mean() for own in members]
    assert found[0].tolist() == below


@pytest.mark.parametrize("models", [1, 3, 9, 40])
def test_rmia_of_equal_probabilities_is_zero(models):
    """Also where NumPy's own mean of one column and of many end a rounding apart."""
    for column in np.random.default_rng(models).random((20, models, 1)):
        for images in (1, 5):
            found = rmia([0.7] * images, np.tile(column, images), [0.7] * 64, np.tile(column, 64))
            assert found.tolist() == [0] * images
    assert auc(found, found) == 0.5


def test_rmia_counts_an_image_that_is_surer_than_its_references():
    """The same probability is worth more where models without the image think less of it."""
    found = rmia([0.9, 0.9], np.array([[0.1, 0.9]]), np.linspace(0, 1, 101), np.linspace(0, 1, 101)[None])
    assert found[0] == 1 > found[1] > 0.5


def test_rmia_knows_probabilities_of_zero():
    groups = [[0.0, 0.0, 0.5], np.array([[0.0, 0.5, 0.0]]), [0.0, 0.25, 0.5, 0.5], np.array([[0.5, 0.5, 0.5, 0.0]])]
    # Ratios at a = 1: 1 (0 / 0: as expected), 0 and infinity against 0, 0.5, 1 and infinity.
    assert rmia(*groups, a=1.0).tolist() == [0.5, 0, 0.75]


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize("attack", [offline_lira, lambda _, references: leave_one_out(references)])
def test_one_reference_is_refused(attack):
    with pytest.raises(ValueError, match="Expected argument `references` to be of 2 or more models, but got 1"):
        attack([1.0, 2.0], np.array([[1.0, 2.0]]))


@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_values_that_are_not_finite_are_refused(bad):
    good, wrong = np.zeros((2, 2)), np.array([[0.5, 0.5], [0.5, bad]])
    finite = "to be finite, but it holds NaN or infinite values"
    for name, call in {
        "original": lambda: difference(wrong[1], good[0]),
        "unlearned": lambda: difference(good[0], wrong[1]),
        "references": lambda: offline_lira(good[0], wrong),
        "target": lambda: offline_lira(wrong[1], good),
        "population": lambda: rmia(good[0], good, wrong[1], good),
        "population_references": lambda: rmia(good[0], good, good[0], wrong),
    }.items():
        with pytest.raises(ValueError, match=f"Expected argument `{name}` {finite}"):
            call()
    with pytest.raises(ValueError, match=f"Expected argument `target` {finite}"):
        lira(wrong[1], good, good)
    if not np.isnan(bad):
        with pytest.raises(ValueError, match=f"Expected argument `outside` {finite}"):
            lira(good[0], good, wrong)


def test_shapes_that_do_not_match_are_refused():
    for call, message in (
        (lambda: difference([1.0], [1.0, 2.0]), r"`unlearned` to be of shape \(1,\), but got \(2,\)"),
        (lambda: difference([[1.0]], [1.0]), r"`original` to be of shape \(N,\), but got \(1, 1\)"),
        (lambda: offline_lira([1.0, 2.0], np.ones((3, 4))), r"`references` to be of shape \(K, 2\), but got \(3, 4\)"),
        (lambda: leave_one_out(np.ones(3)), r"`references` to be of shape \(K, N\), but got \(3,\)"),
        (lambda: lira([1.0], np.ones((2, 1)), np.ones((2, 2))), r"`outside` to be of shape \(K, 1\)"),
        (lambda: lira([1.0], np.ones((0, 1)), np.ones((2, 1))), "`inside` to be of 1 or more models, but got 0"),
        (
            lambda: rmia([0.5], np.ones((2, 1)), [0.5], np.ones((1, 1))),
            "`population_references` to be of as many models as `references`, 2, but",
        ),
        (lambda: rmia([0.5], np.ones((1, 1)), [], np.ones((1, 0))), "`population` to hold at least one image"),
    ):
        with pytest.raises(ValueError, match=f"Expected argument {message}"):
            call()


@pytest.mark.parametrize("wrong", [{"a": -0.1}, {"a": 1.1}, {"a": nan}, {"gamma": 0.0}, {"gamma": inf}, {"gamma": nan}])
def test_settings_of_rmia_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=f"Expected argument `{next(iter(wrong))}` to be "):
        rmia([0.5], np.ones((1, 1)), [0.5], np.ones((1, 1)), **wrong)


@pytest.mark.parametrize("place", range(4))
def test_margins_in_place_of_probabilities_are_refused(place):
    for value in (-0.5, 1.5):
        groups = [np.full(shape, 0.5) for shape in (2, (1, 2), 2, (1, 2))]
        groups[place][..., 1] = value
        name = ("target", "references", "population", "population_references")[place]
        with pytest.raises(ValueError, match=f"Expected argument `{name}` to hold probabilities"):
            rmia(*groups)


def test_no_image_gives_no_score():
    none = np.ones((2, 0))
    assert len(offline_lira([], none)) == len(lira([], none, none)) == len(difference([], [])) == 0
    assert leave_one_out(none).shape == (2, 0)
    assert len(rmia([], none, [0.5], np.ones((2, 1)))) == 0
