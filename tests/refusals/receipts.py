"""Refusals of `medunlearn.receipts`, with inputs that reach them."""

import getpass
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from helpers.runs import write_npz

from medunlearn.data.npz import read_npz
from medunlearn.receipts import Stated, build, verify
from medunlearn.receipts.commitments import LENGTH, Secrets, read_secrets
from medunlearn.receipts.envelope import Envelope, decoded
from medunlearn.receipts.images import Removed
from medunlearn.receipts.keys import PASSPHRASE, new_key, read_private_key, read_public_key
from medunlearn.receipts.reading import read_statement
from medunlearn.receipts.strict_json import MOST_BYTES, parsed, read_strict
from medunlearn.runs import RunDir

RSA = """-----BEGIN PUBLIC KEY-----
MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf
9Cnzj4p4WGeKLs1Pt8QuKUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQ==
-----END PUBLIC KEY-----
"""
LAST = "bring the file back"


def of_run(change, *words):
    """Make a receipt of SalUn's run after a change."""

    def call(at):
        at.take("t", "r", "s")
        change(at)
        return at.command("receipt", "s", *words)

    return call


def of_receipt(change, *words):
    """Make a receipt of SalUn's run, change something, and give another command."""

    def call(at):
        at.take("t", "r", "s")
        build("s")
        change(at)
        return at.command("receipt", *words)

    return call


def written(name, content):
    return lambda at: at.write(name, content if isinstance(content, str | bytes) else json.dumps(content))


def changed(name, change):
    """Return what changes a JSON file."""

    def do(at):
        content = json.loads(Path(name).read_text())
        change(content)
        return at.write(name, json.dumps(content))

    return do


def nothing(at):
    pass


def secrets(kind, *values):
    return lambda at: read_secrets(written("s.json", {"kind": kind, "receipt": "x", "values": values})(at))


def envelope(content):
    return lambda at: verify(written("r.json", content)(at))


def statement(body, payload_type="application/vnd.in-toto+json"):
    return lambda at: read_statement(Envelope.of(json.dumps(body).encode(), payload_type))


def locked(at):
    at.patch.setenv(PASSPHRASE, "secret")
    new_key(Path("k.pem"))


def without_passphrase(at):
    locked(at)
    at.patch.delenv(PASSPHRASE)
    at.patch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))
    return read_private_key(Path("k.pem"))


def wrong_passphrase(at):
    locked(at)
    at.patch.setenv(PASSPHRASE, "another")
    return read_private_key(Path("k.pem"))


def two_passphrases(at):
    answers = iter(["one", "two"])
    at.patch.delenv(PASSPHRASE, raising=False)
    at.patch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    at.patch.setattr(getpass, "getpass", lambda prompt: next(answers))
    return new_key(Path("k.pem"))


def twice(at):
    at.write("k.pub")
    return new_key(Path("k.pem"))


def rsa(at):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return read_private_key(at.write("k.pem", ec.generate_private_key(ec.SECP256R1()).private_bytes(*form)))


def without_cryptography(at):
    at.patch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    return new_key(Path("k.pem"))


def earlier(of):
    """Name the receipt of another run as the one before."""

    def call(at):
        at.take("t", "r", "s")
        build(of)
        return at.command("receipt", "r" if of == "s" else "s", "--previous", f"{of}/receipt.json")

    return call


def withdrawn(at):
    content = {"indices": [1], "how": {"groups": ["P0017"]}}
    return Stated(case="request of p0017").check_names(content)


def of_other_data(at):
    write_npz(Path("e.npz"), train_images=np.zeros((32, 8, 8, 3), np.uint8))


def keyed(at):
    at.take("t", "r", "s")
    build("s", commitments="keyed")
    return at.command("receipt", "--prove", "s/receipt.json", "--images", first(), "--out", "p")


def first():
    return f"train:{json.loads(Path('s/split.json').read_text())['indices'][0]}"


def proving(change):
    def call(at):
        at.take("t", "r", "s")
        build("s")
        change(at)
        return at.command("receipt", "--prove", "s/receipt.json", "--images", first(), "--out", "p")

    return call


def without_rows(at):
    data = read_npz(at.npz())
    return Removed.of({"indices": [1000]}).images(data)


def huge(at):
    path = at.write("r.json")
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    return read_strict(path)


BAD_AUDIT = {"runs": [{"models": []}]}
ROWS = [
    (lambda at: at.command("receipt"), "receipt: give a run, or one of --verify, --prove, --new_key, --schema"),
    (
        lambda at: at.command("receipt", "--prove", "s/receipt.json"),
        "prove: name images and a folder, as in `--images train:12 --out proof`",
    ),
    (
        lambda at: at.command("receipt", "--verify", "r.json", "--complete", "yes"),
        "argument --complete: yes is neither true nor false; `medunlearn receipt --help` lists the options",
    ),
    # building
    (of_run(lambda at: build("s")), "receipt=s: receipt.json is there already, and is never replaced; …"),
    (
        of_run(nothing, "--data.file", "nowhere.npz"),
        "data.file=nowhere.npz: no such file; give the path of a .npz file in MedMNIST's format",
    ),
    (of_run(of_other_data, "--data.file", "e.npz"), "data.file: the images are others than those of s; …"),
    (of_run(nothing, "--commitments", "plain"), "commitments=plain: unknown; choose one of salted, keyed"),
    (of_run(nothing, "--runs", "nowhere"), "runs=nowhere: is no directory; name the one that holds your runs"),
    (
        of_run(
            written("s/audit/audit.json", "{"),
        ),
        "receipt=s: s/audit/audit.json cannot be read (…); make the audit again",
    ),
    (of_run(written("s/audit/audit.json", BAD_AUDIT)), "receipt=s: s/audit/audit.json holds no audit; …"),
    (
        of_run(changed("s/metrics.json", lambda c: c.pop("data_sha256"))),
        "receipt=s: its split.json or … is of another form; …",
    ),
    (
        of_run(lambda at: at.patch.setattr("os.open", _denied)),
        "salts=s/receipt_salts.json: cannot be written (Permission denied); …",
    ),
    (
        lambda at: [at.take("t"), at.command("receipt", "t")],
        "receipt=t: is an original, which has forgotten nothing; name a run that unlearned",
    ),
    (
        earlier("r"),
        "previous=r/receipt.json: is of another model than this run follows; name that of the request before",
    ),
    (
        of_run(written("p.json", Envelope.of(b"{}").to_bytes()), "--previous", "p.json"),
        "previous=p.json: its _type is 'None', not https://in-toto.io/…; name the receipt of the request before",
    ),
    (lambda at: Stated(case=" "), "case=' ': give one line of 1 to 500 characters"),
    (lambda at: Stated(received="yesterday"), "received=yesterday: is no date; write it as in 2026-02-28"),
    (withdrawn, "case: holds the name of a withdrawn group; give a reference of another kind"),
    (lambda at: Removed.of({"indices": [True]}), "split.json lists no images; run that stage again"),
    (without_rows, "the data have 32 train images, and image 1000 was removed; …"),
    # keys
    (lambda at: new_key(Path("k.pub")), "new_key=k.pub: this name is for the public key; give one such as k.pem"),
    (twice, "new_key=k.pem: k.pub is there already; name another file, a key is never replaced"),
    (two_passphrases, "new_key: the two passphrases differ; give the same one twice"),
    (without_cryptography, "receipt: the package that signs is not installed; install it with `pip install …`"),
    (
        lambda at: read_private_key(Path("k.pem")),
        "key=k.pem: cannot be read (No such file or directory); give a PEM file",
    ),
    (
        lambda at: read_private_key(at.write("k.pem", "x" * 70_000)),
        "key=k.pem: is too large for a key; give a PEM file",
    ),
    (
        lambda at: read_private_key(at.write("k.pem", "x")),
        "key=k.pem: cannot be read as a private key; give one made by `medunlearn receipt --new_key clinic.pem`",
    ),
    (rsa, "key=k.pem: is no Ed25519 key; make one with `medunlearn receipt --new_key clinic.pem`"),
    (
        without_passphrase,
        "key=k.pem: is encrypted; give its passphrase in the environment variable MEDUNLEARN_KEY_PASSPHRASE",
    ),
    (wrong_passphrase, "key=k.pem: cannot be read as a private key; give its passphrase in MEDUNLEARN_KEY_PASSPHRASE"),
    (lambda at: read_public_key(at.write("k.pub", "x")), "public_key=k.pub: cannot be read as a public key; …"),
    (lambda at: read_public_key(at.write("k.pub", RSA)), "public_key=k.pub: is no Ed25519 key; …"),
    # verification
    (lambda at: verify("r.json", salts=Path("s.json")), "salts=s.json: no such file; fix the path"),
    (lambda at: verify("r.json"), "verify=r.json: cannot be read (No such file or directory); give a receipt.json …"),
    (envelope({"payloadType": "x"}), "verify=r.json: cannot be read (it is no DSSE envelope); …"),
    (
        envelope({"payloadType": "x", "payload": "", "signatures": [{"sig": 3}]}),
        "verify=r.json: cannot be read (a signature in it is none of DSSE); …",
    ),
    (lambda at: decoded("a"), f"no base64, or cut short; {LAST}"),
    (lambda at: decoded("aR=="), f"no base64 as it is written; {LAST}"),
    (statement({}, "text/plain"), "its payload is 'text/plain', not application/vnd.in-toto+json; …"),
    (statement({"_type": "x"}), "its _type is 'x', not https://in-toto.io/Statement/v1; …"),
    (
        statement({"_type": "https://in-toto.io/Statement/v1", "predicateType": "urn:medunlearn:deletion-receipt:v1"}),
        "subject: Field required; bring the receipt back",
    ),
    (huge, f"its {MOST_BYTES + 1} bytes are more than the {MOST_BYTES} of any receipt; give a receipt"),
    (lambda at: parsed(b"[]"), f"it holds no JSON object; {LAST}"),
    (lambda at: parsed(b'{"a": 1, "a": 2}'), f"the key 'a' stands twice in it; {LAST}"),
    (lambda at: parsed(b'{"a": NaN}'), f"NaN is no number of JSON; {LAST}"),
    (lambda at: parsed(b'{"a": 1e999}'), f"a number in it is too large; {LAST}"),
    (lambda at: parsed(b'{"a": ' + b"1" * 101 + b"}"), f"a number in it has 101 digits; {LAST}"),
    (lambda at: parsed(b'{"a": ' + b"[" * 60 + b"]" * 60 + b"}"), f"nested more than 50 deep; {LAST}"),
    (lambda at: parsed(b'{"a": ' + b"[" * 99_000), f"nested more than 50 deep; {LAST}"),
    (lambda at: parsed(b"{"), f"no JSON: …; {LAST}"),
    # salts and proofs
    (secrets("plain"), "salts=s.json: cannot be read (it holds no salts); give the receipt_salts.json …"),
    (secrets("salted", "xy"), "salts=s.json: cannot be read (a salt in it is damaged); …"),
    (secrets("salted", "ab"), "salts=s.json: cannot be read (a salt in it is cut short); …"),
    (lambda at: Secrets("salted", (bytes(LENGTH),)).commitments([]), "it holds 1 salts for 0 images; …"),
    (keyed, "prove: the key of keyed commitments opens all of them; only salted ones are shown singly"),
    (
        proving(changed("s/receipt_salts.json", lambda c: c["values"].reverse())),
        "prove=s/receipt.json: its commitments are to other images; `--verify` says what differs",
    ),
    (
        proving(changed("s/receipt_salts.json", lambda c: c["values"].pop())),
        "prove=s/receipt.json: it holds 7 salts for 8 images; …",
    ),
    (
        proving(lambda at: RunDir("s").config.unlink()),
        "data.file: the data are not here; give their file by --data.file",
    ),
    (
        of_receipt(nothing, "--prove", "s/receipt.json", "--images", "train:99", "--out", "p"),
        "images=train:99: is not among the removed images, train:0, …",
    ),
    (
        of_receipt(written("p/proof.json", "{}"), "--verify", "s/receipt.json", "--proof", "p"),
        "proof=p: cannot be read (No such file or directory); write it again",
    ),
]


def _denied(*args):
    raise PermissionError(13, "Permission denied")
