"""Every image is decoded before anything is written, in order, in threads."""

import threading
import time
from pathlib import Path

from helpers.images import dicom, picture, pixels

from medunlearn.importing import Settings
from medunlearn.importing.checking import WORKERS, in_order, look_at
from medunlearn.importing.entries import Entry


def entries(*names):
    return [Entry(name, "a", patient="as listed") for name in names]


def test_images_are_looked_at_and_bad_ones_come_back_with_their_reasons():
    picture("b.png", pixels(9, 13))
    dicom("c.dcm", pixels(12, 12))
    Path("a.png").write_bytes(b"x")
    good, looks, bad = look_at(Path(), entries("a.png", "b.png", "c.dcm"), Settings())
    assert [str(each) for each in bad] == ["a.png: holds no image of a known format"]
    assert [entry.path for entry in good] == ["b.png", "c.dcm"]
    assert [(look.width, look.height, look.kind) for look in looks] == [(13, 9, "PNG (8 bit)"), (12, 12, "DICOM")]


def test_patients_are_as_listed_unless_headers_or_paths_are_to_say():
    picture("person12_virus.png")
    picture("other.png")
    dicom("person3.dcm", pixels())
    names = ("person12_virus.png", "person3.dcm", "other.png")
    assert {entry.patient for entry in look_at(Path(), entries(*names), Settings())[0]} == {"as listed"}
    good, _, bad = look_at(Path(), entries(*names), Settings(patient_pattern=r"person(\d+)"))
    assert [entry.patient for entry in good] == ["12", "3"]
    assert [str(each) for each in bad] == ["other.png: has no patient in its path by patient_pattern"]
    good, _, _ = look_at(Path(), entries(*names), Settings(dicom_patient=True))
    assert [entry.patient for entry in good] == ["as listed", "P0017", "as listed"]


def test_order_holds_and_few_items_are_computed_ahead():
    started = []

    def slow(number):
        started.append(number)
        time.sleep(0.002 * (number % 2))
        return number, threading.get_ident()

    found = []
    for number, thread in in_order(slow, range(100)):
        assert len(started) <= number + 4 * WORKERS + 1
        assert thread != threading.get_ident()
        found.append(number)
    assert found == list(range(100))
