import pickle

import numpy as np
import pytest
from helpers.hostile import Touch

from medunlearn.data.npz import read_npz
from medunlearn.errors import InputError


@pytest.fixture
def save(tmp_path):
    def save_with(names, allow_pickle=False):
        path = tmp_path / "own.npz"
        arrays = {}
        for split in ("train", "val", "test"):
            arrays[f"{split}_images"] = np.zeros((3, 8, 8), np.uint8)
            arrays[f"{split}_labels"] = np.arange(3)
        np.savez_compressed(path, class_names=names, **arrays, allow_pickle=True)
        return path

    return save_with


def refusal(path, **given):
    with pytest.raises(InputError) as caught:
        read_npz(path, **given)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 1000
    return message.removeprefix(f"file={path}: ")


@pytest.mark.parametrize("kind", ["U", "S", ">U20"])
def test_names_of_a_file_are_read_whatever_kind_of_text(save, kind):
    assert read_npz(save(np.array(["a", "b c", "d"]).astype(kind))).class_names == ("a", "b c", "d")


def test_names_in_utf_8_are_read(save):
    assert read_npz(save(np.array(["ä".encode(), b"b", b"c"]))).class_names == ("ä", "b", "c")


def test_names_do_not_change_the_hash_of_the_data(save):
    first = read_npz(save(np.array(["a", "b", "c"]))).sha256
    assert read_npz(save(np.array(["x", "y", "z"]))).sha256 == first


def test_given_names_come_before_those_of_the_file_which_may_be_wrong(save):
    assert read_npz(save(np.array([1, 2])), class_names=["x", "y", "z"]).class_names == ("x", "y", "z")


def test_an_object_array_of_names_is_refused_and_runs_no_code(save, tmp_path):
    marker = tmp_path / "marker"
    for names in (np.array(["a", "b", "c"], dtype=object), np.array([Touch(marker)] * 3, dtype=object)):
        assert refusal(save(names)) == (
            "class_names holds Python objects, which only pickle reads, and that could run code; save it as text, "
            "`numpy.array([...], dtype=str)`, or leave it out"
        )
    assert not marker.exists()
    assert pickle.dumps(Touch(marker))


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (np.arange(3), "class_names is int64; save it as text"),
        (np.array(["a", "b"]), "class_names has shape (2,) for 3 classes; give one name for each class, (3,)"),
        (np.array([["a", "b", "c"]]), "class_names has shape (1, 3) for 3 classes"),
        (np.array("a"), "class_names has shape () for 3 classes"),
        (np.array(["a", "b", "x" * 101]), "class_names is <U101, of longer names than 100 characters; shorten them"),
        (np.array(["a", "b", "a"]), "class_names: classes 0 and 2 are both named a"),
        (np.array(["a", "1", "b"]), "class_names: the name of class 1 is 1, which is read as the number of a class"),
        (np.array(["a", "\x1b[2J", "b"]), r"class_names: the name of class 1 is '\x1b[2J', with characters"),
        (np.array([b"a", b"\xff", b"b"]), "class_names holds bytes that are not text; save it with UTF-8 names"),
        (np.array([1, 2**31, 3], "<u4").view("<U1"), "class_names holds bytes that are not text"),
    ],
)
def test_names_that_are_none_are_refused(save, names, problem):
    assert refusal(save(names)).startswith(problem)
