"""The envelope of a receipt: DSSE, the Dead Simple Signing Envelope of in-toto, version 1.

A signature covers the payload's bytes and their type, so JSON need not be put in a canonical form:
`PAE(type, body) = "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body`.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medunlearn.errors import Fault, FileError
from medunlearn.files import unreadable
from medunlearn.receipts.strict_json import read_strict

RECEIPT = "receipt.json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
REMEDY = "give a receipt.json that `medunlearn receipt` wrote"


@dataclass(frozen=True)
class Signature:
    """A signature as an envelope has it.

    Attributes:
        keyid: Id of the key that it claims to be made with; unverified.
        sig: The signature in base64.
    """

    keyid: str
    sig: str


@dataclass(frozen=True)
class Envelope:
    """A signed or unsigned payload.

    Attributes:
        payload_type: Type of the payload.
        payload: The payload in base64, as in the file.
        signatures: Any number, possibly none.
    """

    payload_type: str
    payload: str
    signatures: tuple[Signature, ...] = ()

    @classmethod
    def of(cls, body: bytes, payload_type: str = PAYLOAD_TYPE) -> "Envelope":
        """Return an unsigned envelope of a payload."""
        return cls(payload_type, base64.b64encode(body).decode())

    def signed(self, keyid: str, sign: Callable[[bytes], bytes]) -> "Envelope":
        """Return the same with one more signature.

        Args:
            keyid: Id of the signing key.
            sign: Returns the signature of some bytes.
        """
        sig = base64.b64encode(sign(self.signed_bytes())).decode()
        return Envelope(self.payload_type, self.payload, (*self.signatures, Signature(keyid, sig)))

    def body(self) -> bytes:
        """Return the payload.

        Raises:
            Fault: If it is no base64.
        """
        return decoded(self.payload)

    def signed_bytes(self) -> bytes:
        """Return what is signed.

        Raises:
            Fault: If the payload is no base64.
        """
        return pre_authentication_encoding(self.payload_type, self.body())

    @property
    def sha256(self) -> str:
        """SHA-256 of the payload, by which a later receipt names this one.

        Raises:
            Fault: If it is no base64.
        """
        return hashlib.sha256(self.body()).hexdigest()

    def to_bytes(self) -> bytes:
        """Return the content of `receipt.json`."""
        content = {
            "payloadType": self.payload_type,
            "payload": self.payload,
            "signatures": [{"keyid": each.keyid, "sig": each.sig} for each in self.signatures],
        }
        return (json.dumps(content, indent=2) + "\n").encode()


def pre_authentication_encoding(payload_type: str, body: bytes) -> bytes:
    """Return DSSE's PAE of a payload.

    Example:
        >>> pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
        b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    name = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(body), body)


def decoded(text: str) -> bytes:
    """Return the bytes of base64 text, in the standard or the URL-safe alphabet, as DSSE allows.

    Raises:
        Fault: If it is not base64, is cut short, or is not the canonical encoding.

    Example:
        >>> decoded("aGVsbG8=")
        b'hello'
    """
    standard = text.translate(str.maketrans("-_", "+/"))
    try:
        found = base64.b64decode(standard, validate=True)
    except (binascii.Error, ValueError):
        raise Fault("no base64, or cut short; bring the file back") from None
    if base64.b64encode(found).decode() != standard:
        raise Fault("no base64 as it is written; bring the file back")
    return found


def receipt_file(path: Path) -> Path:
    """Return the file of a receipt: the path itself, or `receipt.json` in a run directory."""
    try:
        return path / RECEIPT if path.is_dir() else path
    except OSError:  # reading it says why
        return path


def read_envelope(path: Path, argument: str) -> Envelope:
    """Return the envelope in a file.

    Args:
        path: The file.
        argument: What errors name.

    Raises:
        FileError: If there is no envelope in it.
    """
    try:
        return _envelope(read_strict(path))
    except (Fault, OSError, ValueError) as error:
        raise FileError(f"{argument}={path}: {unreadable(error, REMEDY)}") from None


def _envelope(content: dict[str, Any]) -> Envelope:
    payload_type, payload, signatures = (content.get(key) for key in ("payloadType", "payload", "signatures"))
    if not isinstance(payload_type, str) or not isinstance(payload, str) or not isinstance(signatures, list):
        raise Fault(f"it is no DSSE envelope; {REMEDY}")
    return Envelope(payload_type, payload, tuple(_signatures(signatures)))


def _signatures(found: Sequence[Any]) -> list[Signature]:
    pairs = [(each.get("keyid", ""), each.get("sig")) if isinstance(each, dict) else (None, None) for each in found]
    if not all(isinstance(keyid, str) and isinstance(sig, str) for keyid, sig in pairs):
        raise Fault(f"a signature in it is none of DSSE; {REMEDY}")
    return [Signature(str(keyid), str(sig)) for keyid, sig in pairs]
