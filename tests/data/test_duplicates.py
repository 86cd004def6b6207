"""Copies of forgotten images among the retained, against brute force."""

from itertools import pairwise, product

import numpy as np
import pytest

from medunlearn.data import duplicates
from medunlearn.data.duplicates import NEAR, find_duplicates, reduced


def smooth(count, size, seed=0, channels=()):
    """Return different images with the large shapes that pictures have."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(20, 200, (count, 6, 6, *channels)).astype(np.uint8)
    rows = np.arange(size) * 6 // size
    return coarse[:, rows][:, :, rows]


def brute_force(images, forget, retain):
    """Return each forgotten image's most similar retained one and how similar it is, by means of blocks."""
    size = images.shape[1]
    edges = np.linspace(0, size, min(16, size) + 1).round().astype(int)
    blocks = [slice(*pair) for pair in pairwise(edges)]
    vectors = [[image[down, across].mean() for down, across in product(blocks, blocks)] for image in images]
    alike = np.corrcoef(vectors)[np.ix_(forget, retain)]
    return retain[alike.argmax(1)], alike.max(1)


@pytest.mark.parametrize("shape", [(28,), (33,), (8,), (28, 3)])
def test_near_copies_are_those_of_brute_force(monkeypatch, shape):
    monkeypatch.setattr(duplicates, "PIXELS", 5 * 28 * 28)  # several pieces
    monkeypatch.setattr(duplicates, "AT_ONCE", 60)
    images = smooth(40, shape[0], channels=shape[1:])
    noise = np.random.default_rng(1).integers(0, 60, (12, *images.shape[1:]))
    images[20:32] = np.clip(
        images[:12] * 0.8 + np.linspace(0, 1, 12).reshape(-1, *[1] * (images.ndim - 1)) * noise, 0, 255
    )
    forget, retain = np.arange(0, 14), np.arange(14, 40)
    nearest, alike = brute_force(images, forget, retain)
    found = find_duplicates(images, forget, retain)
    assert 3 < (alike >= NEAR).sum() < 12, "some are, some are not"
    assert found.near == [(row, nearest[row]) for row in np.flatnonzero(alike >= NEAR)]
    assert (found.exact, found.compared) == ([], 14)


def test_a_copy_in_every_pixel_is_exact_and_named_once():
    images = smooth(6, 28)
    images[[3, 5]] = images[0]
    found = find_duplicates(images, np.array([0, 1]), np.array([2, 3, 4, 5]))
    assert found == ([(0, 3)], [], 1)
    assert find_duplicates(images, np.array([0, 3, 5]), np.array([1, 2, 4])).exact == [], "all copies are forgotten"


@pytest.mark.parametrize("changed", [lambda x: x * 0.5, lambda x: x + 40, lambda x: x * 0.7 + 30])
def test_brightness_and_contrast_hide_no_copy(changed):
    images = smooth(4, 28)
    images[2] = changed(images[0].astype(float))
    assert find_duplicates(images, np.array([0]), np.array([1, 2, 3])).near == [(0, 2)]


def test_different_images_and_those_of_one_tone_are_no_near_copies():
    images = np.concatenate([smooth(4, 28), np.full((2, 28, 28), 7, np.uint8), np.full((1, 28, 28), 9, np.uint8)])
    found = find_duplicates(images, np.array([0, 1, 4]), np.array([2, 3, 5, 6]))
    assert (found.exact, found.near) == ([(4, 5)], [])
    assert not reduced(images[4:]).any()


def test_nothing_is_found_where_nothing_is_forgotten_or_retained():
    images = smooth(3, 8)
    assert find_duplicates(images, np.arange(0), np.arange(3)) == ([], [], 0)
    assert find_duplicates(images, np.arange(3), np.arange(0)) == ([], [], 3)


def test_no_more_than_so_many_are_compared(monkeypatch):
    monkeypatch.setattr(duplicates, "MOST", 2)
    images = smooth(6, 28)
    images[3:] = images[:3] // 2
    found = find_duplicates(images, np.arange(3), np.arange(3, 6))
    assert (found.near, found.compared) == ([(0, 3), (1, 4)], 2)
