"""The statistics of the Gaussian poison against their closed forms and their distribution under the null."""

import numpy as np
import pytest
from scipy.stats import kstest, norm

from medunlearn.metrics import monte_carlo, monte_carlo_p_values, poison_p_value, poison_statistics


def test_statistic_is_the_product_with_the_direction_in_units_of_the_scale():
    rng = np.random.default_rng(0)
    noise, gradients = rng.normal(size=(2, 5, 3, 4))
    expected = [(x * g).sum() / (0.7 * np.sqrt((g**2).sum())) for x, g in zip(noise, gradients, strict=True)]
    assert poison_statistics(noise, gradients, 0.7) == pytest.approx(expected)


def test_statistic_does_not_depend_on_the_length_of_a_gradient_down_to_the_least_float():
    noise, gradients = np.ones((4, 2)), np.outer([1, 1e-300, 5e-324, 1e300], [1.0, 0.0])
    assert poison_statistics(noise, gradients, 1).tolist() == [1.0] * 4


def test_statistic_of_a_gradient_of_0_is_nan_and_left_out_of_the_p_value():
    found = poison_statistics(np.ones((2, 4)), np.array([[0.0] * 4, [1.0] * 4]), 1)
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(2)
    assert poison_p_value(found) == pytest.approx(norm.sf(2))
    assert np.isnan(poison_p_value(found[:1]))


def test_statistics_are_standard_normal_for_noise_that_the_gradients_do_not_know():
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.05, size=(4000, 6, 6))
    gradients = rng.exponential(size=(4000, 6, 6)) ** 3 - 1
    assert kstest(poison_statistics(noise, gradients, 0.05), "norm").pvalue > 0.05


def test_p_value_is_the_upper_tail_of_a_normal_mean():
    assert poison_p_value(np.zeros(9)) == 0.5
    assert poison_p_value(np.full(9, 0.5)) == pytest.approx(norm.sf(1.5))
    assert poison_p_value(np.full(9, -0.5)) == pytest.approx(norm.cdf(1.5))
    assert 0 < poison_p_value(np.full(100, 3.0)) < 1e-190


def test_p_values_are_uniform_under_the_null():
    rng = np.random.default_rng(2)
    assert kstest([poison_p_value(each) for each in rng.normal(size=(500, 20))], "uniform").pvalue > 0.05


def test_monte_carlo_p_values_count_draws_that_lean_as_far():
    noise, gradients = np.array([[3.0, 0.0], [-3.0, 0.0]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    draws = np.zeros((9, 2, 2))
    draws[:, :, 0] = np.arange(-4, 5)[:, None]
    assert monte_carlo_p_values(noise, gradients, draws).tolist() == [3 / 10, 9 / 10]
    assert monte_carlo_p_values(noise, gradients, iter(draws)).tolist() == [3 / 10, 9 / 10]


def test_monte_carlo_p_values_are_uniform_for_rounded_and_clipped_noise_where_the_normal_null_is_not():
    """Dark pixels lose half of their noise to clipping: what is left leans towards light."""
    rng = np.random.default_rng(3)
    pixels = np.full(30, 2.0)

    def added(count):
        return np.clip(np.rint(pixels + rng.normal(0, 8, size=(count, 30))), 0, 255) - pixels

    noise, gradients = added(400), rng.exponential(size=(400, 30))
    found = monte_carlo_p_values(noise, gradients, (added(400) for _ in range(199)))
    assert kstest(found, "uniform").pvalue > 0.05
    assert poison_p_value(poison_statistics(noise, gradients, 8)) < 1e-6


def test_monte_carlo_keeps_nan():
    assert np.isnan(monte_carlo(np.array([np.nan]), np.zeros((3, 1)))).all()
    assert np.isnan(monte_carlo_p_values(np.ones((1, 2)), np.zeros((1, 2)), np.ones((3, 1, 2)))).all()


@pytest.mark.parametrize(
    ("noise", "gradients", "scale", "message"),
    [
        (np.zeros(3), np.zeros(3), 1, r"`gradients` to have a shape \(n, ...\)"),
        (np.zeros((3, 4)), np.ones((3, 5)), 1, r"\(3, 4\) and \(3, 5\)"),
        (np.zeros((0, 4)), np.ones((3, 4)), 1, "`noise`"),
        (np.full((3, 4), np.inf), np.ones((3, 4)), 1, "`noise` to be finite"),
        (np.zeros((3, 4)), np.full((3, 4), np.nan), 1, "`gradients` to be finite"),
        (np.zeros((3, 4)), np.ones((3, 4)), 0, "`scale` to be above 0"),
    ],
)
def test_statistics_refuse_what_is_no_noise(noise, gradients, scale, message):
    with pytest.raises(ValueError, match=message):
        poison_statistics(noise, gradients, scale)


def test_p_value_refuses_more_than_one_dimension_and_monte_carlo_no_draw():
    with pytest.raises(ValueError, match=r"`statistics` to have the shape \(n,\)"):
        poison_p_value(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="at least one draw"):
        monte_carlo_p_values(np.ones((1, 2)), np.ones((1, 2)), np.ones((0, 1, 2)))
