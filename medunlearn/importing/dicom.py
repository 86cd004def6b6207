"""DICOM images through pydicom: rescaled, windowed, MONOCHROME1 inverted. No header text is copied."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from medunlearn.errors import InputError
from medunlearn.importing.pictures import NotAnImage, Picture, check_pixels, described
from medunlearn.importing.settings import Settings

DEFLATED = b"1.2.840.10008.1.2.1.99"
"""The transfer syntax whose header is compressed too, and could unpack to any size."""

GRAY, COLOUR = ("MONOCHROME1", "MONOCHROME2"), ("RGB", "YBR_FULL", "YBR_FULL_422")
OTHERS = ("PALETTE COLOR", "YBR_PARTIAL_420", "YBR_PARTIAL_422", "YBR_ICT", "YBR_RCT", "HSV", "ARGB", "CMYK")
"""Colour spaces: those that are supported, and those that an error may name; other header text is never shown."""


def open_dicom(path: Path, settings: Settings) -> Picture:
    """Open and decode a DICOM image.

    Gray pixels x become slope x + intercept, then 255 times their position in the window, then MONOCHROME1 is
    inverted. The window is that of the settings, else the file's first, else all values that the stored bits can have:
    equal for all files of a device, not stretched to each image.

    Args:
        path: The file.
        settings: The window, and whether PatientID is read.

    Raises:
        NotAnImage: If it holds no picture or several frames, has an unsupported colour space, or is damaged.
        InputError: If pydicom is not installed.
    """
    pydicom = _pydicom()
    with described():
        content = path.read_bytes()
        if DEFLATED in content:  # before pydicom, which would unpack all of it
            raise NotAnImage("is stored as deflated DICOM, which is not handled; save it uncompressed")
        header = pydicom.dcmread(BytesIO(content))  # a file would let a damaged length allocate any memory
        colour = _check(header)
        image, remarks = _colour(pydicom, header) if colour else _gray(pydicom, header, settings)
        if header.get("BurnedInAnnotation") == "YES":
            remarks = (*remarks, "with text burnt into the pixels, as the header says")
        return Picture(image, "DICOM", remarks, _patient(header) if settings.dicom_patient else "")


def _pydicom() -> Any:
    try:
        import pydicom
        import pydicom.pixels
    except ImportError:
        raise InputError(
            "dicom: some files are DICOM, and pydicom is not installed; `pip install 'medunlearn[dicom]'`"
        ) from None
    return pydicom


def _check(header: Any) -> bool:
    """Reject unsupported images; return whether the image is in colour."""
    if "PixelData" not in header:
        raise NotAnImage("holds no picture")
    frames = int(header.get("NumberOfFrames") or 1)
    if frames > 1:
        raise NotAnImage(f"has {frames} frames; save those that are wanted as images of their own")
    check_pixels(int(header.Columns), int(header.Rows))
    space = str(header.get("PhotometricInterpretation", ""))
    if space not in GRAY + COLOUR:
        raise NotAnImage(
            f"has the colour space {space if space in OTHERS else 'of no known name'}, which is not handled"
        )
    if space in COLOUR and int(header.BitsAllocated) != 8:
        raise NotAnImage("has colours of more than 8 bits, which are not handled")
    if "ModalityLUTSequence" in header:
        raise NotAnImage("has a table of values (Modality LUT), which is not handled")
    return space in COLOUR


def _pixels(pydicom: Any, header: Any) -> npt.NDArray[Any]:
    try:
        found: npt.NDArray[Any] = pydicom.pixels.pixel_array(header)
    except RuntimeError:  # pydicom's message names all its plug-ins
        name = header.file_meta.TransferSyntaxUID.name
        raise NotAnImage(f"needs a decoder of pydicom that is not installed, for {name}") from None
    return found


def _colour(pydicom: Any, header: Any) -> tuple[Image.Image, tuple[str, ...]]:
    return Image.fromarray(_pixels(pydicom, header).astype(np.uint8)), ()


def _gray(pydicom: Any, header: Any, settings: Settings) -> tuple[Image.Image, tuple[str, ...]]:
    pixels = _pixels(pydicom, header)
    if pixels.dtype.kind not in "iu" or pixels.dtype.itemsize > 2:
        raise NotAnImage("has values of more than 16 bits, which are not handled")
    # Computed once per possible value, not per pixel: an image may have millions of pixels.
    stored = np.arange(np.iinfo(pixels.dtype).min, np.iinfo(pixels.dtype).max + 1, dtype=np.float64)
    slope, intercept = _number(header, "RescaleSlope", 1), _number(header, "RescaleIntercept", 0)
    shares, how = _window(stored * slope + intercept, header, settings, slope, intercept)
    shares = np.clip(shares, 0, 1)
    inverted = header.PhotometricInterpretation == "MONOCHROME1"
    table = np.rint(255 * (1 - shares if inverted else shares)).astype(np.uint8)
    image = Image.fromarray(table[pixels.astype(np.intp) - np.iinfo(pixels.dtype).min])
    return image, (how, *(("MONOCHROME1, inverted",) if inverted else ()))


def _window(
    values: npt.NDArray[np.float64], header: Any, settings: Settings, slope: float, intercept: float
) -> tuple[npt.NDArray[np.float64], str]:
    """Return the position of each value in the window, 0 to 1 inside it, and a description of the window."""
    if settings.window is not None:
        return _linear(values, *settings.window), "with the window that was given"
    if "WindowCenter" in header and "WindowWidth" in header:
        centre, width = _number(header, "WindowCenter", 0), _number(header, "WindowWidth", 0)
        function = str(header.get("VOILUTFunction") or "LINEAR")
        if function == "SIGMOID":
            return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -50, 50))), OWN
        return _linear(values, centre, width) if function == "LINEAR" else (values - centre) / width + 0.5, OWN
    if "VOILUTSequence" in header:
        raise NotAnImage("has a table for its window (VOI LUT), which is not handled; give window")
    bits, signed = int(header.BitsStored), int(header.get("PixelRepresentation", 0))
    low = -(2 ** (bits - 1)) if signed else 0
    ends = sorted((low * slope + intercept, (low + 2**bits - 1) * slope + intercept))
    return (values - ends[0]) / max(ends[1] - ends[0], 1e-12), "without a window, all stored bits"


OWN = "with the file's own window"


def _linear(values: npt.NDArray[np.float64], centre: float, width: float) -> npt.NDArray[np.float64]:
    """Return (x - (c - 0.5)) / (w - 1) + 0.5, DICOM PS3.3 C.11.2.1.2.1; a width of 1 is a threshold."""
    if width <= 1:
        return (values > centre - 0.5).astype(np.float64)
    return (values - (centre - 0.5)) / (width - 1) + 0.5


def _number(header: Any, name: str, default: float) -> float:
    """Return a number from the header, the first of several."""
    value = header.get(name)
    if value is None:
        return default
    first = float(value[0] if hasattr(value, "__len__") and not isinstance(value, str) else value)
    if not np.isfinite(first):
        raise NotAnImage(f"has no number as {name}")
    return first


def _patient(header: Any) -> str:
    found = header.get("PatientID")
    if not isinstance(found, str) or not found.strip():
        raise NotAnImage("has no PatientID, or several")
    if not found.isprintable():
        raise NotAnImage("has a PatientID that is not text")
    return found.strip()
