"""Layouts found by themselves, and what tables say of files."""

import json
from pathlib import Path

import pytest
from helpers.images import class_folder, picture, table

from medunlearn.errors import InputError
from medunlearn.importing import Settings
from medunlearn.importing.layouts import list_folder


def listed(labels=None, **settings):
    return list_folder(Path("scans"), labels, Settings(**settings))


def triples(listing):
    return [(entry.path, entry.label, entry.split) for entry in listing.entries]


def test_folder_for_each_class():
    class_folder("scans", malignant=1, benign=1)
    picture("scans/benign/P1/deeper.png")
    picture("scans/loose.png")
    Path("scans/empty").mkdir()
    found = listed()
    assert triples(found) == [
        ("benign/000.png", "benign", None),
        ("benign/P1/deeper.png", "benign", None),
        ("malignant/000.png", "malignant", None),
    ]
    assert [str(bad) for bad in found.bad] == ["loose.png: lies in no folder of a class"]
    assert found.notes == ["no class, since there is no image in the folder: empty"]
    assert found.splits is None


def test_folder_for_each_split_holds_one_for_each_class():
    for split in ("Train", "validation", "test"):
        class_folder(f"scans/{split}", a=1, b=1)
    found = listed()
    assert triples(found)[::2] == [
        ("Train/a/000.png", "a", "train"),
        ("test/a/000.png", "a", "test"),
        ("validation/a/000.png", "a", "val"),
    ]
    assert found.splits == "the folders"


def test_splits_are_never_taken_from_parts_of_names():
    class_folder("scans", test_positive=1, trained=1)
    picture("scans/trained/test.png")
    assert {(entry.label, entry.split) for entry in listed().entries} == {("test_positive", None), ("trained", None)}


@pytest.mark.parametrize("folder", ["scans", "scans/breastmnist"])
def test_medmnists_own_layout_is_found_and_lines_doubled_by_saving_twice_are_dropped(folder):
    for name in ("train0_1.png", "train1_0.png", "val0_1.png", "test0_0.png"):
        picture(Path("scans/breastmnist", name))
    lines = "TRAIN,train0_1.png,1\nTRAIN,train1_0.png,0\nVALIDATION,val0_1.png,1\nTEST,test0_0.png,0\n"
    Path("scans/breastmnist.csv").write_text(lines * 2)
    labels = None if folder == "scans" else Path("scans/breastmnist.csv")
    found = list_folder(Path(folder), labels, Settings())
    assert [(Path(entry.path).name, entry.label, entry.split) for entry in found.entries] == [
        ("test0_0.png", "0", "test"),
        ("train0_1.png", "1", "train"),
        ("train1_0.png", "0", "train"),
        ("val0_1.png", "1", "val"),
    ]
    assert "4 lines of the table dropped, repeated word for word" in found.notes
    assert found.layout == "scans/breastmnist.csv, as MedMNIST's `save` writes it"


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_metadata_of_hugging_face_comes_before_names_of_folders(kind):
    for split in ("train", "test"):
        for number in (0, 1):
            picture(f"scans/{split}/wrong/{number}.png")
        rows = [{"file_name": f"wrong/{number}.png", "label": f"c{number}"} for number in (0, 1)]
        if kind == "jsonl":
            Path(f"scans/{split}/metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
        else:
            table(f"scans/{split}/metadata.csv", *(row.values() for row in rows), head=("file_name", "label"))
    assert triples(listed()) == [
        ("test/wrong/0.png", "c0", "test"),
        ("test/wrong/1.png", "c1", "test"),
        ("train/wrong/0.png", "c0", "train"),
        ("train/wrong/1.png", "c1", "train"),
    ]


def test_table_names_files_relative_to_the_folder_or_to_itself():
    class_folder("scans", a=2)
    for base in ("", "scans/"):
        labels = table("labels.csv", (f"{base}a/000.png", "x"), (f"./{base}a/001.png", "y"))
        found = listed(labels)
        assert [(entry.path, entry.label) for entry in found.entries] == [("a/000.png", "x"), ("a/001.png", "y")]
    windows = listed(table("labels.csv", ("a\\000.png", "x")))
    assert [entry.path for entry in windows.entries] == ["a/000.png"]
    assert windows.notes == ["1 image not imported, not in the table: a/001.png"]
    absolute = listed(table("labels.csv", (Path("scans/a/000.png").absolute(), "x")))
    assert [entry.path for entry in absolute.entries] == ["a/000.png"]


def test_table_takes_splits_from_first_folders_of_all_files_and_else_none():
    for name in ("train/a.png", "test/b.png", "other/c.png"):
        picture(f"scans/{name}")
    rows = [("train/a.png", "x"), ("test/b.png", "x")]
    assert [entry.split for entry in listed(table("t.csv", *rows)).entries] == ["test", "train"]
    both = listed(table("t.csv", *rows, ("other/c.png", "x")))
    assert {entry.split for entry in both.entries} == {None}


def test_columns_that_are_empty_throughout_say_nothing():
    class_folder("scans", a=1)
    head = ("path", "label", "split", "patient", "site")
    found = listed(table("t.csv", ("a/000.png", "x", "", "", ""), head=head))
    assert (found.splits, found.patients, found.sites) == (None, None, False)


def test_files_of_a_table_that_cannot_be_taken_are_all_named(tmp_path):
    class_folder("scans", a=4)
    picture("outside/x.png")
    Path("scans/link.png").symlink_to(tmp_path / "outside/x.png")
    Path("scans/through").symlink_to(tmp_path / "outside")
    head = ("path", "label", "split", "patient")
    names = ["../../etc/passwd", "/etc/passwd", "../outside/x.png", "link.png", "through/x.png", "gone.png", "a"]
    rows = [(name, "x", "train", "P1") for name in names]
    rows += [("a/000.png", "x", "train", "P1"), ("a/000.png", "y", "train", "P1")]
    rows += [("a/001.png", "x", "train", "P1"), ("a/001.png", "x", "test", "P1")]
    rows += [("a/002.png", "", "train", "P1"), ("a/003.png", "x", "train", "P1")]
    found = listed(table("t.csv", *rows, head=head))
    outside = "lies outside the folder; give a folder that holds all images"
    link = "a symbolic link, followed only with follow_links=true"
    assert {bad.path: bad.problem for bad in found.bad} == {
        "../../etc/passwd": outside,
        "/etc/passwd": outside,
        "../outside/x.png": outside,
        "link.png": link,
        "through/x.png": link,
        "gone.png": "no such file",
        "a": "not a file",
        "a/000.png": "is in the table with two labels, x and y",
        "a/001.png": "is in the table with two splits, train and test",
        "a/002.png": "its label is empty",
    }
    assert [entry.path for entry in found.entries] == ["a/003.png"]
    followed = {bad.path for bad in listed(Path("t.csv"), follow_links=True).bad}
    assert "link.png" not in followed
    assert "through/x.png" not in followed
    assert "../outside/x.png" in followed


def test_names_that_a_terminal_would_obey_are_written_out():
    class_folder("scans", a=1)
    Path("scans/a/000.png").rename("scans/a/\x1b[2J.png")
    Path("scans/loose\n.png").touch()
    (bad,) = listed().bad
    assert str(bad) == "loose\\n.png: lies in no folder of a class"


def test_names_that_no_file_can_have_are_shortened():
    class_folder("scans", a=1)
    (bad,) = listed(table("t.csv", ("x" * 5000, "a"), ("a/000.png", "a"))).bad
    assert str(bad) == f"{'x' * 100}...{'x' * 100}: cannot be opened (File name too long)"


def test_folder_whose_images_have_no_class_says_which_table_may_be_meant():
    picture("scans/0.png")
    table("scans/ham.csv", ("0.png", "x"))
    with pytest.raises(InputError, match=r"name their table, as in labels=scans/ham\.csv"):
        listed()
