"""Builds the receipt of a finished run: a statement, an envelope, a page and a file of salts."""

from dataclasses import dataclass
from pathlib import Path

from medunlearn.errors import InputError
from medunlearn.files import exists
from medunlearn.receipts.commitments import Secrets, check_kind
from medunlearn.receipts.envelope import RECEIPT, Envelope
from medunlearn.receipts.keys import key_id, read_private_key
from medunlearn.receipts.making import Making
from medunlearn.receipts.new_files import write_new
from medunlearn.receipts.page import page
from medunlearn.receipts.schema import Statement
from medunlearn.receipts.stated import Stated
from medunlearn.runs import RunDir
from medunlearn.runs.commands import check_finished

PAGE, SALTS = "receipt.html", "receipt_salts.json"


@dataclass(frozen=True)
class Built:
    """A receipt and its files.

    Attributes:
        statement: Its content.
        receipt: The file of the envelope.
        page: The page to print.
        salts: The secrets that open the commitments, for the controller only; None without commitments.
        keyid: Id of the key that has signed it; None if it is not signed.
    """

    statement: Statement
    receipt: Path
    page: Path
    salts: Path | None
    keyid: str | None


def build(
    run_dir: str | Path,
    key: Path | None = None,
    stated: Stated | None = None,
    data_file: Path | None = None,
    commitments: str = "salted",
    previous: Path | None = None,
    runs: Path | None = None,
) -> Built:
    """Write the receipt of a finished run that unlearned, or was retrained, into its directory.

    Args:
        run_dir: The run.
        key: The private key to sign with; unsigned without one.
        stated: The user's statements on the request and the aftermath.
        data_file: The data, if they are not where the run's configuration says.
        commitments: `salted` or `keyed`, see `medunlearn.receipts.commitments`.
        previous: The receipt of the request before; by default that of the run's original, if it has one.
        runs: A directory to search for other runs that were made from the old model.

    Raises:
        InputError: If there is no such run, it is altered or has a receipt, or a given file cannot be used.
    """
    run, stated, kind = RunDir.given(run_dir, "receipt"), stated or Stated(), check_kind(commitments)
    _check_free(run)
    private = None if key is None else read_private_key(key)
    made = Making(run, stated, kind)
    statement = made.statement(data_file, previous, runs, signed=private is not None)
    envelope = Envelope.of(statement.to_bytes())
    if private is not None:
        envelope = envelope.signed(key_id(private.public_key()), private.sign)
    return _write(run, statement, envelope, made.secrets)


def _check_free(run: RunDir) -> None:
    check_finished(run, "receipt")
    for name in (RECEIPT, PAGE, SALTS):
        if exists(run.path / name):
            raise InputError(f"receipt={run}: {name} is there already, and is never replaced; move it away first")


def _write(run: RunDir, statement: Statement, envelope: Envelope, secrets: Secrets | None) -> Built:
    receipt, shown, salts = (run.path / name for name in (RECEIPT, PAGE, SALTS))
    written = page(envelope)
    if secrets is not None:
        secrets.write(salts, statement.predicate.identity.id)
    try:
        write_new(receipt, envelope.to_bytes(), "receipt")
        write_new(shown, written.encode(), "receipt")
    except InputError:
        for each in (salts, receipt):
            each.unlink(missing_ok=True)
        raise
    keyid = envelope.signatures[0].keyid if envelope.signatures else None
    return Built(statement, receipt, shown, salts if secrets else None, keyid)
