"""Who is in, forgotten and out."""

import numpy as np
import pytest

from medunlearn.errors import InputError
from medunlearn.ulira.design import Design

DESIGN = Design(originals=6, draws=3, targets=5, seed=2, images=41)


def test_twins_share_out_all_images():
    for first in range(0, 6, 2):
        halves = DESIGN.half(first), DESIGN.half(first + 1)
        assert sorted(np.concatenate(halves)) == list(range(41))
        assert [len(half) for half in halves] == [20, 21]
        assert all((np.diff(half) > 0).all() for half in halves)
    assert len({tuple(DESIGN.half(original)) for original in range(6)}) == 6


def test_targets_of_two_draws_are_others():
    every = np.concatenate([DESIGN.target_images(draw) for draw in range(3)])
    assert len(set(every)) == len(every) == 30 == DESIGN.columns


def test_each_target_is_forgotten_by_one_twin_and_unseen_by_the_other():
    for draw in range(3):
        for original in range(6):
            forgotten, unseen = DESIGN.forgotten(original, draw), DESIGN.unseen(original, draw)
            half = DESIGN.half(original)
            assert set(forgotten) <= set(half)
            assert not set(unseen) & set(half)
            assert sorted([*forgotten, *unseen]) == DESIGN.target_images(draw).tolist()
            assert len(forgotten) == len(unseen) == 5
            assert (half[DESIGN.places(original, draw)] == forgotten).all()
            assert DESIGN.unseen(original ^ 1, draw).tolist() == forgotten.tolist()


def test_columns_are_those_of_all_targets_draw_by_draw():
    every = np.concatenate([DESIGN.target_images(draw) for draw in range(3)])
    for draw in range(3):
        images = DESIGN.forgotten(4, draw)
        assert (every[DESIGN.columns_of(draw, images)] == images).all()
    assert DESIGN.all_unseen(1)[5:10].tolist() == DESIGN.unseen(1, 1).tolist()


def test_more_originals_change_nothing_of_those_that_are_there():
    more = Design(originals=8, draws=3, targets=5, seed=2, images=41)
    assert (more.half(5) == DESIGN.half(5)).all()
    assert (more.forgotten(5, 2) == DESIGN.forgotten(5, 2)).all()
    other = Design(originals=6, draws=3, targets=5, seed=3, images=41)
    assert (other.target_images(0) != DESIGN.target_images(0)).any()


def test_a_half_retains_an_image():
    assert len(Design(4, 1, 3, 0, 8).half(0)) == 4
    with pytest.raises(InputError, match="targets=3: 1 draws take 6 images"):
        Design(4, 1, 3, 0, 7)
