"""From a folder to a file, called from Python."""

from pathlib import Path

import pytest
from helpers.images import SECRET, arrays, class_folder, dicom, lines, patients, picture, pixels

import medunlearn
from medunlearn.data.npz import read_npz
from medunlearn.importing.importing import BadFiles, make_plan


def test_without_a_file_nothing_is_written():
    class_folder("scans", a=12, b=12)
    plan = medunlearn.import_images("scans")
    assert plan.written is None
    assert len(plan.entries) == 24
    assert plan.text().startswith("scans: a folder for each class\n")
    assert [path.name for path in Path().iterdir()] == ["scans"]


def test_all_bad_files_are_named_at_once_and_may_be_skipped():
    class_folder("scans", a=12, b=12)
    for number in range(22):
        Path(f"scans/a/bad{number:02d}.png").touch()
    picture("scans/loose.png")
    with pytest.raises(BadFiles) as refused:
        medunlearn.import_images("scans", "c.npz")
    text = str(refused.value)
    assert text.startswith("scans: 23 of 47 files cannot be imported: a/bad00.png: is empty; a/bad01.png: is empty; ")
    assert text.endswith("a/bad19.png: is empty; and 3 more; fix them, or leave them out by skip_bad=true")
    assert not Path("c.npz").exists()
    plan = medunlearn.import_images("scans", "c.npz", skip_bad=True, size=8)
    assert len(plan.skipped) == 23
    assert sum(len(arrays("c.npz")[f"{split}_labels"]) for split in ("train", "val", "test")) == 24


def test_a_class_that_is_missing_from_one_split_keeps_the_labels_of_the_others():
    for split in ("train", "val", "test"):
        class_folder(f"scans/{split}", a=2, c=2)
    class_folder("scans/train", b=2)
    medunlearn.import_images("scans", "c.npz", size=8)
    data = read_npz("c.npz")
    assert data.class_names == ("a", "b", "c")
    assert data.test.labels.tolist() == [0, 0, 2, 2]


def test_text_of_dicom_headers_stays_out_of_both_files_unless_it_is_the_patient():
    for number in range(24):
        header = {"PatientID": f"MRN{number // 2}", "PatientName": SECRET, "StudyDescription": "knee"}
        dicom(f"scans/{'ab'[number // 2 % 2]}/{number}.dcm", pixels(value=number), **header)
    medunlearn.import_images("scans", "plain.npz", size=8)
    asked = medunlearn.import_images("scans", "asked.npz", size=8, dicom_patient=True)
    assert "patients  12, by PatientID of the DICOM headers" in asked.text()
    for name in ("plain.npz", "plain.csv", "asked.npz", "asked.csv"):
        content = Path(name).read_bytes()
        assert not any(text in content for text in (SECRET.encode(), b"Doe", b"knee"))
        assert (b"MRN" in content) == (name == "asked.csv")
    assert (arrays("plain.npz")["train_images"].shape[1:], len(lines("asked.csv"))) == ((8, 8), 24)


def test_plan_says_what_there_is_and_what_becomes_of_it():
    labels = patients("scans", count=12, each=3)
    picture("scans/P0000/0.png", pixels(20, 30, dtype="uint16"))
    picture("scans/extra.png")
    Path("scans/Thumbs.db").touch()
    text = make_plan("scans", labels, medunlearn.importing.Settings(size=16)).text()
    assert text.splitlines()[0] == "scans: scans.csv, columns path, label, patient"
    assert "label  class       train    val   test" in text
    assert "    0  benign     12 (4)  0 (0)  0 (0)" in text
    assert "classes   no val image of benign, malignant; no test image of benign" in text
    assert "splits    27 train, 3 val, 6 test; drawn with seed 0, patients kept apart" in text
    assert "patients  12, by column patient" in text
    assert "sizes     12x12 to 30x20 pixels; the middle square of each, resized to 16x16; 35 images enlarged" in text
    assert "formats   1 PNG (16 bit), 35 PNG (8 bit)" in text
    assert "pixels    written in gray, none stored in colour; 16 bit from 0 to 255 become 0 to 255" in text
    assert "left out  ignored, left by systems: Thumbs.db" in text
    assert "left out  1 image not imported, not in the table: extra.png" in text
