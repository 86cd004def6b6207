"""`medunlearn receipt`: a signed statement of what was removed from a model, and its verification."""

import argparse
import json
from argparse import RawDescriptionHelpFormatter
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medunlearn.cli.parser import BOOLEAN, CommandParser
from medunlearn.errors import InputError
from medunlearn.files import expanded
from medunlearn.runs.commands import shown

if TYPE_CHECKING:
    from medunlearn.receipts import Built

EPILOG = """docs/guides/receipt.md says what a receipt holds, what it shows and what it does not. A verification ends
with status 1 if something differs. The passphrase of a key is prompted for, or read from MEDUNLEARN_KEY_PASSPHRASE.

examples:
  medunlearn receipt --new_key clinic.pem
  medunlearn receipt runs/request_1 --key clinic.pem --case 2026-017 --received 2026-02-27
  medunlearn receipt --verify runs/request_1/receipt.json --data.file clinic.npz --public_key clinic.pub
  medunlearn receipt --prove runs/request_1/receipt.json --images train:12 train:40 --out proof
  medunlearn receipt --verify receipt.json --public_key clinic.pub --proof proof
"""
MODES = ("run", "new_key", "verify", "prove", "schema")


def receipt(argv: list[str]) -> int:
    """Run `medunlearn receipt` and return its exit status.

    Args:
        argv: A run directory, or `--verify`, `--prove`, `--new_key` or `--schema`, and options.

    Raises:
        InputError: If an argument is invalid.
    """
    given = _parser().parse_args(argv)
    chosen = [mode for mode in MODES if getattr(given, mode)]
    if len(chosen) != 1:
        raise InputError("receipt: give a run, or one of --verify, --prove, --new_key, --schema")
    for name, value in vars(given).items():
        if isinstance(value, Path):
            setattr(given, name, expanded(value, name.replace("data_file", "data.file")))
    return {"run": _build, "new_key": _new_key, "verify": _verify, "prove": _prove, "schema": _schema}[chosen[0]](given)


def _new_key(given: argparse.Namespace) -> int:
    from medunlearn.receipts.keys import new_key

    public, keyid = new_key(given.new_key)
    print(f"Written to {given.new_key}, to be kept secret, and {public}, to be passed on; key {keyid}")
    return 0


def _build(given: argparse.Namespace) -> int:
    from medunlearn.receipts import Stated, build  # imports torch, which `--help` avoids

    named = {field.name: getattr(given, field.name) for field in fields(Stated)}
    stated = Stated(**{name: value for name, value in named.items() if value is not None})
    built = build(given.run, given.key, stated, given.data_file, given.commitments, given.previous, given.runs)
    print("\n".join(_summary(built)))
    command: list[str | Path] = ["medunlearn", "receipt", "--verify", built.receipt]
    command += ["--data.file", given.data_file] if given.data_file else []
    if given.key:
        command += ["--public_key", given.key.with_suffix(".pub")]
    print(f"Verify it with `{shown(command)}`")
    return 0


def _summary(built: "Built") -> list[str]:
    found = built.statement.predicate
    lines = [f"Receipt {found.identity.id}", *(f"- {line}" for line in found.statement.shows)]
    lines += ["Not done or not stated:", *(f"- {line}" for line in found.statement.not_done)]
    signed = f"signed with key {built.keyid}" if built.keyid else "UNSIGNED: give --key to sign it"
    lines.append(f"Written to {built.receipt} and {built.page.name}; {signed}")
    if built.salts is not None:
        lines.append(f"Keep {built.salts} to yourself: with it anyone can test whether an image was among the removed")
    return lines


def _verify(given: argparse.Namespace) -> int:
    from medunlearn.receipts import summary, verify

    lines = verify(
        given.verify,
        public_keys=[expanded(key, "public_key") for key in given.public_key],
        data_file=given.data_file,
        salts=given.salts,
        previous=given.previous,
        case=given.case,
        predict=given.predict,
        backbone=given.backbone,
        proof=given.proof,
    )
    for line in lines:
        print(line)
    print(summary(lines))
    wrong = ("differs", "not checkable here") if given.complete else ("differs",)
    return 1 if any(line.answer in wrong for line in lines) else 0


def _prove(given: argparse.Namespace) -> int:
    from medunlearn.receipts import prove
    from medunlearn.receipts.envelope import receipt_file

    if not given.images or given.out is None:
        raise InputError("prove: name images and a folder, as in `--images train:12 --out proof`")
    salts = given.salts or receipt_file(given.prove).with_name("receipt_salts.json")
    count = prove(given.prove, given.images, given.out, salts, given.data_file)
    print(
        f"Written to {given.out}: proof.json and images.npz, {count} of the removed images; it is for those they show"
    )
    return 0


def _schema(given: argparse.Namespace) -> int:
    from medunlearn.receipts.schema import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0


def _parser() -> CommandParser:
    parser = CommandParser(
        "medunlearn receipt RUN",
        description="Write a receipt of what a run has removed from a model, or verify one.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", nargs="?", type=Path, metavar="RUN", help="a run that unlearned")
    parser.add_argument("--new_key", type=Path, metavar="PEM", help="write a new private key, and its .pub beside it")
    parser.add_argument("--verify", type=Path, metavar="RECEIPT", help="verify a receipt, or that in a run directory")
    parser.add_argument("--prove", type=Path, metavar="RECEIPT", help="show that single images are among the removed")
    parser.add_argument("--schema", action="store_true", help="print the JSON schema of receipts")
    data: dict[str, Any] = {"dest": "data_file", "type": Path, "metavar": "F"}
    parser.add_argument("--data.file", **data, help="the run's data file, where it has moved")
    parser.add_argument("--salts", type=Path, metavar="F", help="what opens the commitments (receipt_salts.json)")
    parser.add_argument("--previous", type=Path, metavar="RECEIPT", help="receipt of the request before")
    parser.add_argument("--case", metavar="TEXT", help="your reference of the request; to verify: the one expected")
    _add_building(parser.add_argument_group("a new receipt"))
    _add_verifying(parser.add_argument_group("verification"))
    return parser


def _add_building(group: Any) -> None:
    group.add_argument("--key", type=Path, metavar="PEM", help="private key to sign with; unsigned without one")
    group.add_argument("--commitments", default="salted", metavar="KIND", help="to images: salted (default) or keyed")
    group.add_argument("--runs", type=Path, metavar="DIR", help="search here for other models made from the old one")
    for name, text in (
        ("received", "date of the request, YYYY-MM-DD"),
        ("ground", "legal ground"),
        ("approved_by", "role of who approved it"),
        ("data_name", "a name for the data"),
        ("old_model", "what became of the original model"),
        ("backups", "what becomes of backups"),
        ("recipients", "who was informed"),
    ):
        group.add_argument(f"--{name}", metavar="TEXT", help=text)


def _add_verifying(group: Any) -> None:
    keys: dict[str, Any] = {"nargs": "+", "type": Path, "default": []}
    group.add_argument("--public_key", **keys, metavar="PUB", help="keys that must have signed it")
    group.add_argument("--predict", help="also run the model on the removed images", **BOOLEAN)
    group.add_argument("--backbone", metavar="PATH", help="import path of the network, if it is your own")
    group.add_argument("--complete", help="status 1 if anything is missing", **BOOLEAN)
    group.add_argument("--proof", type=Path, metavar="DIR", help="images that must be among the removed")
    group.add_argument("--images", nargs="+", default=[], metavar="SPLIT:ROW", help="images to prove, as train:12")
    group.add_argument("--out", type=Path, metavar="DIR", help="where the proof goes")
