"""The two files: what the reader makes of them, the same bytes each time, whole or not at all."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers.images import arrays, class_folder, lines, patients, picture, pixels, table

from medunlearn.data.groups import read_groups
from medunlearn.data.npz import SPLITS, read_npz
from medunlearn.errors import InputError
from medunlearn.importing import import_images, make_plan
from medunlearn.importing.writing import write_plan

SITE = {"site": lambda number: ("north", "south")[number % 2]}


def test_file_is_read_as_any_other_and_its_table_says_which_file_each_row_is():
    labels = patients("scans", **SITE)
    plan = import_images("scans", "clinic.npz", labels, size=8)
    data = read_npz(plan.written)
    assert data.class_names == ("benign", "malignant", "normal")
    assert (data.size, data.channels) == (8, 1)
    assert arrays("clinic.npz")["train_labels"].shape == (len(data.train), 1)
    rows = lines("clinic.csv")
    assert list(rows[0]) == ["split", "index", "file", "label", "patient", "site"]
    assert len(rows) == 36
    for split in ("train", "val", "test"):
        part = [row for row in rows if row["split"] == split]
        images, labelled = arrays("clinic.npz")[f"{split}_images"], getattr(data, split).labels
        assert [int(row["index"]) for row in part] == list(range(len(images)))
        assert [row["file"] for row in part] == sorted(row["file"] for row in part)
        for row, image, label in zip(part, images, labelled, strict=True):
            number = int(row["patient"][1:])
            assert (image == number).all(), "each patient's images are of one value"
            assert row["label"] == data.class_names[label]
            assert row["file"].startswith(row["patient"])
            assert row["site"] == SITE["site"](number)


def test_table_is_one_that_groups_are_read_from():
    import_images("scans", "clinic.npz", patients("scans", **SITE), size=8)
    data = read_npz("clinic.npz")
    sizes = {split: len(getattr(data, split)) for split in SPLITS}
    for by in ("patient", "site"):
        groups = read_groups(Path("clinic.csv"), by, sizes)
        for split in SPLITS:
            assert [row[by] for row in lines("clinic.csv") if row["split"] == split] == groups.names[split].tolist()


def test_same_folder_gives_the_same_bytes_wherever_it_lies_and_in_whatever_order():
    labels = patients("scans", **SITE)
    first = import_images("scans", "a.npz", labels, size=8)
    head, *rows = labels.read_text().splitlines()
    Path("moved").mkdir()
    Path("scans").rename("moved/other")
    Path("moved/labels.csv").write_text("\n".join([head, *reversed(rows)]))
    for file in Path("moved").rglob("*.png"):
        os.utime(file, (1, 1))
    second = import_images("moved/other", "moved/b.npz", "moved/labels.csv", size=8)
    assert first.sha256 == second.sha256
    assert Path("a.npz").read_bytes() == Path("moved/b.npz").read_bytes()
    assert Path("a.csv").read_bytes() == Path("moved/b.csv").read_bytes()
    with zipfile.ZipFile("a.npz") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_one_image_in_colour_makes_all_colour_unless_the_settings_say():
    class_folder("scans", a=12, b=12)
    picture("scans/a/red.png", np.tile(np.array([255, 0, 0], np.uint8), (12, 12, 1)))
    import_images("scans", "auto.npz", size=8)
    assert arrays("auto.npz")["train_images"].shape[1:] == (8, 8, 3)
    import_images("scans", "gray.npz", size=8, channels="1")
    assert arrays("gray.npz")["train_images"].shape[1:] == (8, 8)


def test_16_bit_images_of_a_folder_have_one_scale():
    class_folder("scans", a=10, b=10)
    picture("scans/a/x.png", pixels(value=1000, dtype=np.uint16))
    picture("scans/a/y.png", pixels(value=3000, dtype=np.uint16))
    plan = import_images("scans", "c.npz", size=8)
    assert plan.levels == (0, 4095)
    found = {row["file"]: (row["split"], int(row["index"])) for row in lines("c.csv")}
    for name, value in (("a/x.png", 1000), ("a/y.png", 3000)):
        split, index = found[name]
        assert arrays("c.npz")[f"{split}_images"][index, 0, 0] == round(value * 255 / 4095)


def test_columns_that_are_asked_for_are_kept_and_no_others():
    labels = patients("scans", device=lambda number: f"D{number}, old", secret=lambda number: "Doe")
    import_images("scans", "c.npz", labels, size=8, columns=["device"])
    rows = lines("c.csv")
    assert list(rows[0])[-1] == "device"
    assert rows[0]["device"] == f"D{int(rows[0]['patient'][1:])}, old"
    assert "Doe" not in Path("c.csv").read_text()


def test_labels_that_are_numbers_are_kept_and_tables_say_numbers():
    class_folder("scans", **{"0": 12, "1": 12})
    import_images("scans", "c.npz", size=8)
    assert "class_names" not in arrays("c.npz")
    assert {row["label"] for row in lines("c.csv")} == {"0", "1"}


def test_nothing_is_there_unless_all_is(monkeypatch):
    class_folder("scans", a=12, b=12)
    plan = make_plan("scans")
    Path("scans/b/011.png").write_bytes(b"x")
    Path("old").mkdir()
    with pytest.raises(InputError, match=r"^b/011\.png: holds no image .*, and was not when it was checked"):
        write_plan(plan, Path("old/c.npz"))
    assert list(Path("old").iterdir()) == []
    monkeypatch.setattr(
        "medunlearn.importing.writing._write_table", lambda *_: (_ for _ in ()).throw(OSError(28, "No space"))
    )
    Path("old/c.npz").write_text("old")
    picture("scans/b/011.png")
    with pytest.raises(InputError, match=r"^out=old/c\.npz: cannot be written \(No space\); make room there"):
        write_plan(plan, Path("old/c.npz"))
    assert [file.name for file in Path("old").iterdir()] == ["c.npz"]
    assert Path("old/c.npz").read_text() == "old"


def test_an_interruption_leaves_nothing_behind(monkeypatch):
    class_folder("scans", a=12, b=12)
    plan = make_plan("scans")
    monkeypatch.setattr("medunlearn.importing.writing.to_square", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_plan(plan, Path("out/c.npz"))
    assert list(Path("out").iterdir()) == []


def test_patients_whose_names_have_commas_and_line_breaks_are_written_as_they_are():
    class_folder("scans", a=12, b=12)
    rows = [(f"{label}/{number:03d}.png", label, f'P "{number}",\nx') for label in "ab" for number in range(12)]
    import_images("scans", "c.npz", table("t.csv", *rows, head=("path", "label", "patient")), size=8)
    assert {row["patient"] for row in lines("c.csv")} == {row[2] for row in rows}
