"""BreastMNIST at 28x28 pixels: the ultrasound images that come with the package, for the demo."""

import hashlib
from dataclasses import replace
from pathlib import Path

from medunlearn.data.npz import ImageData, read_npz
from medunlearn.errors import DataError
from medunlearn.files import access_remedy

BREAST28 = "breast28"
"""The name of the data set, where a MedMNIST name would stand."""

FILE = Path(__file__).with_name("breast28.npz")
SHA256 = "ce5b81972a53a35bac77bc672ec94ce0dcf0ea03bfc5e57283c5fb34c98e5c69"
SIZE = 28  # pixels
CLASS_NAMES = ("malignant", "normal, benign")  # as MedMNIST names them


def breast28_data(size: int = SIZE) -> ImageData:
    """Return BreastMNIST as it comes with the package: 546, 78 and 156 gray images of 28x28 pixels in two classes.

    Breast ultrasound images of Al-Dhabyani et al. (Data in Brief 2020), cut and split by MedMNIST (Yang et al.,
    Scientific Data 2023), under CC BY 4.0: see breast28.LICENSE.txt beside the file. It is not byte for byte the file
    that MedMNIST offers for download, so its SHA-256 is checked in place of the MD5 that MedMNIST publishes.

    Args:
        size: Height and width in pixels; there is no other than 28.

    Raises:
        InputError: If another size is asked for, or the file is missing or altered.

    Example:
        >>> data = breast28_data()
        >>> len(data.train), len(data.val), len(data.test), data.class_names
        (546, 78, 156, ('malignant', 'normal, benign'))
    """
    if size != SIZE:
        raise DataError(
            f"size={size}: {BREAST28} has images of {SIZE}x{SIZE} pixels; set data.size={SIZE}, or data.dataset="
            "breastmnist for other sizes",
            part="data",
        )
    _check(FILE)
    data = read_npz(FILE, len(CLASS_NAMES), source=f"dataset={BREAST28}: {FILE}", class_names=CLASS_NAMES)
    return replace(data, name=BREAST28)


def _check(path: Path) -> None:
    """Reject a file that is missing, or is not the one that was released."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        reason = error.strerror or error
        raise DataError(
            f"dataset={BREAST28}: {path} cannot be read ({reason}); {access_remedy(error, path)}", part="data"
        ) from error
    if found != SHA256:
        raise DataError(
            f"dataset={BREAST28}: {path} is truncated or altered (SHA-256 {found}, not {SHA256}); install medunlearn "
            "again",
            part="data",
        )
