"""DICOM: values, windows, inversion, colour, and what is refused by name."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from helpers.images import SECRET, dicom, pixels

from medunlearn.importing import Settings
from medunlearn.importing.pictures import NotAnImage, open_picture, to_square

pytest.importorskip("pydicom")


def values(array, space="MONOCHROME2", settings=None, **header):
    """Write a file and return the pixels that are read from it."""
    found = open_picture(dicom("x.dcm", array, space, **header), settings or Settings())
    return np.asarray(found.image), found


def ramp(*numbers, dtype=np.uint16):
    return np.tile(np.array(numbers, dtype), (8, 1))


def test_values_are_the_range_of_the_stored_bits_where_there_is_no_window():
    found, picture = values(ramp(0, 2048, 4095), BitsStored=12)
    assert found[0].tolist() == [0, 128, 255]
    assert (picture.kind, picture.remarks) == ("DICOM", ("without a window, all stored bits",))
    signed, _ = values(ramp(-2048, 0, 2047, dtype=np.int16), BitsStored=12)
    assert signed[0].tolist() == [0, 128, 255]
    scaled, _ = values(ramp(0, 2048, 4095), BitsStored=12, RescaleSlope=2, RescaleIntercept=-1000)
    assert (scaled == found).all(), "the range of the bits is rescaled with the values"


def test_monochrome1_is_inverted():
    plain, _ = values(ramp(0, 50, 255, dtype=np.uint8))
    inverted, picture = values(ramp(0, 50, 255, dtype=np.uint8), "MONOCHROME1")
    assert (inverted == 255 - plain).all()
    assert "MONOCHROME1, inverted" in picture.remarks


def test_window_acts_on_rescaled_values():
    header = {"RescaleSlope": 1, "RescaleIntercept": -1024, "WindowCenter": 40, "WindowWidth": 401}
    found, picture = values(ramp(0, 1024 - 161, 1024 + 40, 1024 + 240, 4095), **header)
    middle = round(255 * (0.5 / 400 + 0.5))
    assert found[0].tolist() == [0, 0, middle, 255, 255]
    assert picture.remarks == ("with the file's own window",)
    several, _ = values(ramp(0, 1024 + 40, 4095), **{**header, "WindowCenter": [40, 500], "WindowWidth": [401, 2000]})
    assert several[0].tolist() == [0, middle, 255]
    given, picture = values(ramp(0, 1024 + 40, 4095), settings=Settings(window=(0, 1)), **header)
    assert given[0].tolist() == [0, 255, 255]
    assert picture.remarks == ("with the window that was given",)


def test_windows_of_other_functions():
    header = {"WindowCenter": 100, "WindowWidth": 100}
    exact, _ = values(ramp(50, 100, 150), VOILUTFunction="LINEAR_EXACT", **header)
    assert exact[0].tolist() == [0, 128, 255]
    sigmoid, _ = values(ramp(0, 100, 200), VOILUTFunction="SIGMOID", **header)
    assert sigmoid[0].tolist() == [round(255 / (1 + np.exp(4))), 128, round(255 / (1 + np.exp(-4)))]


def test_colours_are_rgb_whatever_they_are_stored_as():
    red = np.tile(np.array([255, 0, 0], np.uint8), (8, 8, 1))
    found, picture = values(red, "RGB")
    assert (found == red).all()
    assert picture.colour
    luma = np.tile(np.array([76, 85, 255], np.uint8), (8, 8, 1))
    found, _ = values(luma, "YBR_FULL")
    assert abs(found[0, 0].astype(int) - [254, 0, 0]).max() <= 2


def test_text_of_the_header_stays_there():
    _, picture = values(pixels(), BurnedInAnnotation="YES")
    assert picture.patient == ""
    assert "with text burnt into the pixels, as the header says" in picture.remarks
    assert SECRET not in repr(picture)
    _, asked = values(pixels(), settings=Settings(dicom_patient=True), PatientID=" P0017 ")
    assert asked.patient == "P0017"


def test_square_of_a_dicom_file_is_as_of_any_other():
    found = open_picture(dicom("IM1", pixels(8, 20)), Settings())
    assert to_square(found, 8, 3, (0, 255)).shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"PixelData": None}, "holds no picture"),
        ({"NumberOfFrames": 12}, "has 12 frames; save those that are wanted as images of their own"),
        ({"space": "PALETTE COLOR"}, "has the colour space PALETTE COLOR, which is not handled"),
        ({"space": "DOE JANE"}, "has the colour space of no known name, which is not handled"),
        ({"Rows": 60_000, "Columns": 60_000}, "has more than 89 million pixels, 60000x60000"),
        ({"Rows": 0}, "has no pixels"),
        ({"Rows": 500}, "is truncated or damaged (ValueError)"),
        ({"space": "RGB", "BitsAllocated": 16}, "has colours of more than 8 bits, which are not handled"),
        (
            {"BitsAllocated": 32, "BitsStored": 32, "Columns": 3},
            "has values of more than 16 bits, which are not handled",
        ),
        ({"ModalityLUTSequence": []}, "has a table of values (Modality LUT), which is not handled"),
        ({"VOILUTSequence": []}, "has a table for its window (VOI LUT), which is not handled; give window"),
        ({"PatientID": ""}, "has no PatientID, or several"),
        ({"PatientID": ["P1", "P2"]}, "has no PatientID, or several"),
        ({"PatientID": "P\x07"}, "has a PatientID that is not text"),
        ({"WindowCenter": "nan", "WindowWidth": 9}, "has no number as WindowCenter"),
    ],
)
def test_what_is_not_handled_is_refused_by_name(header, says):
    with pytest.raises(NotAnImage) as problem:
        values(pixels(), header.pop("space", "MONOCHROME2"), Settings(dicom_patient=True), **header)
    assert str(problem.value) == says


def test_header_that_is_compressed_too_is_refused_before_it_is_unpacked():
    dicom("x.dcm", pixels(), syntax="1.2.840.10008.1.2.1.99")
    with pytest.raises(NotAnImage, match="deflated DICOM"):
        open_picture(Path("x.dcm"), Settings())


def test_length_that_a_damaged_header_declares_is_not_set_aside():
    content = dicom("x.dcm", pixels()).read_bytes()
    place = content.index(b"UI", 132) + 4  # a byte of a value is missing: what follows is taken for lengths
    Path("x.dcm").write_bytes(content[:place] + content[place + 1 :])
    tracemalloc.start()
    try:
        with pytest.raises(NotAnImage):
            open_picture(Path("x.dcm"), Settings())
        assert tracemalloc.get_traced_memory()[1] < 40e6
    finally:
        tracemalloc.stop()


def test_pixels_without_a_decoder_say_which_compression_they_have(monkeypatch):
    dicom("x.dcm", pixels())
    monkeypatch.setattr("pydicom.pixels.pixel_array", lambda *_: (_ for _ in ()).throw(RuntimeError("many plug-ins")))
    with pytest.raises(
        NotAnImage, match=r"^needs a decoder of pydicom that is not installed, for Explicit VR Little End"
    ):
        open_picture(Path("x.dcm"), Settings())
