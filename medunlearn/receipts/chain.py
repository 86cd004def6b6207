"""The chain of receipts over successive requests: each names the receipt of the model that it started from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medunlearn.errors import Fault, InputError
from medunlearn.files import exists
from medunlearn.receipts.envelope import Envelope, read_envelope
from medunlearn.receipts.reading import read_statement
from medunlearn.receipts.schema import Previous, Statement
from medunlearn.runs import RunDir

MODEL = "checkpoints/model.ckpt"


def found_previous(run: RunDir, metrics: Mapping[str, Any], given: Path | None) -> Path | None:
    """Return the receipt before a run's own: the one given, or the one of the run that it started from; or None."""
    if given is not None:
        return given
    original = metrics.get("original")
    if not isinstance(original, str):
        return None
    path = Path(original) / "receipt.json"
    return path if exists(path) and path.resolve() != (run.path / "receipt.json").resolve() else None


def previous(path: Path, original_sha256: str | None) -> Previous:
    """Return the link to an earlier receipt.

    Args:
        path: The earlier receipt.
        original_sha256: Hash of the model that the run started from; None for one that started from none.

    Raises:
        InputError: If it is no receipt, or not of that model.
    """
    envelope = read_envelope(path, "previous")
    try:
        statement = read_statement(envelope)
    except Fault as fault:
        raise InputError(f"previous={path}: {fault.problem}; name the receipt of the request before") from None
    if original_sha256 is not None and model_of(statement) != original_sha256:
        raise InputError(f"previous={path}: is of another model than this run started from; name its original's")
    return link(envelope, statement)


def link(envelope: Envelope, statement: Statement) -> Previous:
    """Return how a later receipt names this one."""
    return Previous(id=statement.predicate.identity.id, sha256=envelope.sha256)


def model_of(statement: Statement) -> str | None:
    """Return the digest of the model that a receipt is about."""
    return next((each.digest.sha256 for each in statement.subject if each.name == MODEL), None)
