import errno
import json
import math
import pickle
from pathlib import Path

import numpy as np
import pytest

from medunlearn.data.forgetting import ForgetSpec, as_spec, choose_forget_set, read_indices
from medunlearn.errors import InputError

LABELS = np.repeat([0, 1, 2], [70, 25, 5])  # imbalanced, as medical data are
FORMS = {
    ".txt": "not readable as a list of indices; write one whole number per line",
    ".csv": "not readable as a list of indices; write a column `index` of whole numbers",
    ".npy": "not readable as a list of indices; save a one-dimensional integer array",
    ".json": "not readable as a list of indices; write a list of whole numbers, or give a run's split.json",
}


def chosen(labels=LABELS, num_classes=3, **settings):
    return choose_forget_set(labels, num_classes, ForgetSpec(**settings))


def refusal(call, *args, **settings):
    """Return the message of the error, which is one line."""
    with pytest.raises(InputError) as caught:
        call(*args, **settings)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


@pytest.fixture
def write(tmp_path):
    """Writes an index file, from text, from bytes or, for .npy, from an array."""

    def write_file(name, content):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif name.endswith(".npy"):
            np.save(path, content)
        else:
            path.write_text(content)
        return path

    return write_file


# The specification


def test_spec_without_settings_is_no_forget_set():
    assert not ForgetSpec().given
    none = chosen()
    assert none.shape == (0,)
    assert none.dtype == np.int64
    assert ForgetSpec().describe() == {}


@pytest.mark.parametrize("settings", [{"rate": 0.1}, {"classes": [1]}, {"classes": []}, {"indices": "a.txt"}])
def test_spec_with_one_of_the_three_settings_is_a_forget_set(settings):
    assert ForgetSpec(**settings).given


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate": 0.1, "classes": [0]}, "rate and classes are both set"),
        ({"rate": 0.1, "indices": "a.txt"}, "rate and indices are both set"),
        ({"classes": [0], "indices": "a.txt"}, "classes and indices are both set"),
    ],
)
def test_spec_with_two_settings_at_once_is_refused_with_the_remedy(settings, message):
    assert refusal(ForgetSpec, **settings) == (
        f"forget: {message}; keep one and clear the other, as in `--data.forget.{next(iter(settings))} null`"
    )


def test_spec_with_all_three_at_once_is_refused():
    message = refusal(ForgetSpec, rate=0.1, classes=[0], indices="a.txt")
    assert message.startswith("forget: rate and classes and indices are both set; keep one")


@pytest.mark.parametrize("rate", [0, 0.0, 1, 1.0, 1.5, -0.1, math.nan, math.inf])
def test_rates_outside_0_to_1_are_refused(rate):
    assert refusal(ForgetSpec, rate=rate) == f"rate={rate}: give a share between 0 and 1, such as 0.1"


def test_a_negative_seed_is_refused():
    assert refusal(ForgetSpec, rate=0.1, seed=-1) == "seed=-1: give a whole number of 0 or more"


@pytest.mark.parametrize("settings", [{}, {"classes": [1]}, {"indices": "a.txt"}])
def test_stratified_draw_without_a_rate_is_refused(settings):
    assert refusal(ForgetSpec, stratified=True, **settings) == (
        "stratified=true: only a draw by rate can be stratified; set data.forget.rate"
    )


def test_describe_is_what_split_json_keeps():
    described = {
        "rate": ForgetSpec(rate=0.1, stratified=True).describe(),
        "classes": ForgetSpec(classes=[2, 0]).describe(),
        "indices": ForgetSpec(indices="runs/a/split.json").describe(),
    }
    assert json.loads(json.dumps(described)) == {
        "rate": {"rate": 0.1, "stratified": True},
        "classes": {"classes": [0, 2]},
        "indices": {"indices": "runs/a/split.json"},
    }


# By rate


@pytest.mark.parametrize("stratified", [False, True])
@pytest.mark.parametrize(("rate", "size"), [(0.1, 100), (0.5, 100), (0.5, 99), (0.1, 11959), (0.99, 100), (0.019, 100)])
def test_a_rate_gives_floor_of_rate_times_n_sorted_indices(rate, size, stratified):
    labels = np.random.default_rng(1).choice(4, size=size, p=[0.55, 0.3, 0.1, 0.05])
    indices = chosen(labels, 4, rate=rate, stratified=stratified)
    assert len(indices) == math.floor(rate * size)
    assert (np.diff(indices) > 0).all()
    assert indices.min() >= 0
    assert indices.max() < size
    assert indices.dtype == np.int64


@pytest.mark.parametrize("stratified", [False, True])
def test_a_draw_hangs_on_its_seed_alone(stratified):
    first, again, other = (chosen(rate=0.3, seed=seed, stratified=stratified).tolist() for seed in (4, 4, 5))
    assert first == again
    assert first != other
    np.random.seed(0)  # noqa: NPY002  the global generator must not matter
    assert chosen(rate=0.3, seed=4, stratified=stratified).tolist() == first


def test_a_uniform_draw_does_not_look_at_labels():
    labels = np.random.default_rng(0).permutation(LABELS)
    assert chosen(labels, rate=0.3).tolist() == chosen(rate=0.3).tolist()


@pytest.mark.parametrize("stratified", [False, True])
def test_draws_over_many_seeds_take_every_image_of_a_class_alike(stratified):
    draws, rate = 600, 0.2
    times = np.zeros(len(LABELS))
    for seed in range(draws):
        times[chosen(rate=rate, seed=seed, stratified=stratified)] += 1
    spread = math.sqrt(draws * rate * (1 - rate))
    assert np.abs(times - draws * rate).max() < 4.5 * spread
    # Not one fixed order, either: the times of neighbouring images differ.
    assert times.std() > spread / 3


def test_a_uniform_draw_leaves_the_classes_to_chance():
    counts = {tuple(np.bincount(LABELS[chosen(rate=0.2, seed=seed)], minlength=3)) for seed in range(20)}
    assert len(counts) > 5


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("rate", "by_hand"),
    [
        # Shares of 70, 25 and 5: their floors, then one more for the largest remainders until the total is there. Of
        # equal remainders the smaller label goes first: another choice would change forget sets that people have used.
        (0.1, [7, 3, 0]),  # 7, 2.5, 0.5
        (0.2, [14, 5, 1]),
        (0.25, [18, 6, 1]),  # 17.5, 6.25, 1.25
        (0.33, [23, 8, 2]),  # 23.1, 8.25, 1.65
        (0.5, [35, 13, 2]),  # 35, 12.5, 2.5
        (0.95, [66, 24, 5]),  # 66.5, 23.75, 4.75: two are missing
    ],
)
def test_a_stratified_draw_is_proportional_by_largest_remainder(rate, by_hand, seed):
    labels = np.random.default_rng(seed).permutation(LABELS)
    counts = np.bincount(labels[chosen(labels, rate=rate, seed=seed, stratified=True)], minlength=3)
    assert counts.tolist() == by_hand


@pytest.mark.parametrize("seed", range(20))
def test_a_stratified_draw_is_within_one_of_each_class_share(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 90, size=7)
    labels, rate = np.repeat(np.arange(7), sizes), rng.uniform(0.05, 0.95)
    counts = np.bincount(labels[chosen(labels, 7, rate=rate, stratified=True)], minlength=7)
    assert counts.sum() == math.floor(rate * len(labels))
    assert (np.abs(counts - rate * sizes) < 1).all()


def test_a_stratified_draw_copes_with_a_class_that_does_not_occur():
    labels = np.repeat([0, 2], [30, 10])
    counts = np.bincount(labels[chosen(labels, 4, rate=0.5, stratified=True)], minlength=4)
    assert counts.tolist() == [15, 0, 5, 0]


@pytest.mark.parametrize(("rate", "sizes"), [(0.35, [60, 120]), (0.7, [10, 80]), (0.7, [10] * 9)])
def test_a_stratified_total_is_exact_where_rate_times_n_is_just_below_a_whole_number(rate, sizes):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    stratified, uniform = (chosen(labels, len(sizes), rate=rate, stratified=choice) for choice in (True, False))
    assert len(stratified) == len(uniform)


@pytest.mark.parametrize(("rate", "size", "count"), [(0.29, 100, 29), (0.58, 50, 29), (0.35, 180, 63)])
def test_the_floor_is_of_the_rate_as_written(rate, size, count):
    assert len(chosen(np.zeros(size, int), 1, rate=rate)) == count


@pytest.mark.parametrize("stratified", [False, True])
def test_a_rate_too_small_for_one_image_is_refused(stratified):
    assert refusal(chosen, rate=0.009, stratified=stratified) == (
        "rate=0.009: the forget set is empty with 100 training images; choose more"
    )


# By class


@pytest.mark.parametrize("classes", [[1], [2, 0], [1, 1]])
def test_classes_give_every_image_of_them_and_no_other(classes):
    labels = np.random.default_rng(0).permutation(LABELS)
    indices = chosen(labels, classes=classes)
    assert indices.tolist() == [place for place, label in enumerate(labels) if label in classes]
    assert indices.dtype == np.int64


@pytest.mark.parametrize(("classes", "wrong"), [([3], 3), ([0, -1], -1), ([99, 0, 1], 99)])
def test_a_class_that_does_not_exist_is_refused(classes, wrong):
    assert refusal(chosen, classes=classes) == (
        f"classes={classes}: class {wrong} is out of range; the classes are 0 to 2"
    )


def test_classes_that_are_none_or_without_images_are_refused():
    assert refusal(chosen, classes=[]) == "classes=[]: the forget set is empty with 100 training images; choose more"
    assert refusal(chosen, num_classes=5, classes=[4]) == (
        "classes=[4]: no training image is of these classes; choose others"
    )


def test_all_classes_are_refused():
    assert refusal(chosen, classes=[0, 1, 2]) == (
        "classes=[0, 1, 2]: nothing is left to retain of 100 training images; choose fewer"
    )


# By file

SAME = [
    ("a.txt", "7\n0\n99\n"),
    ("no_newline.txt", "7\n0\n99"),
    ("blank_lines_and_spaces.txt", "\n 7\n\n0 \n99\n\n"),
    ("windows.txt", b"7\r\n0\r\n99\r\n"),
    ("a.csv", "index\n7\n0\n99\n"),
    ("windows_and_spaces.csv", b" index\r\n 7\r\n 0 \r\n 99\r\n"),
    ("a.npy", np.array([7, 0, 99])),
    ("uint8.npy", np.array([7, 0, 99], np.uint8)),
    ("big_endian.npy", np.array([7, 0, 99], ">i4")),
    ("uint64.npy", np.array([7, 0, 99], np.uint64)),
    ("a.json", "[7, 0, 99]"),
    ("split.json", json.dumps({"indices": [7, 0, 99], "how": {"rate": 0.03}, "seed": 0, "sha256": "abc"})),
]


@pytest.mark.parametrize(("name", "content"), SAME, ids=[name for name, _ in SAME])
def test_every_kind_of_file_gives_its_indices(write, name, content):
    path = write(name, content)
    found = read_indices(path, 100)
    assert found.tolist() == [7, 0, 99]
    assert found.dtype == np.int64
    assert chosen(indices=path).tolist() == [0, 7, 99]
    assert chosen(indices=path).dtype == np.int64


UNREADABLE = [
    ("floats.txt", "1.0\n2.0\n"),
    ("exponent.txt", "1e3\n"),
    ("text.txt", "seven\n"),
    ("two_a_line.txt", "1 2\n"),
    ("commas.txt", "1,2,3"),
    ("too_large.txt", "99999999999999999999\n"),
    ("no_column.csv", "image\n1\n2\n"),
    ("no_header.csv", "1\n2\n"),
    ("floats.csv", "index\n1.0\n"),
    ("empty_cell.csv", 'index\n""\n'),
    ("empty.csv", ""),
    ("floats.npy", np.array([1.0, 2.0])),
    ("bools.npy", np.array([True, False])),
    ("text.npy", np.array(["1", "2"])),
    ("column.npy", np.array([[1], [2]])),
    ("one_number.npy", np.array(3)),
    ("empty.npy", b""),
    ("no_array.npy", b"7\n0\n99\n"),
    ("half.npy", b"\x93NUMPY\x01\x00v\x00{'descr': '<i8'"),
    ("floats.json", "[1.0, 2]"),
    ("bools.json", "[true, false]"),
    ("text.json", '["1", "2"]'),
    ("nested.json", "[[1, 2]]"),
    ("number.json", "7"),
    ("null.json", "null"),
    ("no_indices.json", '{"forget": [1, 2]}'),
    ("null_indices.json", '{"indices": null}'),
    ("truncated.json", "[1, 2"),
    ("empty.json", ""),
    ("too_large.json", "[99999999999999999999]"),
    ("very_deep.json", "[" * 100_000),
]

PLACES = {
    "floats.txt": "line 1 is 1.0",
    "exponent.txt": "line 1 is 1e3",
    "text.txt": "line 1 is seven",
    "two_a_line.txt": "line 1 is 1 2",
    "commas.txt": "line 1 is 1,2,3",
    "too_large.txt": "line 1 is 99999999999999999999",
    "no_column.csv": "line 1 names no column `index`, but `image`",
    "no_header.csv": "line 1 holds the number 1 and no names",
    "empty.csv": "line 1 names no column `index`, but none at all",
    "floats.csv": "line 2 is 1.0",
    "empty_cell.csv": "line 2 is empty",
    "floats.json": "entry 1 is 1.0",
    "bools.json": "entry 1 is true",
    "text.json": 'entry 1 is "1"',
    "nested.json": "entry 1 is [1, 2]",
    "too_large.json": "entry 1 is 99999999999999999999",
}
"""Where the wrong entry stands, where a part of the file is readable."""


@pytest.mark.parametrize(("name", "content"), UNREADABLE, ids=[name for name, _ in UNREADABLE])
def test_files_of_another_form_are_refused_and_the_form_is_named(write, name, content):
    path, place = write(name, content), PLACES.get(name)
    found = refusal(read_indices, path, 100)
    assert found == f"indices={path}: {f'{place}: ' if place else ''}{FORMS[path.suffix]}"


def test_the_wrong_entry_of_a_long_file_is_named_by_its_line(write):
    for name, content, place in (
        ("a.txt", "1\n\n2\r\nx7\n", "line 4 is x7"),
        ("a.csv", "index\n1\n\n3.5\n", "line 4 is 3.5"),
        ("a.json", '[1, 2, "3"]', 'entry 3 is "3"'),
        ("long.txt", f"1\n{'9' * 5000}\n", f"line 2 is {'9' * 40}..."),
    ):
        assert f": {place}: not readable as a list of indices; " in refusal(read_indices, write(name, content), 100)


@pytest.mark.parametrize("suffix", FORMS)
def test_a_directory_is_refused(tmp_path, suffix):
    path = tmp_path / f"folder{suffix}"
    path.mkdir()
    assert (
        refusal(read_indices, path, 100)
        == f"indices={path}: is a directory; give an index file, or split.json of a run"
    )


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\x81", "3\n7\n".encode("utf-16")])
def test_a_text_of_another_encoding_is_refused(write, content):
    path = write("a.txt", content)
    assert refusal(read_indices, path, 100) == f"indices={path}: is not UTF-8 text; save it as UTF-8"


def test_a_file_that_may_not_be_read_is_refused(write, monkeypatch):
    path = write("a.txt", "3\n")

    def denied(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    assert refusal(read_indices, path, 100) == (
        f"indices={path}: cannot be read (Permission denied); give yourself the right to read it"
    )


def test_a_suffix_in_capitals_is_taken(write):
    assert read_indices(write("A.TXT", "3\n7\n"), 100).tolist() == [3, 7]


def test_a_negative_index_is_refused_where_the_number_of_images_is_unknown(write):
    path = write("a.txt", "-1\n")
    assert refusal(read_indices, path, None) == f"indices={path}: index -1 is out of range; the first image is 0"
    assert read_indices(write("b.txt", "999999\n"), None).tolist() == [999999]


@pytest.mark.parametrize("suffix", FORMS)
def test_a_missing_file_is_refused(tmp_path, suffix):
    path = tmp_path / f"none{suffix}"
    message = f"indices={path}: no such file; give the path of an index file"
    assert refusal(read_indices, path, 100) == message
    assert refusal(chosen, indices=path) == message


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.txt.gz"])
def test_an_unknown_kind_of_file_is_refused_with_the_known_ones(write, name):
    path = write(name, "1\n")
    assert refusal(read_indices, path, 100) == (
        f"indices={path}: unknown kind of file; give one that ends in .txt, .csv, .npy, .npz, .json"
    )


class Bomb:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return open, (str(self.marker), "w")


@pytest.mark.parametrize("kind", ["object array", "plain pickle"])
def test_code_in_an_npy_file_is_not_run(write, tmp_path, kind):
    marker = tmp_path / "code_was_run"
    bomb = np.array([Bomb(marker)], dtype=object) if kind == "object array" else pickle.dumps(Bomb(marker))
    path = write("bomb.npy", bomb)
    assert refusal(read_indices, path, 100) == f"indices={path}: {FORMS['.npy']}"
    assert not marker.exists()
    np.load(path, allow_pickle=True).tolist() if kind == "object array" else pickle.loads(path.read_bytes())
    assert marker.exists()  # so reading it without care does run code


def in_every_kind(indices):
    """The same indices as the content of each kind of file."""
    lines = "\n".join(map(str, indices))
    return {".txt": lines, ".csv": f"index\n{lines}\n", ".npy": np.array(indices), ".json": json.dumps(indices)}


@pytest.mark.parametrize("suffix", FORMS)
@pytest.mark.parametrize(("indices", "wrong"), [([3, 100], 100), ([3, -1], -1), ([2**62, 3], 2**62)])
def test_an_index_out_of_range_is_refused(write, suffix, indices, wrong):
    path = write(f"far{suffix}", in_every_kind(indices)[suffix])
    assert refusal(read_indices, path, 100) == (
        f"indices={path}: index {wrong} is out of range; there are 100 training images, 0 to 99"
    )


def test_an_index_beyond_int64_is_refused(write):
    path = write("far.npy", np.array([2**64 - 1], np.uint64))
    assert f"index {2**64 - 1} is out of range" in refusal(read_indices, path, 100)


@pytest.mark.parametrize("suffix", FORMS)
def test_an_index_that_occurs_twice_is_refused(write, suffix):
    path = write(f"twice{suffix}", in_every_kind([5, 8, 5, 1])[suffix])
    assert refusal(read_indices, path, 100) == (f"indices={path}: index 5 occurs more than once; list each image once")


@pytest.mark.parametrize(
    ("name", "content"), [("a.txt", ""), ("a.csv", "index\n"), ("a.npy", np.empty(0)), ("a.json", '{"indices": []}')]
)
def test_a_list_of_nothing_is_refused(write, name, content):
    path = write(name, content)
    assert refusal(chosen, indices=path) == f"indices={path}: names no image; list those to forget"


@pytest.mark.parametrize("suffix", FORMS)
def test_a_list_of_all_images_is_refused(write, suffix):
    path = write(f"all{suffix}", in_every_kind(list(range(100)))[suffix])
    assert refusal(chosen, indices=path) == (
        f"indices={path}: nothing is left to retain of 100 training images; choose fewer"
    )


HEADER = "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }"


def npy_with(header):
    padded = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00v\x00" + padded.encode() + np.arange(3).tobytes()


def test_a_header_made_by_hand_reads(write):
    # So that the damaged ones below are refused for their damage.
    assert read_indices(write("whole.npy", npy_with(HEADER)), 100).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 no zip file",
        npy_with(HEADER + " )"),
        npy_with(HEADER.replace("(3,)", "(3_000_000_000_000,)")),
    ],
    ids=["zip", "header", "size"],
)
def test_a_damaged_npy_file_is_refused(write, content):
    path = write("damaged.npy", content)
    assert refusal(read_indices, path, 100) == f"indices={path}: {FORMS['.npy']}"


@pytest.mark.parametrize(("name", "content"), [("excel.csv", "index\n7\n"), ("excel.txt", "7\n")])
def test_a_byte_order_mark_is_skipped(write, name, content):
    assert read_indices(write(name, b"\xef\xbb\xbf" + content.encode()), 100).tolist() == [7]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"indices": [1, 2]}, "indices=list: give the path of a file; write the indices into one"),
        ({"indices": np.array([1])}, "indices=ndarray: give the path of a file; write the indices into one"),
    ],
)
def test_spec_with_indices_in_place_of_a_file_is_refused(arguments, says):
    with pytest.raises(InputError) as caught:
        ForgetSpec(**arguments)
    assert str(caught.value) == says


def test_spec_takes_one_class_for_a_list_of_one():
    assert ForgetSpec(classes=3) == ForgetSpec(classes=[3])
    assert ForgetSpec(classes="basophil").classes == ["basophil"]


@pytest.mark.parametrize("forget", [0.1, "rate", None])
def test_spec_of_another_kind_is_refused(forget):
    with pytest.raises(InputError, match=r"^forget=.*: give a ForgetSpec, such as ForgetSpec\(rate=0.1\)$"):
        as_spec(forget)
