"""Wilson's interval and the margin of a difference of gaps, against formulas written out here."""

from math import sqrt

import pytest

from medunlearn.metrics import GAP_METRICS, gap_difference_margin, half_width, largest_error, wilson

Z = 1.959963984540054  # of 95 %


def by_formula(right, images):
    p, middle = right / images, 1 + Z**2 / images
    spread = Z * sqrt(p * (1 - p) / images + Z**2 / (4 * images**2))
    return [100 * (p + Z**2 / (2 * images) + sign * spread) / middle for sign in (-1, 1)]


@pytest.mark.parametrize(("right", "images"), [(0, 1), (1, 1), (0, 16), (3, 30), (29, 60), (240, 240)])
def test_wilson_is_the_formula_of_wilson(right, images):
    assert wilson(100 * right / images, images) == pytest.approx(by_formula(right, images), abs=1e-9)


def test_wilson_stays_within_0_and_100():
    assert wilson(0.0, 5)[0] == 0
    assert wilson(100.0, 5)[1] == 100


def figures(*values):
    return dict(zip(GAP_METRICS, values, strict=True))


def test_margin_adds_half_widths_in_squares_each_with_the_images_of_its_metric():
    images = {"forget": 30, "retain": 270, "test": 60}
    first, second = figures(10, 90, 80, 40), figures(20, 100, 90, 60)
    counts = dict(zip(GAP_METRICS, (30, 270, 60, 30), strict=True))
    squares = sum(half_width(each[key], counts[key]) ** 2 for each in (first, second) for key in GAP_METRICS)
    assert gap_difference_margin(first, second, figures(0, 0, 0, 0), images) == pytest.approx(sqrt(squares) / 4)
    between = squares + 4 * half_width(50, 30) ** 2
    assert gap_difference_margin(first, second, figures(0, 0, 0, 50), images) == pytest.approx(sqrt(between) / 4)


def test_margin_shrinks_with_the_number_of_images():
    models = figures(10, 90, 80, 40), figures(20, 100, 90, 60), figures(15, 95, 85, 50)
    margins = [gap_difference_margin(*models, dict.fromkeys(("forget", "retain", "test"), n)) for n in (10, 100, 1000)]
    assert margins == sorted(margins, reverse=True)


def test_largest_error_is_the_farther_end_of_the_interval():
    for percent, images in ((100.0, 8), (62.5, 8), (25.0, 8), (0.0, 30)):
        low, high = wilson(percent, images)
        assert (
            largest_error(percent, images) == max(abs(percent - low), abs(high - percent)) > half_width(percent, images)
        )
