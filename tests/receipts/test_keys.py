"""Keys: who may read them, passphrases, and signatures by an implementation of its own."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from medunlearn.receipts.envelope import Envelope, decoded, pre_authentication_encoding
from medunlearn.receipts.keys import PASSPHRASE, is_signed, key_id, new_key, read_private_key, read_public_key

KEY, PUBLIC = Path("k.pem"), Path("k.pub")


@pytest.fixture(autouse=True)
def _none(monkeypatch):
    monkeypatch.delenv(PASSPHRASE, raising=False)


def test_private_key_is_the_owners_alone_whatever_the_umask():
    before = os.umask(0)
    try:
        new_key(KEY)
    finally:
        os.umask(before)
    assert stat.S_IMODE(KEY.stat().st_mode) == 0o600
    assert PUBLIC.read_bytes().startswith(b"-----BEGIN PUBLIC KEY-----")


def test_passphrase_of_the_environment_locks_the_key(monkeypatch):
    monkeypatch.setenv(PASSPHRASE, "a secret")
    _, keyid = new_key(KEY)
    assert b"ENCRYPTED" in KEY.read_bytes()
    assert key_id(read_private_key(KEY).public_key()) == keyid == key_id(read_public_key(PUBLIC))


def test_passphrase_is_asked_for_at_a_terminal(monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "typed")
    new_key(KEY)
    assert b"ENCRYPTED" in KEY.read_bytes()
    read_private_key(KEY)


def test_key_without_a_passphrase_is_plain(monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    new_key(KEY)
    assert b"ENCRYPTED" not in KEY.read_bytes()


def test_signature_is_over_the_type_and_the_body():
    new_key(KEY)
    key = read_private_key(KEY)
    envelope = Envelope.of(b"{}").signed("id", key.sign)
    sig, public = decoded(envelope.signatures[0].sig), read_public_key(PUBLIC)
    assert is_signed(public, sig, pre_authentication_encoding("application/vnd.in-toto+json", b"{}"))
    assert not is_signed(public, sig, b"{}")
    assert not is_signed(public, sig, pre_authentication_encoding("application/json", b"{}"))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not here")
def test_signature_is_good_for_openssl_too():
    new_key(KEY)
    envelope = Envelope.of(b'{"a": 1}').signed("id", read_private_key(KEY).sign)
    Path("sig").write_bytes(decoded(envelope.signatures[0].sig))
    Path("body").write_bytes(envelope.signed_bytes())
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "k.pub", "-rawin", "-in", "body", "-sigfile", "sig"]
    subprocess.run(command, check=True, capture_output=True)


def test_envelope_may_have_the_url_safe_alphabet():
    body = bytes(range(250, 256)) * 4
    plain = Envelope.of(body)
    other = Envelope(plain.payload_type, plain.payload.translate(str.maketrans("+/", "-_")))
    assert plain.payload != other.payload
    assert other.body() == body
