"""Power laws against closed forms, and what figures that follow none come to."""

from itertools import pairwise

import numpy as np
import pytest

from medunlearn.metrics.power_law import fit_power_law

SIZES = [125, 250, 500, 1000]


@pytest.mark.parametrize(("a", "b", "c"), [(4.0, 0.5, 2.0), (1.5, 1.2, 6.0), (3.0, 0.35, 0.0), (0.2, 2.0, 8.0)])
def test_figures_of_a_power_law_give_it_back(a, b, c):
    law = fit_power_law(SIZES, [a * (n / 1000) ** -b + c for n in SIZES])
    assert (law.a, law.b, law.c) == pytest.approx((a, b, c), abs=2e-3)
    assert law.at(700) == pytest.approx(a * 0.7**-b + c, abs=1e-4)


def test_two_sizes_give_the_law_through_both():
    law = fit_power_law([250, 1000], [16.0, 4.0])
    assert (law.b, law.c) == (pytest.approx(1.0), 0)
    assert [law.at(n) for n in (250, 500, 1000)] == pytest.approx([16, 8, 4])


def test_fit_is_in_float64_and_averages_figures_of_one_size():
    values = np.array([16, 4, 4], np.float32)
    assert fit_power_law([250, 1000, 1000], values) == fit_power_law([250, 1000], [16.0, 4.0])
    assert fit_power_law([250, 250, 1000], [15.0, 17.0, 4.0]).at(250) == pytest.approx(16)


@pytest.mark.parametrize(
    ("values", "constant"),
    [([5.0] * 4, 5.0), ([0.0] * 4, 0.0), ([1.0, 2.0, 3.0, 6.0], 3.0), ([0.0, 0.0, 0.0, 4.0], 1.0)],
)
def test_equal_zero_and_rising_figures_are_a_constant(values, constant):
    law = fit_power_law(SIZES, values)
    assert [law.at(n) for n in (1, 500, 1000)] == pytest.approx([constant] * 3)


def test_two_sizes_that_rise_or_reach_zero_have_a_law_all_the_same():
    assert fit_power_law([250, 1000], [4.0, 16.0]).at(500) == pytest.approx(10)
    to_zero = fit_power_law([250, 1000], [10.0, 0.0])
    assert to_zero.at(250) == pytest.approx(10, abs=0.1)
    assert to_zero.at(1000) == pytest.approx(0, abs=0.1)


def test_figures_never_rise_with_images_and_stay_in_percent():
    rng = np.random.default_rng(0)
    for _ in range(20):
        count = rng.integers(1, 5)
        law = fit_power_law(SIZES[:count], rng.uniform(0, 100, count))
        found = [law.at(n) for n in (0, 1, 50, 125, 600, 1000, 9000)]
        assert all(0 <= after <= before <= 100 for before, after in pairwise(found))


def test_a_figure_that_may_rise_is_mirrored_where_that_is_nearer():
    rising = [100 - (2.0 * (n / 1000) ** -0.5 + 90) for n in SIZES]  # what a larger set leaves unlearned
    law = fit_power_law(SIZES, rising, either=True)
    assert law.mirrored
    assert [law.at(n) for n in SIZES] == pytest.approx(rising, abs=1e-3)
    assert not fit_power_law(SIZES, [9.0, 7.0, 5.0, 4.0], either=True).mirrored


def test_no_size_is_refused():
    with pytest.raises(ValueError, match="Expected numbers of images of 1 or more, but got"):
        fit_power_law([], [])
    with pytest.raises(ValueError, match="but got"):
        fit_power_law([0, 10], [1, 2])
