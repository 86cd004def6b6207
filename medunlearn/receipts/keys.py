"""Keys of receipts: Ed25519 in PEM files, by the package `cryptography`."""

import getpass
import hashlib
import os
import sys
from pathlib import Path
from typing import Any

from medunlearn.errors import Fault, FileError, InputError
from medunlearn.files import read_bytes, unreadable
from medunlearn.receipts.new_files import write_new

PASSPHRASE = "MEDUNLEARN_KEY_PASSPHRASE"
"""The environment variable that holds the passphrase of a private key."""
MOST_BYTES = 2**16  # of a key; one of Ed25519 has some 300


def new_key(path: Path) -> tuple[Path, str]:
    """Write a new private key, readable by its owner alone, and its public key beside it, ending in `.pub`.

    The private key is encrypted with the passphrase in the environment variable, or with one that the user enters
    on the terminal; if both are empty, it is not encrypted.

    Returns:
        The file of the public key, and the key's id.

    Raises:
        InputError: If one of the files is there already, or cannot be written.
    """
    serialization, ed25519 = _cryptography()
    public = path.with_suffix(".pub")
    if public == path:
        raise InputError(
            f"new_key={path}: this name is for the public key; give one such as {path.with_suffix('.pem')}"
        )
    for each in (path, public):
        if os.path.lexists(each):
            raise InputError(f"new_key={path}: {each} is there already; name another file, a key is never replaced")
    passphrase = _passphrase_for_new()
    key = ed25519.Ed25519PrivateKey.generate()
    locked = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    write_new(path, key.private_bytes(serialization.Encoding.PEM, form, locked), "new_key", mode=0o600)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    write_new(public, key.public_key().public_bytes(serialization.Encoding.PEM, form), "new_key")
    return public, key_id(key.public_key())


def read_private_key(path: Path) -> Any:
    """Return the private key in a file; the passphrase comes from the environment variable or the terminal.

    Raises:
        InputError: If there is no key, or the passphrase is wrong.
    """
    serialization, ed25519 = _cryptography()
    content = _content(path, "key")
    locked = b"ENCRYPTED" in content
    passphrase = _passphrase_of(path) if locked else None
    try:
        key = serialization.load_pem_private_key(content, passphrase)
    except Exception:  # `cryptography` raises several kinds, its own among them
        remedy = (
            f"give its passphrase in {PASSPHRASE}"
            if locked
            else "give one made by `medunlearn receipt --new_key clinic.pem`"
        )
        raise FileError(f"key={path}: cannot be read as a private key; {remedy}") from None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise FileError(f"key={path}: is no Ed25519 key; make one with `medunlearn receipt --new_key clinic.pem`")
    return key


def read_public_key(path: Path) -> Any:
    """Return the public key in a file.

    Raises:
        InputError: If there is none.
    """
    serialization, ed25519 = _cryptography()
    try:
        key = serialization.load_pem_public_key(_content(path, "public_key"))
    except (ValueError, TypeError, NotImplementedError) as error:
        if isinstance(error, InputError):
            raise
        raise FileError(f"public_key={path}: cannot be read as a public key; give a .pub file of a key") from None
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise FileError(f"public_key={path}: is no Ed25519 key; receipts are signed with Ed25519 and nothing else")
    return key


def key_id(public_key: Any) -> str:
    """Return the id of a public key: the SHA-256 of its DER form (SubjectPublicKeyInfo)."""
    serialization, _ = _cryptography()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(public_key.public_bytes(serialization.Encoding.DER, form)).hexdigest()


def is_signed(public_key: Any, signature: bytes, content: bytes) -> bool:
    """Return whether a signature of some content is by the private key that belongs to a public one."""
    from cryptography.exceptions import InvalidSignature

    try:
        public_key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise InputError(
            "receipt: the package that signs is not installed; install it with `pip install 'medunlearn[receipt]'`"
        ) from None
    return serialization, ed25519


def _content(path: Path, argument: str) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise FileError(f"{argument}={path}: is too large for a key; give a PEM file")
        return read_bytes(path)
    except (Fault, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise FileError(f"{argument}={path}: {unreadable(error, 'give a PEM file')}") from None


def _passphrase_for_new() -> bytes:
    if PASSPHRASE in os.environ:
        return os.environ[PASSPHRASE].encode()
    if not sys.stdin.isatty():
        return b""
    first = getpass.getpass("Passphrase of the new key (empty for none): ")
    if first and getpass.getpass("Once more: ") != first:
        raise InputError("new_key: the two passphrases differ; give the same one twice")
    return first.encode()


def _passphrase_of(path: Path) -> bytes:
    if PASSPHRASE in os.environ:
        return os.environ[PASSPHRASE].encode()
    if not sys.stdin.isatty():
        raise InputError(f"key={path}: is encrypted; give its passphrase in the environment variable {PASSPHRASE}")
    return getpass.getpass(f"Passphrase of {path}: ").encode()
