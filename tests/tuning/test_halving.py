"""Successive halving: at which epochs trials are compared, and which part goes on."""

import math

import pytest

from medunlearn.tuning.halving import left_behind, rung_reached


@pytest.mark.parametrize(
    ("epochs", "rungs"),
    [(1, [None]), (2, [50, None]), (3, [None, 50, None]), (4, [None, 50, 75, None]), (10, [50, 75])],
)
def test_trials_are_compared_once_at_each_share_of_their_schedule(epochs, rungs):
    found = [rung_reached(100 * done / epochs, 100 * (done + 1) / epochs) for done in range(epochs)]
    assert [rung for rung in found if rung] == [rung for rung in rungs if rung]
    assert found[-1] is None, "a trial that has ended is not stopped"


@pytest.mark.parametrize(("rung", "last"), [(50, 4), (75, 3)])
def test_the_better_part_goes_on_and_one_alone_always(rung, last):
    gaps = [1.0, 2.0, 3.0, 4.0, 5.0]
    for gap in gaps:
        others = [{rung: each} for each in gaps if each != gap]
        assert left_behind(gap, others, rung) == (gap > last)
    assert not left_behind(9.0, [], rung)
    assert not left_behind(9.0, [{25: 1.0}], rung), "what has not come to this rung is no measure"


def test_half_way_the_third_trial_is_not_stopped_yet():
    assert not left_behind(9.0, [{50: 1.0}, {50: 2.0}], 50), "a high rate looks bad there"
    assert left_behind(9.0, [{75: 1.0}, {75: 2.0}], 75)


def test_a_model_that_has_diverged_is_left_behind_alone_too():
    assert left_behind(math.inf, [], 50)
    assert left_behind(math.nan, [], 50)
