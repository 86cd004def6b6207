"""Ids: UUIDs of version 7, which hold the time."""

import time
import uuid

import pytest

from medunlearn.receipts.identity import new_identity, time_of, uuid7


def test_id_is_of_version_7_and_of_now():
    before = time.time_ns() // 1_000_000
    found = new_identity(None)
    made = uuid.UUID(found.id)
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000
    assert time_of(found.id) == found.created


def test_ids_of_one_moment_differ_and_later_ones_sort_after():
    assert len({uuid7(1) for _ in range(100)}) == 100
    assert str(uuid7(1)) < str(uuid7(2)) < str(uuid7(2**47))


@pytest.mark.parametrize("text", ["", "x", str(uuid.UUID(int=0)), "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}"])
def test_other_texts_are_no_ids(text):
    assert time_of(text) is None


def test_time_beyond_the_calendar_is_no_error():
    assert time_of(str(uuid7(2**48 - 1))) == "unknown"
