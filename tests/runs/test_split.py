"""The hash that ties runs together."""

import numpy as np
import pytest

from medunlearn.runs import split_sha256

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
