"""CSV and JSON lines as people write them. (Those that are refused: `tests/refusals/importing.py`.)"""

import json
from pathlib import Path

import pytest

from medunlearn.importing import Settings
from medunlearn.importing.tables import begins_as_medmnist, read_table

PLAIN = "path,label,patient\na.png,x,P1\n"


def rows(content, name="t.csv", **settings):
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(Path(name), Settings(**settings)).rows


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        "\ufeff" + PLAIN,
        PLAIN.replace("\n", "\r\n"),
        '"path","label","patient"\n"a.png" , "x" , "P1"\n\n,,\n'.replace('" , "', '","'),
        "path, label, patient\n a.png, x ,P1 \n",
        "label,path,patient\nx,a.png,P1",
    ],
    ids=["plain", "BOM", "CRLF", "quotes and empty lines", "blanks", "other order, no end"],
)
def test_one_table_is_read_alike_however_it_was_saved(content):
    (row,) = rows(content)
    assert (row.path, row.label, row.patient, row.split, row.site) == ("a.png", "x", "P1", None, "")


def test_commas_quotes_and_line_breaks_stand_in_quotes():
    (row,) = rows('path,label\n"a, ""b"".png","normal, benign\nor both"\n')
    assert (row.path, row.label) == ('a, "b".png', "normal, benign\nor both")


def test_columns_are_named_by_settings_and_others_stay_out():
    content = "image,dx,who,hospital,scanner,secret\na.png,x,P1,north,A,s\n"
    (row,) = rows(
        content,
        path_column="image",
        label_column="dx",
        patient_column="who",
        site_column="hospital",
        columns=["scanner"],
    )
    assert row[1:] == ("a.png", "x", None, "P1", "north", ("A",))


def test_splits_are_taken_by_their_whole_names_in_any_case():
    content = "path,label,split\na,x,TRAIN\nb,x,Validation\nc,x,val\nd,x,test\n"
    assert [row.split for row in rows(content)] == ["train", "val", "val", "test"]
    assert {row.split for row in rows("path,label,split\na,x,\nb,x,\n")} == {None}


def test_json_lines_are_read_as_the_same_table():
    lines = [{"file_name": "a.png", "label": 1, "patient": "P1", "boxes": [1, 2]}, {"file_name": "b.png", "label": "x"}]
    found = rows("\n".join(map(json.dumps, lines)), "metadata.jsonl")
    assert [(row.path, row.label, row.patient) for row in found] == [("a.png", "1", "P1"), ("b.png", "x", "")]


def test_medmnists_table_has_no_head():
    Path("m.csv").write_text("TRAIN,train0_1.png,1\nVALIDATION,val0_0.png,0\n")
    assert begins_as_medmnist(Path("m.csv"))
    table = read_table(Path("m.csv"), Settings())
    assert not table.head
    assert [(row.path, row.label, row.split) for row in table.rows] == [
        ("train0_1.png", "1", "train"),
        ("val0_0.png", "0", "val"),
    ]
    Path("m.csv").write_text(PLAIN)
    assert not begins_as_medmnist(Path("m.csv"))
