"""Commitments to images: hashes by which holders of an image can verify that it was included, but no one else.

A plain hash of a small image could be compared with the hash of any image that somebody has. So each is hashed with a
secret: its own salt, or one key for all. The secrets are in a file separate from the receipt.
"""

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from medunlearn.errors import Fault, FileError, InputError
from medunlearn.files import unreadable
from medunlearn.receipts.new_files import write_new
from medunlearn.receipts.strict_json import read_strict

Kind = Literal["salted", "keyed"]
"""`salted`: SHA-256(salt || image), a salt for each image. `keyed`: HMAC-SHA-256(key, image), one key for all."""

LENGTH = 32  # bytes of a salt or a key
REMEDY = "give the receipt_salts.json that was written with this receipt"


@dataclass(frozen=True)
class Secrets:
    """The secrets that turn images into commitments.

    Attributes:
        kind: `salted` or `keyed`.
        values: A salt for each image; or the key alone.
    """

    kind: Kind
    values: tuple[bytes, ...]

    @classmethod
    def new(cls, kind: Kind, count: int) -> "Secrets":
        """Return new secrets for a number of images."""
        return cls(kind, tuple(secrets.token_bytes(LENGTH) for _ in range(1 if kind == "keyed" else count)))

    def commitments(self, images: list[npt.NDArray[np.uint8]]) -> list[bytes]:
        """Return the commitment to each image, as many as there are secrets for.

        Raises:
            Fault: If there are more or fewer salts than images.
        """
        if self.kind == "salted" and len(self.values) != len(images):
            raise Fault(f"it holds {len(self.values)} salts for {len(images)} images; {REMEDY}")
        values = self.values * len(images) if self.kind == "keyed" else self.values
        return [commitment(self.kind, value, image) for value, image in zip(values, images, strict=True)]

    def write(self, path: Path, receipt: str) -> None:
        """Write them to a new file, which its owner alone can read.

        Args:
            path: The file.
            receipt: Id of the receipt that they belong to.

        Raises:
            InputError: If it is there already, or cannot be written.
        """
        content = {"receipt": receipt, "kind": self.kind, "values": [value.hex() for value in self.values]}
        write_new(path, (json.dumps(content, indent=1) + "\n").encode(), "salts", mode=0o600)


def read_secrets(path: Path) -> tuple[Secrets, str]:
    """Return the secrets in a file, and the id of the receipt that they belong to.

    Raises:
        FileError: If there are none in it.
    """
    try:
        return _secrets(read_strict(path))
    except (Fault, OSError, ValueError) as error:
        raise FileError(f"salts={path}: {unreadable(error, REMEDY)}") from None


def commitment(kind: Kind, secret: bytes, image: npt.NDArray[np.uint8]) -> bytes:
    """Return the commitment to an image, over its type, shape and pixels.

    Args:
        kind: `salted` or `keyed`.
        secret: The salt or the key.
        image: uint8 (H, W) or (H, W, 3).

    Example:
        >>> commitment("keyed", b"key", np.zeros((2, 2), np.uint8)).hex()[:8]
        'a0fef8d1'
    """
    content = f"{image.dtype.str}{image.shape}\n".encode() + np.ascontiguousarray(image).tobytes()
    if kind == "keyed":
        return hmac.digest(secret, content, "sha256")
    return hashlib.sha256(secret + content).digest()


def check_kind(kind: str) -> Kind:
    """Return a kind of commitments.

    Raises:
        InputError: If there is no such kind.
    """
    if kind not in ("salted", "keyed"):
        raise InputError(f"commitments={kind}: unknown; choose one of salted, keyed")
    return cast(Kind, kind)


def _secrets(content: dict[str, Any]) -> tuple[Secrets, str]:
    kind, values, receipt = (content.get(name) for name in ("kind", "values", "receipt"))
    if kind not in ("salted", "keyed") or not isinstance(values, list) or not isinstance(receipt, str):
        raise Fault(f"it holds no salts; {REMEDY}")
    try:
        found = tuple(bytes.fromhex(value) for value in values)
    except (TypeError, ValueError):
        raise Fault(f"a salt in it is damaged; {REMEDY}") from None
    if {len(value) for value in found} - {LENGTH} or (kind == "keyed" and len(found) != 1):
        raise Fault(f"a salt in it is cut short; {REMEDY}")
    return Secrets(cast(Kind, kind), found), receipt
