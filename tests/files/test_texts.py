import os

import pytest

from medunlearn.errors import Fault
from medunlearn.files import check_no_pipe, exists, read_bytes, read_json, read_yaml
from medunlearn.files.texts import MOST_BYTES, MOST_DIGITS, MOST_LEVELS, MOST_VALUES


def written(tmp_path, text):
    path = tmp_path / "file"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["", "missing", "a\0b", "x" * 5000])
def test_exists_is_false_for_what_no_file_can_be(tmp_path, name):
    assert not exists(tmp_path / name)


def test_exists_is_true_for_a_file_and_false_for_a_folder(tmp_path):
    assert exists(written(tmp_path, ""))
    assert not exists(tmp_path)


def test_check_no_pipe_refuses_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Fault, match="pipe or device"):
        check_no_pipe(tmp_path / "pipe")
    check_no_pipe(written(tmp_path, ""))
    check_no_pipe(tmp_path)


@pytest.mark.parametrize(("size", "fits"), [(9, True), (10, True), (11, False)])
def test_read_bytes_takes_as_many_as_are_allowed(tmp_path, size, fits):
    path = written(tmp_path, "x" * size)
    if fits:
        assert read_bytes(path, 10) == b"x" * size
    else:
        with pytest.raises(Fault, match="11 bytes"):
            read_bytes(path, 10)


def test_read_json_returns_the_content_also_behind_a_byte_order_mark(tmp_path):
    assert read_json(written(tmp_path, '\ufeff{"a": [1, 2.5, null, "ü"]}')) == {"a": [1, 2.5, None, "ü"]}


@pytest.mark.parametrize("text", ["", "{", "[1,]", "nul", '{"a": 1} x'])
def test_read_json_refuses_what_is_no_json(tmp_path, text):
    with pytest.raises(Fault, match="write it again"):
        read_json(written(tmp_path, text))


@pytest.mark.parametrize(("depth", "fits"), [(MOST_LEVELS, True), (MOST_LEVELS + 1, False), (100_000, False)])
def test_read_json_bounds_the_depth(tmp_path, depth, fits):
    path = written(tmp_path, "[" * depth + "]" * depth)
    if fits:
        assert read_json(path) is not None
    else:
        with pytest.raises(Fault):
            read_json(path)


def test_read_yaml_returns_the_content(tmp_path):
    text = "a: {b: [1, 2.5, null, true]}\nc: &x [1]\nd: *x\n"
    assert read_yaml(written(tmp_path, text)) == {"a": {"b": [1, 2.5, None, True]}, "c": [1], "d": [1]}


@pytest.mark.parametrize(
    ("text", "place"),
    [("a: [1", "line 1"), ("a: 1\nb: }", "line 2, column 4"), ("a: 1\n b: 2\n", "line 2, column 3")],
)
def test_read_yaml_says_where_the_fault_is(tmp_path, text, place):
    with pytest.raises(Fault, match=place):
        read_yaml(written(tmp_path, text))


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system [true]", "!!python/name:os.system ''", "!own 1"])
def test_read_yaml_builds_no_objects(tmp_path, tag):
    with pytest.raises(Fault):
        read_yaml(written(tmp_path, f"a: {tag}\n"))


def test_read_yaml_counts_aliases_each_time(tmp_path):
    text = "a0: &a0 [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]\n"
    text += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    with pytest.raises(Fault, match=f"more than {MOST_VALUES} values"):
        read_yaml(written(tmp_path, text))


def test_read_yaml_refuses_an_alias_within_itself(tmp_path):
    with pytest.raises(Fault, match="what it is part of"):
        read_yaml(written(tmp_path, "a: &a [*a]\n"))


def test_read_yaml_bounds_depth_size_and_digits(tmp_path):
    with pytest.raises(Fault, match="deep"):
        read_yaml(written(tmp_path, "[" * (MOST_LEVELS + 1) + "]" * (MOST_LEVELS + 1)))
    with pytest.raises(Fault, match="bytes"):
        read_yaml(written(tmp_path, "#" * (MOST_BYTES + 1)))
    with pytest.raises(Fault, match="characters"):
        read_yaml(written(tmp_path, "a: " + "9" * (MOST_DIGITS + 1)))
    assert read_yaml(written(tmp_path, "a: " + "9" * MOST_DIGITS)) == {"a": int("9" * MOST_DIGITS)}


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("[0017, 1e3, yes, 12:30, P1, 'a b']", ["0017", "1e3", "yes", "12:30", "P1", "a b"]),
        ("0017", "0017"),
        ("null", None),
        ("[{a: 1}]", [{"a": 1}]),
    ],
)
def test_read_yaml_takes_names_of_groups_as_they_are_written(tmp_path, written, names):
    content = f"fit:\n  data:\n    size: 0x1c\n    groups: 12\n    forget:\n      seed: 010\n      groups: {written}\n"
    (tmp_path / "c.yaml").write_text(content)
    data = read_yaml(tmp_path / "c.yaml")["fit"]["data"]
    assert data == {"size": 28, "groups": 12, "forget": {"seed": 8, "groups": names}}
