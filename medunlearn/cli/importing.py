"""`medunlearn import`: converts a folder of images to a file in MedMNIST's format, after showing a plan."""

import sys
from argparse import Namespace, RawDescriptionHelpFormatter
from dataclasses import fields
from pathlib import Path
from typing import Any

from medunlearn.cli.parser import BOOLEAN, CommandParser
from medunlearn.errors import InputError
from medunlearn.importing.settings import Settings

EPILOG = """layouts, which are recognised:
  CLASS/FILE                    a folder for each class
  SPLIT/CLASS/FILE              with folders named train, val or validation, and test
  metadata.csv, metadata.jsonl  as Hugging Face's imagefolder has them, column file_name
  FLAG.csv, FLAG/FILE           as MedMNIST's own `save` writes it
or, with --labels, a CSV with the columns path and label, and optionally split, patient and site.

Every image is decoded once, and the plan printed, before anything is written. docs/guides/import.md has the rules.

examples:
  medunlearn import scans --labels labels.csv --out clinic.npz
  medunlearn import scans --labels labels.csv --patient_column subject --size 28 --out clinic.npz --yes
"""


def import_images(argv: list[str]) -> int:
    """Run `medunlearn import FOLDER --out F.npz [options]` and return its exit status.

    Args:
        argv: The folder and options.

    Raises:
        InputError: If the folder cannot be imported, or there is no terminal on which to confirm the plan.
    """
    given = _parser().parse_args(argv)
    if given.folder is None or not (given.out or given.dry_run):
        raise InputError(
            "import: give the folder and where it is written, as in `medunlearn import scans --out clinic.npz`"
        )
    from medunlearn.importing.entries import LISTED
    from medunlearn.importing.importing import BadFiles, make_plan
    from medunlearn.importing.writing import output_file, table_of, write_plan

    out = None if given.out is None else output_file(given.out, given.overwrite)
    try:
        plan = make_plan(given.folder, given.labels, _settings(given))
    except BadFiles as error:
        for each in error.bad[:LISTED]:
            print(f"  {each}", file=sys.stderr)
        raise InputError(f"{error.count}; fix them, or leave them out by `--skip_bad true`") from None
    print(plan.text())
    if out is None or given.dry_run:
        return 0
    print(f"to write  {out} ({_size(plan.bytes)} before compression) and {table_of(out)}", flush=True)
    if not (given.yes or _asked()):
        print("Nothing was written.")
        return 0
    plan = write_plan(plan, out)
    print(f"Written to {out} ({_size(out.stat().st_size)}, SHA-256 {plan.sha256}) and {table_of(out)}")
    print(f"Train on it with `--data.file {out}`")
    return 0


def _asked() -> bool:
    """Ask on the terminal whether to carry out the plan.

    Raises:
        InputError: If there is no terminal.
    """
    if not sys.stdin.isatty():
        raise InputError("import: nothing was written, since there is no terminal to ask; add --yes to write it")
    return input("Write it? [y/N] ").strip().lower() in ("y", "yes")


def _size(number: int) -> str:
    unit, name = next(((unit, name) for unit, name in ((1e9, "GB"), (1e6, "MB")) if number >= unit), (1e3, "kB"))
    return f"{number / unit:,.1f} {name}"


def _settings(given: Namespace) -> Settings:
    values = {field.name: getattr(given, field.name) for field in fields(Settings)}
    pairs = {name: None if values[name] is None else tuple(values[name]) for name in ("levels", "window")}
    return Settings(**{**values, **pairs})


def _parser() -> CommandParser:
    parser = CommandParser(
        "medunlearn import FOLDER",
        description="Write a folder of images as a file in MedMNIST's format, with a table of files and patients.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="the folder of the images")
    parser.add_argument("--out", type=Path, metavar="F.npz", help="the file to write, and F.csv beside it")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="a .csv or .jsonl of paths and labels")
    parser.add_argument("--yes", action="store_true", help="write without asking")
    parser.add_argument("--dry_run", action="store_true", help="print the plan and end")
    parser.add_argument("--overwrite", help="replace both files", **BOOLEAN)
    for name, more in OPTIONS.items():
        parser.add_argument(f"--{name}", **more)
    return parser


OPTIONS: dict[str, dict[str, Any]] = {
    "size": {"type": int, "default": 64, "metavar": "N", "help": "height and width in pixels (64)"},
    "path_column": {"metavar": "NAME", "help": "column of the files (path, else file_name)"},
    "label_column": {"metavar": "NAME", "help": "column of the classes (label)"},
    "split_column": {"metavar": "NAME", "help": "column of train, val, test (split, if there is one)"},
    "patient_column": {"metavar": "NAME", "help": "column of the patients (patient, if there is one)"},
    "site_column": {"metavar": "NAME", "help": "column of the sites (site, if there is one)"},
    "columns": {"nargs": "+", "default": [], "metavar": "NAME", "help": "further columns to keep in F.csv"},
    "classes": {"nargs": "+", "metavar": "NAME", "help": "the classes in the order of their labels"},
    "channels": {"default": "auto", "metavar": "{auto,1,3}", "help": "1 gray, 3 colour (colour if any image is)"},
    "levels": {"nargs": 2, "type": int, "metavar": "N", "help": "values of 16 bit that become 0 and 255"},
    "window": {"nargs": 2, "type": float, "metavar": "X", "help": "centre and width for DICOM (each file's own)"},
    "dicom_patient": {**BOOLEAN, "help": "patients are PatientID of DICOM headers"},
    "patient_pattern": {"metavar": "REGEX", "help": "patients from paths, as in 'person(\\d+)_'"},
    "val": {"type": float, "default": 0.1, "metavar": "X", "help": "share of validation images, if none given (0.1)"},
    "test": {"type": float, "default": 0.2, "metavar": "X", "help": "share of test images, if none given (0.2)"},
    "seed": {"type": int, "default": 0, "metavar": "S", "help": "seed of the split (0)"},
    "patients_may_cross": {**BOOLEAN, "help": "let a patient be in several given splits"},
    "skip_bad": {**BOOLEAN, "help": "leave out what cannot be imported"},
    "follow_links": {**BOOLEAN, "help": "follow symbolic links, also out of the folder"},
}
"""Options that correspond to settings of an import, by name."""
