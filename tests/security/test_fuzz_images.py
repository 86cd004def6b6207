"""Images and their tables, damaged or made to do harm: decoded to what is valid, or refused with a reason."""

from pathlib import Path

import numpy as np
import pytest
from helpers import hostile
from helpers.images import dicom, picture
from helpers.judging import fuzz, judge
from hypothesis import given
from hypothesis import strategies as st

from medunlearn.errors import InputError
from medunlearn.importing import Settings
from medunlearn.importing.pictures import NotAnImage, open_picture, quietly, to_square
from medunlearn.importing.tables import read_table

SIZE = 8


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return images of every format, each with its name."""
    folder, draw = tmp_path_factory.mktemp("whole"), np.random.default_rng(0)
    gray, colour = draw.integers(0, 256, (24, 20), np.uint8), draw.integers(0, 256, (24, 20, 3), np.uint8)
    deep = gray.astype(np.uint16) * 16
    pictures = {"a.png": gray, "b.png": deep, "c.png": np.dstack([colour, gray]), "d.jpg": colour, "e.tif": deep}
    paths = [picture(folder / name, array) for name, array in pictures.items()]
    paths += [picture(folder / f"f.{ending}", colour) for ending in ("gif", "bmp", "webp", "ppm", "jp2")]
    paths.append(picture(folder / "g.tif", gray, compression="tiff_lzw"))
    paths.append(dicom(folder / "h.dcm", deep, "MONOCHROME1", WindowCenter=40, WindowWidth=100, RescaleSlope=2))
    paths.append(dicom(folder / "i.dcm", colour, "RGB"))
    return [path.read_bytes() for path in paths]


@fuzz
@given(data=st.data())
def test_images_are_decoded_or_refused_with_a_reason(whole, data):
    content = data.draw(st.one_of(hostile.damaged(whole), st.binary(max_size=50)))
    path = Path("x.png")
    path.write_bytes(content)
    channels = data.draw(st.sampled_from((1, 3)))

    def call():
        try:
            with quietly():
                found = open_picture(path, Settings(dicom_patient=True))
                return to_square(found, SIZE, channels, (0, 4095)), found.patient
        except NotAnImage as problem:
            raise InputError(f"{path}: {problem}") from None

    def valid(result):
        square, patient = result
        patient.encode()
        return square.dtype == np.uint8 and square.shape == ((SIZE, SIZE) if channels == 1 else (SIZE, SIZE, 3))

    judge(call, "x.png", content, valid)


TABLES = [
    b"path,label,split,patient\na.png,x,train,P1\nb.png,y,test,P2\n",
    b'\xef\xbb\xbfpath,label\r\n"a, b.png","x ""y"""\r\n',
    b"TRAIN,train0_1.png,1\nVALIDATION,val0_0.png,0\n",
]


@fuzz
@given(st.one_of(hostile.damaged(TABLES), st.binary(max_size=50)))
def test_tables_are_read_or_refused_in_one_line(content):
    path = Path("t.csv")
    path.write_bytes(content)

    def valid(table):
        for row in table.rows:
            "".join((row.path, row.label, row.patient)).encode()
        return all(row.path and row.split in (None, "train", "val", "test") for row in table.rows)

    judge(lambda: read_table(path, Settings()), "labels=t.csv", content, valid)
