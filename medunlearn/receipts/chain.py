"""The chain of receipts over successive requests: each names the receipt of the model that it started from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medunlearn.errors import Fault, InputError
from medunlearn.files import exists
from medunlearn.receipts.envelope import RECEIPT, Envelope, read_envelope, receipt_file
from medunlearn.receipts.reading import read_statement
from medunlearn.receipts.schema import Previous, Statement
from medunlearn.runs import RunDir
from medunlearn.runs.split import requests_of

MODEL = "checkpoints/model.ckpt"


def found_previous(
    run: RunDir, metrics: Mapping[str, Any], split: Mapping[str, Any], given: Path | None
) -> Path | None:
    """Return the receipt before a run's own; None where there is none.

    Args:
        run: The run.
        metrics: Content of its `metrics.json`, which names the run that it started from.
        split: Content of its `split.json`, which names the run of the request before.
        given: The receipt that the user names, or its run directory.
    """
    if given is not None:
        return receipt_file(given)
    before = [each.get("run") for each in requests_of(split)[:-1]] if "indices" in split else []
    for folder in (*before[-1:], metrics.get("original")):
        path = Path(folder or "") / RECEIPT
        if isinstance(folder, str) and exists(path) and path.resolve() != (run.path / RECEIPT).resolve():
            return path
    return None


def earlier_models(metrics: Mapping[str, Any], split: Mapping[str, Any]) -> set[str]:
    """Return the hashes of the models that a run may follow: its original, and those of the requests before."""
    found = {metrics.get("original_sha256"), *(each.get("model_sha256") for each in requests_of(split)[:-1])}
    return {each for each in found if isinstance(each, str)}


def previous(path: Path, models: set[str]) -> Previous:
    """Return the link to an earlier receipt.

    Args:
        path: The earlier receipt.
        models: Hashes of the models that it may belong to.

    Raises:
        InputError: If it is not a receipt, or not of one of these models.
    """
    envelope = read_envelope(path, "previous")
    try:
        statement = read_statement(envelope)
    except Fault as fault:
        raise InputError(f"previous={path}: {fault.problem}; name the receipt of the request before") from None
    if model_of(statement) not in models:
        raise InputError(f"previous={path}: is of another model than this run follows; name that of the request before")
    return link(envelope, statement)


def link(envelope: Envelope, statement: Statement) -> Previous:
    """Return how a later receipt names this one."""
    return Previous(id=statement.predicate.identity.id, sha256=envelope.sha256)


def model_of(statement: Statement) -> str | None:
    """Return the digest of the model that a receipt is about."""
    return next((each.digest.sha256 for each in statement.subject if each.name == MODEL), None)
