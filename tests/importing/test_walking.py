"""Which files of a folder are images, and which are left out or cannot be read."""

import os
from pathlib import Path

from helpers.images import class_folder, dicom, picture, pixels

from medunlearn.importing.walking import LINK, is_image, walk


def test_files_of_systems_are_counted_and_ignored():
    class_folder("scans", a=2)
    for name in (".DS_Store", "a/.DS_Store", "a/Thumbs.db", "__MACOSX/a/x.png", ".hidden/x.png", "a/notes.txt"):
        Path("scans", name).parent.mkdir(parents=True, exist_ok=True)
        Path("scans", name).touch()
    found = walk(Path("scans"))
    assert found.images == ["a/000.png", "a/001.png"]
    assert found.others == ["a/notes.txt"]
    assert found.ignored == {".DS_Store": 2, "Thumbs.db": 1, "__MACOSX": 1, ".hidden": 1}
    assert found.notes() == [
        "ignored, left by systems: .DS_Store (2), .hidden, Thumbs.db and 1 more",
        "1 file not imported, not images by their names: a/notes.txt",
    ]


def test_dicom_without_an_ending_is_known_by_its_first_bytes():
    dicom("scans/IM0001", pixels())
    dicom("scans/1.2.840.5", pixels())
    Path("scans/README").write_text("x")
    assert walk(Path("scans")).images == ["1.2.840.5", "IM0001"]
    assert is_image(Path("scans"), "X.JPG")
    assert not is_image(Path("scans"), "x.npz")


def test_links_are_bad_unless_they_are_followed_and_a_loop_is_bad_then_too(tmp_path):
    class_folder("scans", a=1)
    outside = picture("elsewhere/x.png")
    for name, target in (("a/out.png", outside), ("a/loop", Path("scans")), ("b", outside.parent), ("c", Path("no"))):
        Path("scans", name).symlink_to(tmp_path / target)
    links = walk(Path("scans"))
    assert [bad.path for bad in links.bad] == ["a/loop", "a/out.png", "b", "c"]
    assert {bad.problem for bad in links.bad} == {LINK}
    followed = walk(Path("scans"), follow_links=True)
    assert followed.images == ["a/000.png", "a/out.png", "b/x.png"]
    assert [str(bad) for bad in followed.bad] == [
        "a/loop: a symbolic link to a folder around it",
        "c: a symbolic link to nothing, or in a circle",
    ]


def test_what_is_no_file_or_cannot_be_named_is_bad():
    class_folder("scans", a=1)
    os.mkfifo("scans/a/pipe.png")
    Path(os.fsdecode(b"scans/a/\xff.png")).touch()
    Path("scans", *["d"] * 120).mkdir(parents=True)
    problems = {bad.path[:6]: bad.problem for bad in walk(Path("scans")).bad}
    assert problems["a/pipe"] == "a pipe or device, not a file"
    assert problems["a/\udcff.pn"] == "its name is not in UTF-8; rename it"
    assert problems["d/d/d/"] == "lies more than 100 folders deep"
