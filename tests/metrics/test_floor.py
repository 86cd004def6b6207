"""The noise floor: distances of Retrains in closed form, and where a model lies to them."""

import pytest

from medunlearn.metrics import GAP_METRICS, average_gap, gap_to_all, noise_floor, pair_gaps, place


def figures(*values):
    return dict(zip(GAP_METRICS, values, strict=True))


FIRST, SECOND, THIRD = figures(5, 98, 95, 10), figures(6, 98, 93, 13), figures(9, 97, 95, 12)
"""Apart by (1, 0, 2, 3), (4, 1, 0, 2) and (3, 1, 2, 1): AG 1.5, 1.75 and 1.75."""


def test_floor_of_two_retrains_is_their_gap():
    assert noise_floor([FIRST, SECOND]) == (2, 1.5, 1.5)
    assert pair_gaps([FIRST, SECOND]) == figures(1, 0, 2, 3)


def test_floor_of_three_counts_every_pair():
    floor = noise_floor([FIRST, SECOND, THIRD])
    assert floor == (3, pytest.approx(5 / 3), 1.75)
    gaps = pair_gaps([FIRST, SECOND, THIRD])
    assert gaps == pytest.approx(figures(8 / 3, 2 / 3, 4 / 3, 2))
    assert sum(gaps.values()) / 4 == pytest.approx(floor.mean), "AG is the mean of the four, over pairs too"


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_a_model_that_is_one_more_retrain_is_at_one_floor_on_average(count):
    """Figures evenly spaced on a line: the mean distance of a pair is (n + 1) / 3 steps of n."""
    retrains = [figures(*[step] * 4) for step in range(count)]
    assert noise_floor(retrains) == (count, pytest.approx((count + 1) / 3), count - 1)
    each = [gap_to_all(own, [other for other in retrains if other is not own]) for own in retrains]
    assert sum(each) / count == pytest.approx(noise_floor(retrains).mean)


def test_one_retrain_has_no_floor():
    assert noise_floor([FIRST]) is None
    assert noise_floor([]) is None


def test_gap_to_all_is_the_mean_gap():
    model = figures(4, 97, 95, 8)
    assert gap_to_all(model, [FIRST]) == average_gap(model, FIRST) == 1.0
    assert gap_to_all(model, [FIRST, SECOND]) == (1.0 + 2.5) / 2


@pytest.mark.parametrize(
    ("gap", "untouched", "found"),
    [
        (1.5, 3.0, "inside"),
        (1.51, 3.0, "outside"),
        (3.0, 3.0, "further"),
        (1.2, 1.0, "further"),
        (1.5, None, "inside"),
        (9.0, None, "outside"),
    ],
    ids=["at the end of the band", "beyond it", "as far", "in the band, but further", "inside", "outside"],
)
def test_place_is_in_the_band_up_to_its_end_and_further_from_the_untouched_on(gap, untouched, found):
    assert place(gap, 1.5, untouched) == found
