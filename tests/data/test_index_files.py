"""Index files that hold more than a list of indices: whoever gives a whole table would forget the training set."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.backbones import WITH_TINY
from helpers.runs import QUIET, refused, write_npz

from medunlearn.__main__ import main
from medunlearn.data.index_files import index_file, read_indices
from medunlearn.errors import DataError

TABLE = 'file,index,patient\na.png,7,17\n"b, c.png",0,17\nd.png,99,3\n'


def refusal(path, count=100):
    with pytest.raises(DataError) as caught:
        read_indices(Path(path), count)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_table_of_several_columns_is_refused_with_its_columns_and_the_remedy():
    Path("patients.csv").write_text(TABLE)
    assert refusal("patients.csv") == (
        "indices=patients.csv: has 3 columns, `file`, `index`, `patient`, and may list more than what is to be "
        "forgotten; write the indices to forget into a file of their own, or name the column that holds nothing else, "
        "as in `patients.csv:index`"
    )


@pytest.mark.parametrize("head", ["", "\ufeff"])
@pytest.mark.parametrize("line", ["\n", "\r\n"])
def test_column_that_is_named_is_read(head, line):
    Path("patients.csv").write_bytes((head + TABLE.replace("\n", line)).encode())
    assert read_indices(Path("patients.csv:index"), 100).tolist() == [7, 0, 99]
    Path("other.csv").write_bytes((head + TABLE.replace("file,index", "index,row").replace("\n", line)).encode())
    assert read_indices(Path("other.csv:row"), 100).tolist() == [7, 0, 99]
    assert "`index`, `row`, `patient`" in refusal("other.csv")


def test_columns_of_pandas_without_a_name_are_listed():
    Path("frame.csv").write_text(",index\n0,7\n1,3\n")
    assert refusal("frame.csv").startswith("indices=frame.csv: has 2 columns, ``, `index`, and may list more")
    assert read_indices(Path("frame.csv:index"), 100).tolist() == [7, 3]


def test_column_that_is_missing_or_there_twice_is_refused_with_those_that_there_are():
    Path("patients.csv").write_text(TABLE)
    found = refusal("patients.csv:row")
    assert found.startswith("indices=patients.csv:row: has no column `row`, but `file`, `index`, `patient`; name one")
    Path("twice.csv").write_text("index,index\n1,2\n")
    assert refusal("twice.csv:index").startswith("indices=twice.csv:index: has 2 columns `index`")
    Path("many.csv").write_text(",".join(f"column{number}" for number in range(30)) + ",index\n")
    assert "`column7`, ..., and may list" in refusal("many.csv")


def test_values_beyond_the_columns_are_refused():
    Path("a.csv").write_text("index\n7,17\n")
    assert refusal("a.csv") == ("indices=a.csv: line 2 has 2 values below 1 columns; name all columns in line 1")


def test_empty_cell_and_wrong_cell_of_a_named_column_are_named_by_their_line():
    for content, place in (("label,index\n1,2\n\n5,3.5\n", "line 4 is 3.5"), ("label,index\n1\n", "line 2 is empty")):
        Path("a.csv").write_text(content)
        assert f"a.csv:index: {place}: not readable as a list of indices; " in refusal("a.csv:index")


def test_name_that_ends_like_a_column_is_found_as_a_file():
    Path("a.csv").write_text(TABLE)
    Path("a.csv:index").write_text("index\n5\n")
    assert read_indices(Path("a.csv:index"), 100).tolist() == [5]
    assert index_file(Path("a.csv:index")) == (Path("a.csv:index"), None)
    assert index_file(Path("b.csv:index")) == (Path("b.csv"), "index")
    assert index_file(Path("C:/forget")) == (Path("C:/forget"), None)
    Path("b.csv:1").write_text(TABLE)
    assert read_indices(Path("b.csv:1:index"), 100).tolist() == [7, 0, 99]


def test_archive_of_one_array_is_read_and_of_several_is_refused():
    np.savez("one.npz", anything=np.array([7, 0, 99]))
    assert read_indices(Path("one.npz"), 100).tolist() == [7, 0, 99]
    np.savez("two.npz", index=np.array([7, 0]), patient=np.array([17, 17]))
    assert refusal("two.npz").startswith("indices=two.npz: has 2 arrays, `index`, `patient`, and may list more")
    assert refusal("two.npz").endswith("name the array that holds nothing else, as in `two.npz:index`")
    assert read_indices(Path("two.npz:index"), 100).tolist() == [7, 0]
    assert "has no array `row`, but `index`, `patient`; name" in refusal("two.npz:row")
    write_npz(Path("images.npz"))
    assert "has 6 arrays, `train_images`" in refusal("images.npz")
    np.savez("column.npz", index=np.array([[7], [0]]))
    assert refusal("column.npz").endswith("save one one-dimensional integer array")
    Path("text.npz").write_text("7\n")
    assert refusal("text.npz").endswith("save one one-dimensional integer array")


def test_json_of_several_keys_is_refused_unless_it_is_a_runs_split():
    Path("a.json").write_text(json.dumps({"indices": [7, 0], "patients": [17, 17]}))
    assert refusal("a.json").startswith("indices=a.json: has 2 keys, `indices`, `patients`, and may list more")
    assert read_indices(Path("a.json:indices"), 100).tolist() == [7, 0]
    Path("split.json").write_text(json.dumps({"indices": [7, 0], "how": {}, "seed": 0, "train_size": 100}))
    assert read_indices(Path("split.json"), 100).tolist() == [7, 0]


@pytest.mark.parametrize(("name", "content"), [("a.txt", "7\n"), ("a.json", "[7]")])
def test_name_of_a_column_in_a_file_without_columns_is_refused(name, content):
    Path(name).write_text(content)
    assert refusal(f"{name}:index").endswith("leave out `:index`")
    assert refusal("none.csv:index") == "indices=none.csv:index: no such file; give the path of an index file"


def test_table_is_refused_by_the_command_and_its_column_is_kept_in_the_record(capsys):
    write_npz(Path("images.npz"))
    Path("patients.csv").write_text("index,patient\n3,17\n5,17\n")
    words = [
        "fit",
        "--model=Retrain",
        "--run_dir=r",
        "--data.file=images.npz",
        "--data.batch_size=8",
        WITH_TINY,
        *QUIET,
    ]
    line = refused(capsys, *words, "--trainer.max_epochs=1", "--data.forget.indices=patients.csv")
    assert line.startswith("data.forget.indices=patients.csv: has 2 columns, `index`, `patient`, and may list")
    assert main([*words, "--trainer.max_epochs=1", "--data.forget.indices=patients.csv:index"]) == 0
    split = json.loads(Path("r/split.json").read_text())
    assert split["indices"] == [3, 5]
    assert split["how"] == {"indices": "patients.csv:index"}
    assert main(["fit", "--config=r/config.yaml", "--run_dir=again"]) == 0
    assert json.loads(Path("again/split.json").read_text())["sha256"] == split["sha256"]


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        ("136,17\n137,17\n", ":136", "line 1 holds the number 136 and no names"),
        ("136\n137\n", ":136", "line 1 holds the number 136 and no names"),
        ("136\n137\n", "", "line 1 holds the number 136 and no names"),
        ("index;patient\n136;17\n", "", "line 1 is separated by semicolons; save the table with commas"),
        ("image,patient\n136,17\n", "", "line 1 names no column `index`, but `image`, `patient`"),
    ],
)
def test_table_without_a_head_of_names_is_refused_or_its_first_image_would_stay(tmp_path, text, name, says):
    path = tmp_path / "patients.csv"
    path.write_text(text, encoding="utf-8-sig")
    with pytest.raises(DataError) as caught:
        read_indices(Path(f"{path}{name}"), 160)
    assert says in str(caught.value)
