"""Merkle trees against the definition in RFC 6962 and its published example."""

import hashlib

import pytest

from medunlearn.receipts.merkle import includes, inclusion_path, leaf_hash, node_hash, root

EXAMPLE = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
"""The entries that implementations of RFC 6962 are tested with."""
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def by_definition(entries):
    """MTH of section 2.1: split at the largest power of two below n."""
    if len(entries) < 2:
        return hashlib.sha256(b"\x00" + entries[0]).digest() if entries else hashlib.sha256().digest()
    at = 1
    while at * 2 < len(entries):
        at *= 2
    return hashlib.sha256(b"\x01" + by_definition(entries[:at]) + by_definition(entries[at:])).digest()


def entries(count):
    return [bytes([number]) for number in range(count)]


@pytest.mark.parametrize("count", ROOTS)
def test_root_is_the_published_one(count):
    assert root([bytes.fromhex(each) for each in EXAMPLE[:count]]).hex() == ROOTS[count]


def test_root_and_paths_are_those_of_the_definition():
    for count in range(1, 20):
        listed = entries(count)
        top = root(listed)
        assert top == by_definition(listed)
        for at in range(count):
            path = inclusion_path(listed, at)
            assert includes(top, count, at, listed[at], path)
            assert not includes(top, count, at, b"other", path)
            assert not includes(top, count, at, listed[at], [*path, path[-1] if path else top])
            assert not includes(top, count, at, listed[at], path[:-1]) or count == 1
            wrong = {each for each in range(count + 2) if includes(top, count, each, listed[at], path)}
            assert wrong == {at}


def test_an_inner_node_is_no_entry():
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert root([b"a", b"b"]) == node_hash(left, right)
    assert root([left + right]) != root([b"a", b"b"])
    assert not includes(root([b"a", b"b"]), 1, 0, left + right, [])


def test_no_entries_are_the_hash_of_nothing():
    assert root([]) == hashlib.sha256().digest()
    assert not includes(root([]), 0, 0, b"", [])
    with pytest.raises(IndexError):
        inclusion_path([], 0)
