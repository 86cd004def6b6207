"""Verifying a receipt line by line: OK, differs, or not checkable here."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from medunlearn.errors import Fault, InputError
from medunlearn.files import exists
from medunlearn.receipts.checking import Case, Line, differs, ok, reading
from medunlearn.receipts.checks_alone import inner_lines, page_line, signature_lines
from medunlearn.receipts.checks_data import answer_line, commitment_line, data_lines
from medunlearn.receipts.checks_files import (
    audit_line,
    chain_line,
    digest_lines,
    metrics_lines,
    prediction_lines,
    reference_line,
    split_lines,
)
from medunlearn.receipts.envelope import Envelope, read_envelope, receipt_file
from medunlearn.receipts.images import data_or_reason
from medunlearn.receipts.keys import read_public_key
from medunlearn.receipts.proofs import proof_lines
from medunlearn.receipts.reading import read_statement
from medunlearn.runs import RunDir

SALTS = "receipt_salts.json"


def verify(
    receipt: str | Path,
    public_keys: Sequence[Path] = (),
    data_file: Path | None = None,
    salts: Path | None = None,
    previous: Path | None = None,
    case: str | None = None,
    predict: bool = False,
    backbone: str | None = None,
    proof: Path | None = None,
) -> list[Line]:
    """Check a receipt by itself, and against the files that it is about, as far as they are available.

    Args:
        receipt: The `receipt.json`, or its run directory, in which the run's files are looked for.
        public_keys: Keys that must have signed it.
        data_file: The data, if they are not where the run's configuration says.
        salts: The secrets that open the commitments; by default `receipt_salts.json` beside the receipt, if any.
        previous: The receipt of the request before; by default that of the run's original, if it is there.
        case: The controller's reference that it must have.
        predict: Also load the model, and run it on the removed images.
        backbone: Import path of the model's network, if it is one of your own.
        proof: A folder that `prove` wrote: some images, with proof that they are among the removed ones.

    Returns:
        The lines; the receipt is refuted if one of them is `differs`.

    Raises:
        InputError: If `receipt` is not an envelope, or another given file cannot be read.
    """
    path = receipt_file(Path(receipt))
    _check_there({"data.file": data_file, "salts": salts, "previous": previous, "proof": proof})
    envelope = read_envelope(path, "verify")
    keys = [(key.name, read_public_key(key)) for key in public_keys]
    lines = [*signature_lines(envelope, keys)]
    found = _case(path, envelope, lines)
    if found is not None:
        lines += [*inner_lines(found, case), *reading("receipt.html", lambda: [page_line(found)])]
        lines += _file_lines(found, previous)
        lines += _data_lines(found, data_file, salts, predict, backbone)
        lines += proof_lines(found.statement, proof) if proof is not None else []
    return lines


def _check_there(named: Mapping[str, Path | None]) -> None:
    for argument, path in named.items():
        if path is not None and not path.exists():
            raise InputError(f"{argument}={path}: no such file; fix the path")


def _case(path: Path, envelope: Envelope, lines: list[Line]) -> Case | None:
    """Return the receipt with its statement, and add a line on the statement; None if there is none."""
    try:
        statement = read_statement(envelope)
    except Fault as fault:
        lines.append(differs("statement", fault.problem))
        return None
    lines.append(ok("statement", f"{statement.predicateType}, schema {statement.predicate.schema_version}"))
    return Case(path, envelope, statement, RunDir(path.parent))


def _file_lines(case: Case, previous: Path | None) -> Iterator[Line]:
    yield from reading("files", lambda: digest_lines(case))
    yield from reading("metrics.json", lambda: metrics_lines(case))
    yield from reading("predictions.npz", lambda: prediction_lines(case))
    yield from reading("split.json", lambda: split_lines(case))
    yield from reading("audit", lambda: [audit_line(case)])
    yield from reading("reference", lambda: [reference_line(case)])
    yield from reading("receipt before", lambda: [chain_line(case, previous)])


def _data_lines(
    case: Case, file: Path | None, salts: Path | None, predict: bool, backbone: str | None
) -> Iterator[Line]:
    try:
        data, reason = data_or_reason(case.run, file)
    except InputError as error:
        yield differs("data", str(error))
        data, reason = None, "the data cannot be read"
    else:
        yield from reading("data", lambda: data_lines(case, data, reason))
    beside = case.receipt.with_name(SALTS)
    kept = salts or (beside if exists(beside) else None)
    yield from reading("salts", lambda: [commitment_line(case, data, reason, kept)])
    if predict:
        yield from reading("model", lambda: [answer_line(case, data, reason, backbone)])
