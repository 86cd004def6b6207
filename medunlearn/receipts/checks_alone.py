"""Checks that need only the receipt: signatures, id, and whether its parts agree with each other."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from medunlearn.errors import Fault
from medunlearn.files import exists
from medunlearn.metrics import average_gap
from medunlearn.receipts import merkle
from medunlearn.receipts.checking import Case, Line, compared, differs, near, not_here, ok
from medunlearn.receipts.envelope import Envelope, decoded
from medunlearn.receipts.evidence_schema import Evidence
from medunlearn.receipts.identity import time_of, tool_version
from medunlearn.receipts.keys import is_signed, key_id
from medunlearn.receipts.page import page
from medunlearn.receipts.schema import Data, Images

PAGE = "receipt.html"


def signature_lines(envelope: Envelope, keys: Sequence[tuple[str, Any]]) -> Iterator[Line]:
    """Yield a line for each signature, and one for each key that has signed nothing.

    The key id in an envelope is not signed, so every key is tried on every signature.

    Args:
        envelope: The envelope.
        keys: Public keys by the name of their file.
    """
    if not envelope.signatures and not keys:
        yield not_here("signature", "the receipt is unsigned: nothing shows who made it")
    used = set[str]()
    for number, signature in enumerate(envelope.signatures, start=1):
        subject = f"signature {number}"
        try:
            sig, content = decoded(signature.sig), envelope.signed_bytes()
        except Fault as fault:
            yield differs(subject, fault.problem)
            continue
        names = [name for name, key in keys if is_signed(key, sig, content)]
        used |= {*names}
        yield _signature(subject, signature.keyid, names, keys)
    for name, _ in keys:
        if name not in used:
            yield differs(f"key {name}", "has not signed this receipt")


def _signature(subject: str, keyid: str, by: Sequence[str], keys: Sequence[tuple[str, Any]]) -> Line:
    ids = {name: key_id(key) for name, key in keys}
    if by:
        named = keyid == ids[by[0]]
        return ok(subject, f"by {by[0]}") if named else differs(subject, f"is by {by[0]}, and names another key")
    if keyid in ids.values():
        return differs(subject, "is not by the key that it names, or not of this content")
    return not_here(subject, "give the public key that it is by" if not keys else "names a key that was not given")


def inner_lines(case: Case, expected: str | None) -> Iterator[Line]:
    """Yield lines on whether the parts of a receipt agree with each other.

    Args:
        case: The receipt.
        expected: The controller's reference that the reader expects; None where it expects none.
    """
    found = case.statement.predicate
    yield _time(found.identity.id, found.identity.created)
    if expected is not None:
        yield compared("reference of the case", found.request.case, expected)
    names = [each.name for each in case.statement.subject]
    yield compared("names of files", len(set(names)), len(names), "a file is named twice")
    yield from _counts(found.data)
    yield _gap(found.evidence)
    yield _unsigned(case)


def page_line(case: Case) -> Line:
    """Return whether the page beside a receipt is its copy."""
    path = case.receipt.with_name(PAGE)
    if not exists(path):
        return not_here(PAGE, "is not here")
    if (version := case.statement.predicate.identity.version) != tool_version():
        return not_here(PAGE, f"was made by version {version}, this is {tool_version()}")
    return compared(PAGE, _content(path), page(case.envelope), "is no copy of this receipt")


def _content(path: Path) -> str:
    return path.read_bytes().decode(errors="replace")


def _time(identifier: str, created: str) -> Line:
    made = time_of(identifier)
    if made is None:
        return differs("id", "is no UUID of version 7")
    return compared("id", made, created, f"is of {made}, the receipt of {created}")


def _counts(data: Data) -> Iterator[Line]:
    wrong = [name for name in ("train", "val", "test") if not _adds_up(data.images, name)]
    yield compared("numbers of images", wrong, [], f"before, removed and after do not add up: {', '.join(wrong)}")
    if (made := data.commitments) is None:
        yield not_here("Merkle root", "the receipt has no commitments")
        return
    entries = [bytes.fromhex(each) for each in (*made.train, *made.val, *made.test)]
    yield compared("Merkle root", merkle.root(entries).hex(), made.merkle_root)
    removed = [getattr(data.images, name).removed for name in ("train", "val", "test")]
    yield compared("number of commitments", [len(made.train), len(made.val), len(made.test)], removed)


def _adds_up(images: Images, name: str) -> bool:
    split = getattr(images, name)
    return split.before is None or sum(split.before.values()) - split.removed == sum(split.after.values())


def _gap(evidence: Evidence) -> Line:
    model, reference = evidence.model.model_dump(), evidence.reference and evidence.reference.model_dump()
    if not reference or None in reference.values() or None in model.values():
        return not_here("AG", "the receipt has no figures of a reference")
    gap = average_gap(model, reference)
    return ok("AG") if near(gap, evidence.AG) else differs("AG", f"{gap:.4f}, stated {evidence.AG}")


def _unsigned(case: Case) -> Line:
    """Return whether the sentence on signing agrees with the envelope: removing a signature does not change it."""
    unsigned = not case.envelope.signatures
    said = any("is not signed" in line for line in case.statement.predicate.statement.not_done)
    problem = f"the receipt is {'unsigned' if unsigned else 'signed'} and says otherwise"
    return compared("sentence on signing", said, unsigned, problem)
