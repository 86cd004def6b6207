"""What a Retrain is predicted to lose, by hand; and the parts that it is measured on."""

import numpy as np
import pytest

from medunlearn.metrics import LearningCurve, Loss, Part, Point, Predictions, nested_order, part_sizes

# val_error = 8 (n / 1000)^-1, train_error = 2 (n / 1000)^-0.5
POINTS = tuple(Point(n, 8000 / n, 2 * (n / 1000) ** -0.5, attack=20 * 1000 / n) for n in (250, 500, 1000))
CURVE = LearningCurve(POINTS, original=Point(1000, 4.0, 1.0, 10.0))


def part(labels):
    return Part(np.eye(3, dtype=np.float32)[labels], np.asarray(labels), np.arange(len(labels)))


def predictions(forget, retain, val):
    return Predictions(part(forget), part(retain), part([0]), part(val))


def test_loss_is_the_difference_of_the_laws():
    loss = CURVE.loss(1000, 500)
    assert loss.val == pytest.approx(8, abs=1e-3)
    assert loss.train == pytest.approx(2 * 2**0.5 - 2, abs=1e-3)
    assert loss.attack is None
    assert CURVE.loss(700, 700) == Loss(0.0, 0.0)


def test_loss_grows_with_what_is_forgotten():
    losses = [CURVE.loss(1000, n).val for n in (1000, 900, 500, 100, 10, 1)]
    assert losses == sorted(losses)
    assert losses[-1] == pytest.approx(92, abs=1e-3), "an error is at most 100 %"


def test_ratios_are_of_the_originals_own_errors():
    short = LearningCurve(POINTS, CURVE.original, reading="ratio", moves_attack=True)
    assert short.loss(1000, 500).val == pytest.approx(4, abs=1e-3)
    assert short.loss(1000, 500).train == pytest.approx(2**0.5 - 1, abs=1e-3)
    assert short.loss(1000, 500).attack == pytest.approx(10, abs=1e-3)
    free = LearningCurve((Point(250, 0.0), Point(1000, 0.0)), CURVE.original, reading="ratio")
    assert free.loss(1000, 500).val == 0, "where no error is made there is no ratio"


def test_the_level_of_a_curve_is_predicted_whatever_luck_the_original_had():
    lucky = LearningCurve(POINTS, Point(1000, val_error=3.0, train_error=1.0), reading="level")
    assert lucky.loss(1000, 500).val == pytest.approx(lucky.laws["val_error"].at(500) - 3)
    assert lucky.loss(1000, 500).train == pytest.approx(lucky.laws["train_error"].at(500) - 1)
    assert lucky.loss(1000, 1000).val == pytest.approx(lucky.laws["val_error"].at(1000) - 3), "another seed's"
    unknown = LearningCurve(POINTS, Point(1000, val_error=3.0), reading="level")
    assert unknown.loss(1000, 500).train == pytest.approx(CURVE.loss(1000, 500).train)


def test_where_errors_on_all_unseen_images_are_known_the_law_is_theirs():
    points = (Point(250, 1.0, unseen_error=32.0), Point(500, 1.0, unseen_error=16.0), Point(1000, 3.0))
    curve = LearningCurve(points, Point(1000, 3.0), reading="level")
    assert curve.known("val_error") == [(250, 32.0), (500, 16.0)]
    assert curve.loss(1000, 500).val == pytest.approx(13)
    assert curve.loss(1000, 1000).val == pytest.approx(5), "the original's 3 % on validation images were luck"
    assert LearningCurve(points[1:], points[-1]).known("val_error") == [(500, 1.0), (1000, 3.0)], "one point is no law"


def test_what_is_not_known_of_a_curve_is_no_loss():
    curve = LearningCurve((Point(250, 20.0), Point(1000, 10.0)), Point(1000, 10.0), moves_attack=True)
    assert curve.loss(1000, 250).train == 0
    assert curve.loss(1000, 250).attack is None
    assert curve.loss_for(predictions([0], [0], [0])).attack is None


def test_loss_of_random_forgetting_is_that_of_its_rate():
    forget, retain = [0, 1, 2] * 10, [0, 1, 2] * 30
    found = CURVE.loss_for(predictions(forget, retain, [0, 1, 2, 2]))
    alone = CURVE.loss(120, 90)
    assert (found.val, found.train, found.forget) == pytest.approx((alone.val, alone.train, alone.val))


def test_loss_of_a_class_is_that_of_its_own_share_and_a_forgotten_class_costs_the_others_nothing():
    whole = CURVE.loss_for(predictions([0] * 10, [1] * 20 + [2] * 10, [0, 1, 2]))
    assert (whole.val, whole.train, whole.forget) == (0, 0, 0)
    half = CURVE.loss_for(predictions([0] * 10, [0] * 10 + [1] * 20, [0, 1, 1, 1]))
    alone = CURVE.loss(40, 20)
    assert half.val == pytest.approx(alone.val / 4)
    assert half.forget == pytest.approx(alone.val)
    assert half.train == pytest.approx(alone.train / 3)


def test_parts_are_nested_in_proportion_and_drawn_by_the_seed():
    labels = np.repeat([0, 1, 2], [80, 40, 8])
    order = nested_order(labels, seed=0)
    assert sorted(order) == list(range(128))
    for size in (16, 32, 64):
        assert np.bincount(labels[order[:size]]) == pytest.approx(size * np.array([80, 40, 8]) / 128, abs=1)
    assert not np.array_equal(order, nested_order(labels, seed=1))
    assert np.array_equal(order, nested_order(labels, seed=0))


def test_sizes_of_parts_ascend_and_stand_once():
    assert part_sizes(3000, [1, 0.5, 0.25, 0.5]) == [750, 1500, 3000]
    assert part_sizes(4, [0.01]) == [1]
