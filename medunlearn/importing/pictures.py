"""Opens an image without running code from it, checks it, and makes it an 8-bit square."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from medunlearn.importing.settings import Settings
from medunlearn.importing.walking import is_dicom

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP", "PPM", "JPEG2000")
"""Formats that are tried; others, such as EPS, would start programs."""

MOST_PIXELS = 89_478_485
"""Most pixels of an image, the number from which Pillow warns; more may be a decompression bomb, or need gigabytes."""

ORIENTATION = 0x0112
"""EXIF's tag of how a camera was held."""

GRAY, DEEP = ("1", "L", "LA"), ("I", "I;16", "I;16L", "I;16B", "I;16N")
COLOUR = ("P", "PA", "RGB", "RGBA")
"""Pillow's modes that are accepted: 8-bit gray, 16-bit gray, colour."""


class NotAnImage(Exception):
    """A file is not an image that can be imported; the message has the reason."""


class Picture(NamedTuple):
    """A decoded image.

    Attributes:
        image: Upright, of one of the modes above.
        kind: Format and bits, such as `PNG (16 bit)`.
        remarks: Conversions that a user should know, such as `turned by EXIF`.
        patient: PatientID, if it was asked for.
    """

    image: Image.Image
    kind: str
    remarks: tuple[str, ...] = ()
    patient: str = ""

    @property
    def colour(self) -> bool:
        """Whether it is stored in colour."""
        return self.image.mode in COLOUR

    @property
    def largest(self) -> int:
        """The largest value of a 16-bit image; 0 for 8 bits."""
        return int(np.asarray(self.image).max()) if self.image.mode in DEEP else 0


def open_picture(path: Path, settings: Settings) -> Picture:
    """Open and decode an image.

    Raises:
        NotAnImage: If it is not an image, is damaged, has several frames or too many pixels, or has an unknown format.
        InputError: If it is DICOM and pydicom is not installed.
    """
    if is_dicom(path):
        from medunlearn.importing.dicom import open_dicom  # has an optional dependency

        return open_dicom(path, settings)
    if path.suffix.lower() in (".dcm", ".dicom", ".ima"):
        raise NotAnImage("is not a DICOM file: it lacks DICM at byte 128")
    with described():
        if not path.stat().st_size:
            raise NotAnImage("is empty")
        with Image.open(path, formats=FORMATS) as image:
            _check(image)
            image.load()
            return _upright(image)


@contextmanager
def described() -> Iterator[None]:
    """Translate any error of a decoder into `NotAnImage`, with a short reason."""
    try:
        yield
    except NotAnImage:
        raise
    except UnidentifiedImageError:
        raise NotAnImage("holds no image of a known format") from None
    except Image.DecompressionBombError:
        raise NotAnImage(TOO_MANY) from None
    except MemoryError:
        raise NotAnImage("does not fit into memory") from None
    except PermissionError:
        raise NotAnImage("may not be read") from None
    except Exception as error:  # decoders raise many kinds of errors on damaged files
        raise NotAnImage(f"is truncated or damaged ({type(error).__name__})") from None


TOO_MANY = f"has more than {MOST_PIXELS / 1e6:.0f} million pixels"


def check_pixels(width: int, height: int) -> None:
    """Reject an image that would not fit into memory.

    Raises:
        NotAnImage: If it has too many pixels, or none.
    """
    if width * height > MOST_PIXELS:
        raise NotAnImage(f"{TOO_MANY}, {width}x{height}")
    if width < 1 or height < 1:
        raise NotAnImage("has no pixels")


def _check(image: Image.Image) -> None:
    check_pixels(*image.size)
    frames = int(getattr(image, "n_frames", 1))
    if frames > 1 and image.format != "MPO":  # a photograph, with previews of itself
        raise NotAnImage(f"has {frames} frames; save those that are wanted as images of their own")
    if image.mode not in GRAY + DEEP + COLOUR:
        raise NotAnImage(f"is stored as {image.mode}, which is not handled; save it as gray or RGB")


def _upright(image: Image.Image) -> Picture:
    kind = f"{image.format} ({16 if image.mode in DEEP else 8} bit)"
    remarks = []
    if image.getexif().get(ORIENTATION, 1) in range(2, 9):
        remarks.append("turned upright as EXIF says")
    turned = ImageOps.exif_transpose(image) if remarks else image
    if _is_transparent(turned):
        remarks.append("transparent, laid on black")
    if turned.mode == "I" and not (np.asarray(turned).min() >= 0 and np.asarray(turned).max() <= 0xFFFF):
        raise NotAnImage("has values beyond 16 bits")
    return Picture(turned, kind, tuple(remarks))


def _is_transparent(image: Image.Image) -> bool:
    if not image.has_transparency_data:
        return False
    alpha: tuple[int, int] = image.convert("RGBA").getchannel("A").getextrema()  # type: ignore[assignment]
    return alpha[0] < 255


def to_square(picture: Picture, size: int, channels: int, levels: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return an image as stored in the file: its central square, resized by MedMNIST+'s rule, in 8 bits.

    Args:
        picture: The image.
        size: Height and width S in pixels.
        channels: 1 or 3.
        levels: Values of 16 bits that become 0 and 255.

    Returns:
        uint8 `(S, S)` or `(S, S, 3)`.
    """
    image = picture.image
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = _eight_bits(image.crop((left, top, left + side, top + side)), levels)
    image = image.convert("L" if channels == 1 else "RGB")
    if side != size:
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.uint8)


def _eight_bits(image: Image.Image, levels: tuple[int, int]) -> Image.Image:
    if image.mode in DEEP:
        low, high = levels
        scaled = (np.asarray(image).astype(np.float64) - low) / (high - low)
        return Image.fromarray(np.rint(scaled.clip(0, 1) * 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image).convert("RGB")
    return image


@contextmanager
def quietly() -> Iterator[None]:
    """Silence warnings of libraries about files that are checked; problems that matter are raised as errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
