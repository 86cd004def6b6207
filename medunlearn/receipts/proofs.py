"""Proofs for a few images: that they are among the removed ones of a receipt, without any of the others.

A proof is a folder: `proof.json` with the salt and the Merkle path of each image, and `images.npz` with their pixels.
It is meant for the persons whose images these are; its holder can show that these images were removed.
"""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from medunlearn.errors import Fault, InputError
from medunlearn.files import read_archive, unreadable
from medunlearn.receipts import merkle
from medunlearn.receipts.checking import Line, differs, images, ok
from medunlearn.receipts.commitments import Kind, commitment, read_secrets
from medunlearn.receipts.envelope import read_envelope, receipt_file
from medunlearn.receipts.images import SPLITS, Removed, read_data
from medunlearn.receipts.new_files import write_new
from medunlearn.receipts.reading import read_statement
from medunlearn.receipts.schema import Statement
from medunlearn.receipts.strict_json import read_strict
from medunlearn.runs import RunDir

SHOWN = 8
"""So many removed images an error names."""
PROOF, IMAGES = "proof.json", "images.npz"


def prove(receipt: Path, chosen: Sequence[str], folder: Path, salts: Path, data_file: Path | None = None) -> int:
    """Write the proof that some images are among the removed ones of a receipt; return their number.

    Args:
        receipt: The `receipt.json` in its run directory, or that directory.
        chosen: The images, as `train:12`, by split and row.
        folder: Folder of the proof.
        salts: The file of secrets that open the commitments.
        data_file: The data, if they are not where the run's configuration says.

    Raises:
        InputError: If an image is not among them, or a file cannot be read or written.
    """
    receipt = receipt_file(receipt)
    try:
        statement = read_statement(read_envelope(receipt, "prove"))
        removed = Removed.of(RunDir(receipt.parent).read_split("prove"))
        stored = removed.images(read_data(RunDir(receipt.parent), data_file))
        places, secrets = [_place(removed, each) for each in chosen], read_secrets(salts)[0]
        entries = _entries(statement)
        same = secrets.commitments(stored) == entries
    except Fault as fault:
        raise InputError(f"prove={receipt}: {fault}") from None
    if secrets.kind == "keyed":
        raise InputError("prove: the key of keyed commitments opens all of them; only salted ones are shown singly")
    if not same:
        raise InputError(f"prove={receipt}: its commitments are to other images; `--verify` says what differs")
    listed = [_shown(secrets.values[at], entries, at) for at in places]
    content = {"receipt": statement.predicate.identity.id, "kind": secrets.kind, "images": listed}
    write_new(folder / PROOF, (json.dumps(content, indent=1) + "\n").encode(), "out", mode=0o600)
    write_new(folder / IMAGES, _packed(np.stack([stored[at] for at in places])), "out", mode=0o600)
    return len(places)


def proof_lines(statement: Statement, folder: Path) -> list[Line]:
    """Return whether the images of a proof are among the removed ones of a receipt.

    Raises:
        InputError: If there is no proof in the folder.
    """
    try:
        content, stored = read_strict(folder / PROOF), read_archive(folder / IMAGES)["images"]
        return [_proven(statement, content, stored)]
    except (Fault, OSError, KeyError, TypeError, ValueError) as error:
        lacking = isinstance(error, KeyError | TypeError)
        problem = "it lacks a part; write it again" if lacking else unreadable(error, "write it again")
        raise InputError(f"proof={folder}: {problem}") from None


def _proven(statement: Statement, content: dict[str, Any], stored: npt.NDArray[np.uint8]) -> Line:
    subject, listed = "images of the proof", content["images"]
    if content["receipt"] != statement.predicate.identity.id:
        return differs(subject, f"are of receipt {str(content['receipt'])[:40]}")
    made = statement.predicate.data.commitments
    if made is None or content["kind"] not in get_args(Kind) or not listed or len(listed) != len(stored):
        return differs(subject, "are not as many as the proof is for, or the receipt has no commitments")
    root, size = bytes.fromhex(made.merkle_root), len(_entries(statement))
    wrong = sum(not _included(root, size, each, made.kind, image) for each, image in zip(listed, stored, strict=True))
    return (
        differs(subject, f"{wrong} of {len(listed)} are not among them") if wrong else ok(subject, images(len(listed)))
    )


def _shown(salt: bytes, entries: Sequence[bytes], at: int) -> dict[str, Any]:
    return {"at": at, "salt": salt.hex(), "path": [each.hex() for each in merkle.inclusion_path(entries, at)]}


def _included(root: bytes, size: int, one: dict[str, Any], kind: Kind, image: npt.NDArray[np.uint8]) -> bool:
    entry = commitment(kind, bytes.fromhex(one["salt"]), image)
    return merkle.includes(root, size, int(one["at"]), entry, [bytes.fromhex(each) for each in one["path"]])


def _entries(statement: Statement) -> list[bytes]:
    made = statement.predicate.data.commitments
    return [] if made is None else [bytes.fromhex(each) for each in (*made.train, *made.val, *made.test)]


def _place(removed: Removed, named: str) -> int:
    """Return the position of an image among the removed ones."""
    split, _, row = named.partition(":")
    rows = [(name, int(each)) for name in SPLITS for each in getattr(removed, name)]
    if not row.isdecimal() or (split, int(row)) not in rows:
        known = ", ".join(f"{name}:{row}" for name, row in rows[:SHOWN])
        more = f" and {len(rows) - SHOWN:,} more (split.json lists them)" if len(rows) > SHOWN else ""
        raise InputError(f"images={named}: is not among the removed images, {known}{more}")
    return rows.index((split, int(row)))


def _packed(stored: npt.NDArray[np.uint8]) -> bytes:
    content = io.BytesIO()
    np.savez(content, images=stored)
    return content.getvalue()
