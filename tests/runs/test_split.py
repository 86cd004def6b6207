"""The hash that ties runs together."""

import numpy as np
import pytest

from medunlearn.runs import split_sha256
from medunlearn.runs.split import dropped_of, requests_of

DATA = "a" * 64


def test_the_split_hash_changes_with_the_data_and_with_each_index():
    hashes = [
        split_sha256(data, np.array(indices, dtype=np.int64))
        for data in (DATA, "b" + "a" * 63)
        for indices in ([], [0], [1], [1, 2], [1, 3], [1, 2, 3], [258], [1 + 2**32])
    ]
    assert len(set(hashes)) == len(hashes)
    assert all(len(value) == 64 and int(value, 16) >= 0 for value in hashes)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, ">i8", np.uint64])
def test_the_split_hash_does_not_hang_on_how_the_indices_lie_in_memory(dtype):
    plain = split_sha256(DATA, np.array([3, 7, 200]))
    assert split_sha256(DATA, np.array([3, 7, 200], dtype=dtype)) == plain
    assert split_sha256(DATA, np.array([3, 0, 7, 0, 200, 0])[::2]) == plain


def test_the_split_hash_is_as_ever():
    # sha256sum over the 64 letters and two little-endian 8-byte integers: earlier runs must stay comparable.
    expected = "f0891f5e620b55ba46c55cbf72689364dd6ef7292f7aa9c1af5a6d85498c6224"
    assert split_sha256(DATA, np.array([1, 2])) == expected


def test_the_split_hash_changes_with_each_image_that_is_left_out():
    none, rows = np.arange(0), np.array([1, 2])
    places = ({}, {"val": rows[:1]}, {"test": rows[:1]}, {"val": rows}, {"val": rows[:1], "test": rows[1:]})
    hashes = [split_sha256(DATA, np.array([3, 7]), dropped) for dropped in places]
    assert len(set(hashes)) == len(hashes)
    assert split_sha256(DATA, np.array([3, 7]), {"val": none, "test": none}) == hashes[0]
    assert split_sha256(DATA, np.array([3, 7]), {"test": rows[1:], "val": rows[:1]}) == hashes[-1]


def test_what_is_left_out_and_asked_for_is_read_from_runs_of_every_age():
    old = {"indices": [3, 7], "how": {"rate": 0.1}, "sha256": "ab"}
    assert dropped_of(old) == dropped_of(old | {"dropped": None}) == dropped_of(old | {"dropped": {"val": []}}) == {}
    assert dropped_of(old | {"dropped": {"val": [], "test": [4]}})["test"].tolist() == [4]
    first = requests_of(old | {"dropped": {"val": [], "test": [4]}})
    assert first == [{"how": {"rate": 0.1}, "n": {"train": 2, "val": 0, "test": 1}, "split_sha256": "ab"}]
    assert requests_of({"indices": [], "sha256": "ab"}) == [], "of an original"
    chain = [{"run": "one"}, {"run": None}]
    found = requests_of(old | {"requests": chain})
    found[0]["run"] = "two"
    assert chain[0]["run"] == "one", "a copy"
