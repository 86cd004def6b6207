"""The settings of an import, and their allowed values."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from medunlearn.errors import InputError, check_least

SMALLEST = 8
"""Pixels; a data file with smaller images cannot be read."""

CHANNELS = ("auto", "1", "3")


@dataclass(frozen=True)
class Settings:
    """How images are read, split and written.

    Attributes:
        size: Height and width of the images in the file, in pixels.
        path_column: The column of a table that names files; by default `path`, else `file_name`.
        label_column: The column of classes; by default `label`.
        split_column: The column of splits; by default `split`, if there is one.
        patient_column: The column of patients; by default `patient`, if there is one.
        site_column: The column of sites; by default `site`, if there is one.
        columns: Further columns of a table that `clinic.csv` keeps. No other text of a table is copied.
        classes: The classes in the order of their labels; or names, if the labels are the numbers 0 to C - 1.
        channels: `1` for gray, `3` for colour, `auto` for colour where any file is stored in colour.
        levels: The values of 16-bit images that become 0 and 255; by default 0 and the largest value of the
            smallest number of bits that holds all of them.
        window: Centre and width of the DICOM window; by default each file's own.
        dicom_patient: Take patients from PatientID of DICOM headers.
        patient_pattern: Take patients from paths: a regular expression whose one group is the patient.
        val: The share of validation images where none are given.
        test: The share of test images where none are given.
        seed: Of the split.
        patients_may_cross: Let a patient be in several given splits.
        skip_bad: Leave out what cannot be imported.
        follow_links: Follow symbolic links, also out of the folder.

    Raises:
        InputError: If a value is not allowed.
    """

    size: int = 64
    path_column: str | None = None
    label_column: str | None = None
    split_column: str | None = None
    patient_column: str | None = None
    site_column: str | None = None
    columns: Sequence[str] = ()
    classes: Sequence[str] | None = None
    channels: str = "auto"
    levels: tuple[int, int] | None = None
    window: tuple[float, float] | None = None
    dicom_patient: bool = False
    patient_pattern: str | None = None
    val: float = 0.1
    test: float = 0.2
    seed: int = 0
    patients_may_cross: bool = False
    skip_bad: bool = False
    follow_links: bool = False

    def __post_init__(self) -> None:
        check_least("size", self.size, SMALLEST)
        check_least("seed", self.seed)
        if str(self.channels) not in CHANNELS:
            raise InputError(f"channels={self.channels}: give 1 (gray), 3 (colour) or auto")
        if self.levels is not None and not 0 <= self.levels[0] < self.levels[1] <= 0xFFFF:
            raise InputError(f"levels={_pair(self.levels)}: give two rising values of 0 to 65535")
        if self.window is not None and not self.window[1] >= 1:
            raise InputError(f"window={_pair(self.window)}: give a centre and a width of 1 or more")
        self._check_shares()
        self._check_patients()

    def _check_shares(self) -> None:
        if not (self.val > 0 and self.test > 0 and self.val + self.test < 1):
            raise InputError(f"val={self.val:g}, test={self.test:g}: give shares above 0 whose sum is below 1")

    def _check_patients(self) -> None:
        given = {
            "dicom_patient": self.dicom_patient,
            "patient_pattern": self.patient_pattern,
            "patient_column": self.patient_column,
        }
        if len(named := [name for name, value in given.items() if value]) > 1:
            raise InputError(f"{named[0]}, {named[1]}: patients come from one place; give one of the two")
        if self.patient_pattern is not None:
            try:
                groups = re.compile(self.patient_pattern).groups
            except re.error as error:
                raise InputError(
                    f"patient_pattern={self.patient_pattern}: no regular expression ({error}); fix it"
                ) from None
            if groups != 1:
                raise InputError(
                    f"patient_pattern={self.patient_pattern}: has {groups} groups in brackets; put one around the "
                    r"patient, as in person(\d+)_"
                )


def _pair(values: Sequence[float]) -> str:
    return " ".join(f"{value:g}" for value in values)
