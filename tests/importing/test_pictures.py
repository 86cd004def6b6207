"""Images of every kind as they go into the file, and those that cannot."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers.images import picture, pixels
from PIL import Image

from medunlearn.importing import Settings
from medunlearn.importing.pictures import NotAnImage, open_picture, to_square

LEVELS = (0, 4095)


def square(path, size=8, channels=1, levels=LEVELS):
    return to_square(open_picture(Path(path), Settings()), size, channels, levels)


def save(image, name, **options):
    image.save(name, **options)
    return name


def test_the_middle_square_is_resized():
    wide = np.zeros((8, 24), np.uint8)
    wide[:, 8:16] = np.arange(64).reshape(8, 8)
    assert (square(picture("wide.png", wide)) == np.arange(64).reshape(8, 8)).all()
    assert (square(picture("high.png", wide.T)) == np.arange(64).reshape(8, 8).T).all()
    odd = np.zeros((9, 12), np.uint8)
    odd[:, 1:10] = 7
    assert (square(picture("odd.png", odd)) == 7).all()
    found = square(picture("large.png", pixels(64, 80)), size=16)
    middle = Image.fromarray(pixels(64, 80)[:, 8:72])
    assert (found == np.asarray(middle.resize((16, 16), Image.Resampling.BICUBIC))).all()


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_16_bits_are_scaled_by_levels_alike_for_all_images(ending):
    name = f"deep.{ending}"
    deep = np.full((8, 8), 4095, np.uint16)
    deep[0], deep[1] = 0, 2048
    picture(name, deep)
    found = open_picture(Path(name), Settings())
    assert (found.kind, found.largest, found.colour) == (
        f"{'PNG' if ending == 'png' else 'TIFF'} (16 bit)",
        4095,
        False,
    )
    assert square(name)[:3, 0].tolist() == [0, 128, 255]
    assert square(name, levels=(2048, 3000))[:3, 0].tolist() == [0, 0, 255]


def test_palette_transparency_and_one_bit():
    red = Image.new("RGBA", (8, 8), (255, 0, 0, 255))
    red.putpixel((0, 0), (9, 9, 9, 0))
    save(red, "clear.png")
    found = open_picture(Path("clear.png"), Settings())
    assert (found.colour, found.remarks) == (True, ("transparent, laid on black",))
    assert square("clear.png", channels=3)[0, :2].tolist() == [[0, 0, 0], [255, 0, 0]]
    save(red.convert("RGB").quantize(4), "palette.png")
    assert square("palette.png", channels=3)[0, 1].tolist() == [255, 0, 0]
    assert square("palette.png")[0, 1] == 76, "gray by ITU-R 601"
    save(Image.new("LA", (8, 8), (90, 255)), "opaque.png")
    opaque = open_picture(Path("opaque.png"), Settings())
    assert (opaque.colour, opaque.remarks) == (False, ())
    assert (square("opaque.png") == 90).all()
    assert square(save(Image.new("1", (8, 8), 1), "bit.png")).max() == 255
    assert square("opaque.png", channels=3).shape == (8, 8, 3)


def test_orientation_of_exif_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6
    save(Image.fromarray(pixels(8, 16)), "turned.png", exif=exif)
    found = open_picture(Path("turned.png"), Settings())
    assert (found.image.size, found.remarks) == ((8, 16), ("turned upright as EXIF says",))
    assert (np.asarray(found.image) == np.rot90(pixels(8, 16), -1)).all()


def test_photograph_with_previews_is_one_image():
    first, preview = Image.fromarray(pixels()), Image.fromarray(pixels(8, 8))
    save(first.convert("RGB"), "camera.jpg", format="MPO", save_all=True, append_images=[preview.convert("RGB")])
    assert open_picture(Path("camera.jpg"), Settings()).image.size == (12, 12)


def bomb(width, height):
    """Return a PNG that says it is very large."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 99)), (b"IEND", b"")]
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def frames():
    first = Image.fromarray(pixels())
    first.save("f.gif", save_all=True, append_images=[Image.fromarray(pixels(value=9))], duration=10)
    return Path("f.gif").read_bytes()


def cut():
    picture("c.jpg", np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8))
    return Path("c.jpg").read_bytes()[:-900]


def stored(mode, value, ending="tif"):
    Image.new(mode, (8, 8), value).save(f"s.{ending}")
    return Path(f"s.{ending}").read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.png", lambda: b"", "is empty"),
        ("x.png", lambda: b"no image", "holds no image of a known format"),
        ("x.png", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "holds no image of a known format"),
        ("x.jpg", cut, "is truncated or damaged (OSError)"),
        ("x.png", lambda: bomb(10_000, 9_000), "has more than 89 million pixels, 10000x9000"),
        ("x.png", lambda: bomb(2**30, 2**30), "has more than 89 million pixels"),
        ("x.png", lambda: bomb(64, 64), "is truncated or damaged (OSError)"),
        ("x.gif", frames, "has 2 frames; save those that are wanted as images of their own"),
        ("x.tif", lambda: stored("CMYK", 0), "is stored as CMYK, which is not handled; save it as gray or RGB"),
        ("x.tif", lambda: stored("F", 0.5), "is stored as F, which is not handled; save it as gray or RGB"),
        ("x.tif", lambda: stored("I", 70_000), "has values beyond 16 bits"),
        ("x.dcm", lambda: b"x" * 200, "is not a DICOM file: it lacks DICM at byte 128"),
    ],
)
def test_what_cannot_be_imported_is_said(name, content, says):
    Path(name).write_bytes(content())
    with pytest.raises(NotAnImage) as problem:
        open_picture(Path(name), Settings())
    assert str(problem.value) == says


def test_file_that_may_not_be_read_is_said(monkeypatch):
    picture("x.png")
    monkeypatch.setattr("PIL.Image.open", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "x")))
    with pytest.raises(NotAnImage, match="may not be read"):
        open_picture(Path("x.png"), Settings())
