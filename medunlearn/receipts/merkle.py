"""Merkle trees of RFC 6962, section 2.1: one hash for many entries, each of which can be proven by itself.

Leaves and inner nodes are hashed with different first bytes, so that an inner node cannot be passed off as an entry.
"""

import hashlib
from collections.abc import Sequence

LEAF, NODE = b"\x00", b"\x01"


def leaf_hash(entry: bytes) -> bytes:
    """Return SHA-256(0x00 || entry)."""
    return hashlib.sha256(LEAF + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right)."""
    return hashlib.sha256(NODE + left + right).digest()


def root(entries: Sequence[bytes]) -> bytes:
    """Return the Merkle tree hash; of no entries, the SHA-256 of nothing.

    Example:
        >>> root([]).hex()[:16]
        'e3b0c44298fc1c14'
        >>> root([b"a", b"b"]) == node_hash(leaf_hash(b"a"), leaf_hash(b"b"))
        True
    """
    return _root([leaf_hash(entry) for entry in entries])


def inclusion_path(entries: Sequence[bytes], at: int) -> list[bytes]:
    """Return the audit path of an entry, from its neighbour up to the root's child.

    Args:
        entries: All entries.
        at: Which one.

    Raises:
        IndexError: If there is no such entry.
    """
    if not 0 <= at < len(entries):
        raise IndexError(f"Expected argument `at` to be from 0 to {len(entries) - 1}, but got {at}")
    return _path([leaf_hash(entry) for entry in entries], at)


def includes(root: bytes, size: int, at: int, entry: bytes, path: Sequence[bytes]) -> bool:
    """Return whether an entry is at a position of the tree with this root (RFC 9162, section 2.1.3.2).

    Args:
        root: The Merkle tree hash.
        size: Number of entries.
        at: Position of the entry, from 0.
        entry: The entry.
        path: Result of `inclusion_path`.

    Example:
        >>> includes(leaf_hash(b"a"), size=1, at=0, entry=b"a", path=[])
        True
    """
    if not 0 <= at < size:
        return False
    number, last, found = at, size - 1, leaf_hash(entry)
    for other in path:
        if last == 0:
            return False
        if number % 2 or number == last:
            found = node_hash(other, found)
            while not number % 2 and number:
                number, last = number // 2, last // 2
        else:
            found = node_hash(found, other)
        number, last = number // 2, last // 2
    return last == 0 and found == root


def _root(hashes: Sequence[bytes]) -> bytes:
    """Return the root of hashed leaves, level by level; an odd node moves up unchanged."""
    level = list(hashes) or [hashlib.sha256().digest()]
    while len(level) > 1:
        paired = [node_hash(*level[start : start + 2]) for start in range(0, len(level) - 1, 2)]
        level = paired + level[len(level) - len(level) % 2 :]
    return level[0]


def _path(hashes: Sequence[bytes], at: int) -> list[bytes]:
    level, path = list(hashes), list[bytes]()
    while len(level) > 1:
        other = at ^ 1
        if other < len(level):
            path.append(level[other])
        paired = [node_hash(*level[start : start + 2]) for start in range(0, len(level) - 1, 2)]
        level, at = paired + level[len(level) - len(level) % 2 :], at // 2
    return path
