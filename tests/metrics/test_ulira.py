"""U-LiRA's scores against closed forms, and at chance where nothing is to be found."""

import numpy as np
import pytest
from helpers.margins import shadows
from scipy.special import ndtr
from scipy.stats import norm

from medunlearn.metrics import auc, roc, tpr_at, ulira


def there(sides):
    return [side[~np.isnan(side)] for side in sides]


@pytest.mark.parametrize("apart", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("pooled", [False, True])
def test_auc_is_that_of_two_gaussians_however_unlike_images_are(apart, pooled):
    pairs = np.arange(256) // 2
    found = there(ulira(*shadows(256, 150, apart), pairs, pooled))
    expected = ndtr(apart / np.sqrt(2))
    assert auc(*found) == pytest.approx(expected, abs=0.01)
    assert tpr_at(roc(*found), 0.1) == pytest.approx(ndtr(apart + norm.ppf(0.1)), abs=0.015)


def test_auc_is_one_half_without_a_leak_even_with_few_shadows():
    pairs = np.arange(4) // 2
    found = [auc(*there(ulira(*shadows(4, 40, 0.0, seed), pairs, pooled=True))) for seed in range(200)]
    assert np.mean(found) == pytest.approx(0.5, abs=4 * np.std(found) / np.sqrt(200))


def test_margins_that_fell_below_those_of_unseen_images_are_found_too():
    pairs = np.arange(64) // 2
    assert auc(*there(ulira(*shadows(64, 100, -3.0), pairs))) > 0.95


def test_a_score_is_the_ratio_of_densities_whose_moments_know_neither_shadow_of_the_pair():
    forgotten, unseen = shadows(12, 6, 1.0, seed=3)
    pairs = np.arange(12) // 2
    scores = ulira(forgotten, unseen, pairs)
    for shadow, image in ((0, 0), (7, 3), (11, 5)):
        known = pairs != pairs[shadow]
        ratio = [
            norm(np.nanmean(side[known, image]), np.nanstd(side[known, image], ddof=1)) for side in (forgotten, unseen)
        ]
        side = int(np.isnan(forgotten[shadow, image]))
        phi = (forgotten, unseen)[side][shadow, image]
        assert scores[side][shadow, image] == pytest.approx(ratio[0].logpdf(phi) - ratio[1].logpdf(phi))
        assert np.isnan(scores[1 - side][shadow, image])


def test_a_shadow_that_retains_an_image_is_on_neither_side():
    forgotten, unseen = shadows(12, 6, 1.0)
    more = np.full((2, 6), np.nan)
    scores = ulira(np.vstack([forgotten, more]), np.vstack([unseen, more]), np.arange(14) // 2)
    for one, other in zip(scores, ulira(forgotten, unseen, np.arange(12) // 2), strict=True):
        np.testing.assert_array_equal(one[:12], other)
        assert np.isnan(one[12:]).all()


def test_an_image_that_no_other_shadow_forgot_has_no_score():
    forgotten = np.array([[1.0], [np.nan], [np.nan], [np.nan]])
    unseen = np.array([[np.nan], [0.0], [1.0], [2.0]])
    assert np.isnan(ulira(forgotten, unseen)[0]).all()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (([[1.0, 2.0]], [[1.0]]), "same shape"),
        (([[1.0], [np.nan]], [[np.nan], [1.0]], [0]), "together"),
        (([[1.0], [np.nan]], [[np.nan], [1.0]], [0, 0]), "together"),
        (([[1.0], [np.nan]], [[1.0], [1.0]]), "both sides"),
        (([[np.inf], [np.nan]], [[np.nan], [1.0]]), "finite"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        ulira(*map(np.array, arguments))
