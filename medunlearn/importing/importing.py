"""From a folder to a plan, and from a plan to a data file."""

from pathlib import Path
from typing import Any

from medunlearn.errors import InputError, counted
from medunlearn.files import expanded
from medunlearn.importing.checking import look_at
from medunlearn.importing.classes import order_classes
from medunlearn.importing.entries import LISTED, SPLITS, Bad, Listing
from medunlearn.importing.layouts import list_folder
from medunlearn.importing.plan import Plan
from medunlearn.importing.settings import Settings
from medunlearn.importing.splitting import split_entries
from medunlearn.importing.writing import output_file, write_plan
from medunlearn.signatures import check_names


class BadFiles(InputError):
    """Files that cannot be imported, and must be fixed or skipped.

    Args:
        folder: The folder.
        bad: The files, each with its reason.
        number: How many files there are in all.
    """

    def __init__(self, folder: Path, bad: list[Bad], number: int) -> None:
        named = "; ".join(map(str, bad[:LISTED])) + (f"; and {len(bad) - LISTED:,} more" if len(bad) > LISTED else "")
        self.count = f"{folder}: {len(bad):,} of {counted(number, 'file')} cannot be imported"
        super().__init__(f"{self.count}: {named}; fix them, or leave them out by skip_bad=true")
        self.bad = bad


def import_images(
    folder: Path | str,
    out: Path | str | None = None,
    labels: Path | str | None = None,
    overwrite: bool = False,
    **settings: Any,
) -> Plan:
    """Write a folder of images as a file in MedMNIST's format, with a table of files, labels and patients beside it.

    Args:
        folder: The folder.
        out: The `.npz` to write, and `.csv` beside it; None to write nothing.
        labels: A table of the images; by default the folder's layout gives their classes.
        overwrite: Whether existing files may be replaced.
        settings: Fields of `Settings`, such as `size=28` or `patient_column="subject"`.

    Returns:
        What was written, or would be: `entries`, `classes`, `text()`.

    Raises:
        InputError: If the folder, its table or an image cannot be imported; all bad images are named at once.
    """
    check_names(Settings, settings)
    path = None if out is None else output_file(out, overwrite)
    plan = make_plan(folder, labels, Settings(**settings))
    return plan if path is None else write_plan(plan, path)


def make_plan(folder: Path | str, labels: Path | str | None = None, settings: Settings | None = None) -> Plan:
    """Decode every image of a folder and return what would be written.

    Args:
        folder: The folder.
        labels: A table of the images.
        settings: How they are read and split.

    Raises:
        InputError: As `import_images`.
    """
    settings = settings or Settings()
    root = expanded(folder, "folder")
    if not root.is_dir():
        raise InputError(f"folder={root}: no such folder; give the folder of the images")
    listing = list_folder(root, None if labels is None else expanded(labels, "labels"), settings)
    entries, looks, bad = look_at(root, listing.entries, settings)
    bad = sorted([*listing.bad, *bad])
    if bad and not (settings.skip_bad and entries):
        raise BadFiles(root, bad, len(entries) + len(bad))
    _name_patients(listing, settings)
    classes = order_classes({entry.label for entry in entries}, settings.classes)
    split, drawn = split_entries(entries, classes, listing.patients is not None, settings)
    order = sorted(range(len(split)), key=lambda row: (SPLITS.index(str(split[row].split)), split[row].path))
    ordered = tuple(split[row] for row in order), tuple(looks[row] for row in order)
    return Plan(root, settings, listing, classes, *ordered, drawn, tuple(bad))


def _name_patients(listing: Listing, settings: Settings) -> None:
    """Set the source of patients if it is not a table."""
    if settings.dicom_patient:
        listing.patients = "PatientID of the DICOM headers"
    elif settings.patient_pattern is not None:
        listing.patients = f"patient_pattern {settings.patient_pattern}"
