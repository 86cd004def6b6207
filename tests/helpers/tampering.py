"""What a forger may do to a receipt and to what it is about, one thing each."""

import base64
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from helpers.withdrawn import FIRST_ROWS, OTHER, PUBLIC
from medunlearn.receipts import merkle
from medunlearn.receipts.envelope import Envelope, Signature, read_envelope
from medunlearn.receipts.identity import rfc3339, uuid7
from medunlearn.receipts.keys import key_id, read_private_key

RUN = Path("runs/request_1")
RECEIPT = RUN / "receipt.json"
DATA = Path("scans of P0017.npz")


class Tampering(NamedTuple):
    """One thing that was done, and a line of the verification that says so.

    Attributes:
        done: What, as `docs/guides/receipt.md` has it.
        do: Does it, in the clinic's folder.
        says: The line, without its padding, or the error of wrong input.
        verify: Further arguments of `verify`.
    """

    done: str
    do: Callable[[], Any]
    says: str
    verify: Mapping[str, Any] = {}


def flip(path: Path) -> Callable[[], Any]:
    """Return what flips a bit in the middle of a file."""

    def do() -> None:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    return do


def rewrite(path: Path, change: Callable[[Any], Any]) -> Callable[[], Any]:
    """Return what changes the content of a JSON file; `change` alters it in place."""

    def do() -> None:
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return do


def restate(change: Callable[[Any], Any], signed: bool = False, receipt: Path = RECEIPT) -> Callable[[], Any]:
    """Return what changes the statement of a receipt: in one that was never signed, or under the old signature."""

    def do() -> None:
        envelope = read_envelope(receipt, "test")
        content = json.loads(envelope.body())
        if not signed:
            content["predicate"]["statement"]["not_done"].append("The receipt is not signed")
        change(content)
        body = json.dumps(content).encode()
        kept = envelope.signatures if signed else ()
        receipt.write_bytes(Envelope(envelope.payload_type, base64.b64encode(body).decode(), kept).to_bytes())

    return do


def repacked(change: Callable[[bytes], bytes]) -> Callable[[], Any]:
    """Return what changes the bytes of the payload."""

    def do() -> None:
        envelope = read_envelope(RECEIPT, "test")
        payload = base64.b64encode(change(envelope.body())).decode()
        RECEIPT.write_bytes(Envelope(envelope.payload_type, payload, envelope.signatures).to_bytes())

    return do


def resigned(change: Callable[[tuple[Signature, ...]], tuple[Signature, ...]]) -> Callable[[], Any]:
    """Return what changes the signatures."""

    def do() -> None:
        envelope = read_envelope(RECEIPT, "test")
        found = Envelope(envelope.payload_type, envelope.payload, change(envelope.signatures))
        RECEIPT.write_bytes(found.to_bytes())

    return do


def by_other(keyid_of: Path | None = None) -> Callable[[], Any]:
    """Return what signs with another key, under its own id or under that of the first one."""

    def do() -> None:
        envelope, key = read_envelope(RECEIPT, "test"), read_private_key(OTHER.with_suffix(".pem"))
        keyid = envelope.signatures[0].keyid if keyid_of else key_id(key.public_key())
        unsigned = Envelope(envelope.payload_type, envelope.payload)
        RECEIPT.write_bytes(unsigned.signed(keyid, key.sign).to_bytes())

    return do


def _garbage(keyid: str) -> Signature:
    return Signature(keyid, base64.b64encode(bytes(64)).decode())


def _bit(value: str) -> str:
    """Flip the last bit of hexadecimal digits."""
    return value[:-1] + f"{int(value[-1], 16) ^ 1:x}"


def _signature_bit(sig: str) -> str:
    content = bytearray(base64.b64decode(sig))
    content[20] ^= 1
    return base64.b64encode(content).decode()


def _other_id() -> str:
    return key_id(read_private_key(OTHER.with_suffix(".pem")).public_key())


def _leave_the_receipt() -> None:
    for each in RUN.rglob("*"):
        if each.is_file() and each != RECEIPT:
            each.unlink()


def _swap() -> None:
    other = Path("runs/request_2/receipt.json")
    first, second = RECEIPT.read_bytes(), other.read_bytes()
    RECEIPT.write_bytes(second)
    other.write_bytes(first)


def _better_answers() -> None:
    arrays = dict(np.load(RUN / "predictions.npz"))
    for kind in ("probs", "logits"):
        arrays[f"retain_{kind}"] = np.roll(arrays[f"retain_{kind}"], 1, axis=1)
    np.savez(RUN / "predictions.npz", **arrays)


def _pixel() -> None:
    arrays = dict(np.load(DATA))
    arrays["train_images"][FIRST_ROWS[0], 0, 0, 0] ^= 1
    np.savez(DATA, **arrays)


def _other_model() -> None:
    path = RUN / "checkpoints" / "model.ckpt"
    content = torch.load(path, weights_only=True)
    name = next(name for name in content["state_dict"] if name.endswith("fc.bias"))
    arrays = np.load(RUN / "predictions.npz")
    content["state_dict"][name][(int(arrays["forget_probs"][0].argmax()) + 1) % 4] += 100
    torch.save(content, path)


def _new_id(content: dict[str, Any]) -> None:
    content["predicate"]["identity"]["id"] = str(uuid7(1_900_000_000_000))


def _new_id_and_time(content: dict[str, Any]) -> None:
    _new_id(content)
    content["predicate"]["identity"]["created"] = rfc3339(1_900_000_000_000)


def _other_images(content: dict[str, Any]) -> None:
    made = content["predicate"]["data"]["commitments"]
    made["train"][0] = "ab" * 32
    entries = [bytes.fromhex(each) for name in ("train", "val", "test") for each in made[name]]
    made["merkle_root"] = merkle.root(entries).hex()


def _measured(name: str, value: float) -> Callable[[Any], Any]:
    return lambda content: content["predicate"]["evidence"]["model"].update({name: value})


def _huge() -> None:
    os.truncate(RECEIPT, 2**26 + 1)  # of which the disk holds next to nothing


def _set(path: str, value: Any) -> Callable[[Any], Any]:
    """Return what sets a value by its dotted name."""

    def change(content: Any) -> None:
        *groups, last = path.split("/")
        for each in groups:
            content = content[int(each) if isinstance(content, list) else each]
        content[int(last) if isinstance(content, list) else last] = value

    return change


SALTS = RUN / "receipt_salts.json"
NOT_BY = "differs signature 1: is not by the key that it names, or not of this content"
UNSIGNED = "differs key clinic.pub: has not signed this receipt"
SECOND = {"receipt": "runs/request_2/receipt.json"}
BOTH = {"public_keys": [PUBLIC, OTHER]}
NO_KEY: dict[str, Any] = {"public_keys": []}

FILES = [
    Tampering(
        "a bit of the model", flip(RUN / "checkpoints/model.ckpt"), "differs checkpoints/model.ckpt: is another file"
    ),
    Tampering("a bit of the configuration", flip(RUN / "config.yaml"), "differs config.yaml: is another file"),
    Tampering("a bit of `split.json`", flip(RUN / "split.json"), "differs split.json: is another file"),
    Tampering(
        "another image in `split.json`",
        rewrite(RUN / "split.json", _set("indices/0", 4)),
        "differs forget set of predictions.npz: was measured on other images than split.json lists",
    ),
    Tampering(
        "an image fewer in `split.json`",
        rewrite(RUN / "split.json", lambda c: c["indices"].pop()),
        "differs forget set of split.json: has (2, 1, 2) images (train, val, test), stated (3, 1, 2)",
    ),
    Tampering("a bit of the predictions", flip(RUN / "predictions.npz"), "differs predictions.npz: is another file"),
    Tampering(
        "other answers in the predictions", _better_answers, "differs figures from predictions.npz: RA …, stated …"
    ),
    Tampering("a bit of `metrics.json`", flip(RUN / "metrics.json"), "differs metrics.json: is another file"),
    Tampering(
        "another figure in `metrics.json`",
        rewrite(RUN / "metrics.json", _set("TA", 99.0)),
        "differs figures of metrics.json: TA 99.0000, stated …",
    ),
    Tampering(
        "another method in `metrics.json`",
        rewrite(RUN / "metrics.json", _set("method", "Retrain")),
        "differs method of metrics.json: …",
    ),
    Tampering("a bit of the audit", flip(RUN / "audit/audit.json"), "differs audit/audit.json: is another file"),
    Tampering(
        "another answer in the audit",
        rewrite(RUN / "audit/audit.json", _set("runs/0/verdicts/0/answer", "inside")),
        "differs answers of the audit: are others than the receipt states",
    ),
    Tampering(
        "a bit of the original's model",
        flip(Path("runs/P0017 original/checkpoints/model.ckpt")),
        "differs original/checkpoints/model.ckpt: is another file",
    ),
    Tampering(
        "another model in the place of the model",
        _other_model,
        "differs the model's answers to the removed images: … of 3 are others",
        {"predict": True},
    ),
    Tampering("a bit of the data file", flip(DATA), "differs data: …cut short or damaged…"),
    Tampering("a pixel of a removed image", _pixel, "differs commitments to the removed images: 1 of 6 are to others"),
    Tampering(
        "a bit of the salts",
        rewrite(SALTS, lambda c: c["values"].append(_bit(c["values"].pop()))),
        "differs commitments to the removed images: 1 of 6 are to others",
    ),
    Tampering(
        "a salt cut short",
        rewrite(SALTS, lambda c: c["values"].append(c["values"].pop()[:-2])),
        "differs salts: cannot be read (salts=…: cannot be read (a salt in it is cut short); …)",
    ),
    Tampering(
        "the salts of another receipt",
        lambda: shutil.copy("runs/request_2/receipt_salts.json", SALTS),
        "differs commitments to the removed images: the salts are of receipt …",
    ),
    Tampering(
        "the page",
        lambda: (RUN / "receipt.html").write_text((RUN / "receipt.html").read_text().replace("SalUn", "Retrain")),
        "differs receipt.html: is no copy of this receipt",
    ),
    Tampering(
        "the predictions taken away",
        (RUN / "predictions.npz").unlink,
        "not checkable here predictions.npz: is not here",
    ),
    Tampering(
        "the model taken away",
        (RUN / "checkpoints/model.ckpt").unlink,
        "not checkable here checkpoints/model.ckpt: is not here",
    ),
    Tampering(
        "everything but the receipt taken away", _leave_the_receipt, "not checkable here metrics.json: is not here"
    ),
]
SIGNATURES = [
    Tampering("a bit of the statement", repacked(lambda body: body.replace(b"SalUn", b"SalUo", 1)), NOT_BY),
    Tampering("another figure in the statement", restate(_measured("UA", 99.0), signed=True), NOT_BY),
    Tampering("a new id, the old signature", restate(_new_id_and_time, signed=True), NOT_BY),
    Tampering("a bit of the signature", resigned(lambda s: (Signature(s[0].keyid, _signature_bit(s[0].sig)),)), NOT_BY),
    Tampering(
        "the signature cut short",
        resigned(lambda s: (Signature(s[0].keyid, s[0].sig[:-1]),)),
        "differs signature 1: no base64, or cut short",
    ),
    Tampering("the signature taken away", resigned(lambda s: ()), UNSIGNED),
    Tampering(
        "the signature taken away, no key given",
        resigned(lambda s: ()),
        "differs sentence on signing: the receipt is unsigned and says otherwise",
        NO_KEY,
    ),
    Tampering("signed with another key", by_other(), UNSIGNED),
    Tampering("signed with another key under the id of the first", by_other(PUBLIC), NOT_BY),
    Tampering(
        "the id of the key changed",
        resigned(lambda s: (Signature("ab" * 32, s[0].sig),)),
        "differs signature 1: is by clinic.pub, and names another key",
    ),
    Tampering(
        "a second signature, wrong, by the same key",
        resigned(lambda s: (*s, _garbage(s[0].keyid))),
        "differs signature 2: is not by the key that it names, or not of this content",
    ),
    Tampering(
        "a second signature, wrong, by another key",
        resigned(lambda s: (*s, _garbage(_other_id()))),
        "differs signature 2: is not by the key that it names, or not of this content",
        BOTH,
    ),
    Tampering(
        "a second signature, wrong, by a key that is not given",
        resigned(lambda s: (*s, _garbage(_other_id()))),
        "not checkable here signature 2: names a key that was not given",
    ),
    Tampering(
        "the same signature twice in place of a second one",
        resigned(lambda s: (*s, *s)),
        "differs key other.pub: has not signed this receipt",
        BOTH,
    ),
    Tampering(
        "the type of the payload changed",
        rewrite(RECEIPT, _set("payloadType", "application/json")),
        "differs statement: its payload is 'application/json', not application/vnd.in-toto+json",
    ),
    Tampering(
        "the payload cut short",
        rewrite(RECEIPT, lambda c: c.update(payload=c["payload"][:-2])),
        "differs statement: no base64, or cut short",
    ),
]
FORM = [
    Tampering(
        "a statement of another kind",
        restate(_set("predicateType", "https://slsa.dev/v1")),
        "differs statement: its predicateType is 'https://slsa.dev/v1', not urn:medunlearn:deletion-receipt:v1",
    ),
    Tampering(
        "something added to the statement",
        restate(_set("predicate/certified", True)),
        "differs statement: predicate.certified: …",
    ),
    Tampering(
        "a number written as text",
        restate(_set("predicate/evidence/model/UA", "66")),
        "differs statement: predicate.evidence.model.UA: …",
    ),
    Tampering(
        "a key twice in the statement",
        repacked(lambda body: body.replace(b'"predicateType"', b'"_type": "x", "predicateType"', 1)),
        "differs statement: the key '_type' stands twice in it",
    ),
    Tampering(
        "NaN in the statement", restate(_measured("UA", float("nan"))), "differs statement: NaN is no number of JSON"
    ),
    Tampering(
        "a number beyond all bounds in the statement",
        repacked(lambda body: body.replace(b'"RTE": 0.9', b'"RTE": 1e999')),
        "differs statement: a number in it is too large",
    ),
    Tampering(
        "a key twice in the envelope",
        lambda: RECEIPT.write_text(RECEIPT.read_text().replace('"payload"', '"payload": "", "payload"', 1)),
        "verify=…: cannot be read (the key 'payload' stands twice in it); …",
    ),
    Tampering(
        "the file cut short",
        lambda: RECEIPT.write_bytes(RECEIPT.read_bytes()[:-20]),
        "verify=…: cannot be read (no JSON: …); …",
    ),
    Tampering(
        "no JSON", lambda: RECEIPT.write_bytes(b"\xff\xd8\xff"), "verify=…: cannot be read (no JSON: not UTF-8); …"
    ),
    Tampering(
        "JSON of something else",
        lambda: RECEIPT.write_text("[1]"),
        "verify=…: cannot be read (it holds no JSON object); …",
    ),
    Tampering(
        "a thousand brackets",
        lambda: RECEIPT.write_text('{"payload":' + "[" * 1000 + "]" * 1000 + "}"),
        "verify=…: cannot be read (nested more than 50 deep); …",
    ),
    Tampering(
        "a file of 64 MiB",
        _huge,
        "verify=…: cannot be read (its 67108865 bytes are more than the 67108864 of any receipt); …",
    ),
]
STATEMENTS = [
    Tampering(
        "unsigned: another figure",
        restate(_measured("UA", 99.0)),
        "differs figures from predictions.npz: UA …, stated 99.0000",
    ),
    Tampering(
        "unsigned: another MIA",
        restate(_measured("MIA", 12.0)),
        "differs MIA from predictions.npz: MIA …, stated 12.0000",
    ),
    Tampering("unsigned: another AG", restate(_set("predicate/evidence/AG", 0.5)), "differs AG: …, stated 0.5"),
    Tampering(
        "unsigned: another figure of the untouched model",
        restate(_set("predicate/evidence/untouched/UA", 1.0)),
        "differs untouched figures from the original's predictions.npz: UA …, stated 1.0000",
    ),
    Tampering(
        "unsigned: another figure of the reference",
        restate(_set("predicate/evidence/reference/RA", 1.0)),
        "differs figures of the reference: RA …, stated 1.0000",
    ),
    Tampering(
        "unsigned: another figure by patient",
        restate(_set("predicate/evidence/by_group/recognised", 0.0)),
        "differs figures by group of metrics.json: …",
    ),
    Tampering(
        "unsigned: no copies",
        restate(_set("predicate/data/copies/exact", 0)),
        "differs copies of metrics.json: (1, 0), stated (0, 0)",
    ),
    Tampering(
        "unsigned: another number of images",
        restate(_set("predicate/data/images/train/removed", 30)),
        "differs numbers of images: before, removed and after do not add up: train",
    ),
    Tampering(
        "unsigned: another class",
        restate(_set("predicate/data/images/train/after", {"0": 29})),
        "differs classes of predictions.npz: other numbers of images by class",
    ),
    Tampering(
        "unsigned: another hash of the data",
        restate(_set("predicate/data/sha256", "ab" * 32)),
        "differs data: are others than the receipt is about",
    ),
    Tampering(
        "unsigned: another Merkle root",
        restate(_set("predicate/data/commitments/merkle_root", "ab" * 32)),
        "differs Merkle root: …",
    ),
    Tampering(
        "unsigned: a commitment to another image, and its root",
        restate(_other_images),
        "differs commitments to the removed images: 1 of 6 are to others",
    ),
    Tampering("unsigned: a new id", restate(_new_id), "differs id: is of 2030-03-17T17:46:40.000Z, the receipt of …"),
    Tampering(
        "unsigned: a new id and time",
        restate(_new_id_and_time),
        "differs commitments to the removed images: the salts are of receipt …",
    ),
    Tampering(
        "unsigned: a file twice",
        restate(lambda c: c["subject"].append(c["subject"][0])),
        "differs names of files: a file is named twice",
    ),
    Tampering(
        "unsigned: a name that a terminal would obey",
        restate(_set("subject/0/name", "\x1b[2Jx")),
        "not checkable here \\x1b[2Jx: is not here",
    ),
    Tampering(
        "unsigned: a file outside the run",
        restate(_set("subject/0/name", "../../clinic.pem")),
        "not checkable here ../../clinic.pem: is not here",
    ),
]
CHAIN = [
    Tampering("two receipts swapped", _swap, "differs checkpoints/model.ckpt: is another file"),
    Tampering(
        "two receipts swapped, nothing else here, the case known",
        lambda: [_swap(), _leave_the_receipt()],
        "differs reference of the case: 2026-017, stated 2026-018",
        {"case": "2026-018"},
    ),
    Tampering(
        "the receipt before changed",
        restate(_measured("UA", 99.0), receipt=RECEIPT),
        "differs receipt before: was changed since this one was made",
        SECOND,
    ),
    Tampering(
        "the receipt before replaced by another",
        lambda: shutil.copy("runs/request_2/receipt.json", RECEIPT),
        "differs receipt before: is …, which this one does not name",
        SECOND,
    ),
    Tampering(
        "unsigned: the receipt before left out",
        restate(_set("predicate/identity/previous", None), receipt=Path("runs/request_2/receipt.json")),
        "differs receipt before: is …, which this one does not name",
        SECOND,
    ),
]
TAMPERINGS = [*FILES, *SIGNATURES, *FORM, *STATEMENTS, *CHAIN]
