"""The plan of an import, as shown to the user: layout, classes by split, patients, sizes, formats, skipped files."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from medunlearn.errors import counted
from medunlearn.importing.checking import Look
from medunlearn.importing.classes import Classes
from medunlearn.importing.entries import LISTED, SPLITS, Bad, Entry, Listing, printable, some
from medunlearn.importing.settings import Settings


@dataclass(frozen=True)
class Plan:
    """What an import would write, known after every image has been decoded.

    Attributes:
        folder: The folder.
        settings: The settings.
        listing: The content of the folder.
        classes: The classes in the order of their labels.
        entries: The images with their splits, by split and path: the order of the arrays.
        looks: The properties of each of them.
        drawn: Splits that were drawn rather than given.
        skipped: Files that are left out since they cannot be imported.
        written: The data file, once it is written.
        sha256: Of the data file.
    """

    folder: Path
    settings: Settings
    listing: Listing
    classes: Classes
    entries: tuple[Entry, ...]
    looks: tuple[Look, ...]
    drawn: tuple[str, ...]
    skipped: tuple[Bad, ...] = ()
    written: Path | None = None
    sha256: str | None = None

    @property
    def channels(self) -> int:
        """1 for gray, 3 for colour; unless the settings say, colour if any image is stored in colour."""
        if self.settings.channels != "auto":
            return int(self.settings.channels)
        return 3 if any(look.colour for look in self.looks) else 1

    @property
    def levels(self) -> tuple[int, int]:
        """The values of 16-bit images that become 0 and 255."""
        if self.settings.levels is not None:
            return self.settings.levels
        return 0, 2 ** max(8, max((look.largest for look in self.looks), default=0).bit_length()) - 1

    @property
    def patients(self) -> bool:
        """Whether patients are known."""
        return self.listing.patients is not None

    def shape(self, split: str) -> tuple[int, ...]:
        """Return the shape of a split's images, (N, S, S) or (N, S, S, 3)."""
        number, size = sum(entry.split == split for entry in self.entries), self.settings.size
        return (number, size, size, 3) if self.channels == 3 else (number, size, size)

    @property
    def bytes(self) -> int:
        """Bytes of all images before compression."""
        return len(self.entries) * self.settings.size**2 * self.channels

    def text(self) -> str:
        """Return the plan as it is printed."""
        lines = [f"{printable(str(self.folder))}: {self.listing.layout}", "", *_class_table(self), ""]
        lines += [f"{name:<9} {value}" for name, value in self._facts()]
        return "\n".join(lines)

    def _facts(self) -> Iterator[tuple[str, str]]:
        yield "splits", _splits(self)
        yield "patients", _patients(self)
        yield "sizes", _sizes(self)
        yield "formats", _counts(look.kind for look in self.looks)
        yield "pixels", _pixels(self)
        if note := "; ".join(filter(None, (self.classes.note, *_without(self)))):
            yield "classes", note
        remarks = Counter(remark for look in self.looks for remark in look.remarks)
        for remark, number in sorted(remarks.items()):
            yield "note", f"{counted(number, 'image')} {remark}"
        yield from (("left out", note) for note in self.listing.notes)
        yield from (("skipped", str(bad)) for bad in self.skipped[:LISTED])
        if len(self.skipped) > LISTED:
            yield "skipped", f"{len(self.skipped) - LISTED:,} more that cannot be imported"


def _class_table(plan: Plan) -> list[str]:
    """Return a table of the images of each class by split, with the patients in brackets where they are known."""
    images = Counter((entry.split, entry.label) for entry in plan.entries)
    people = Counter((split, label) for split, label, _ in {(e.split, e.label, e.patient) for e in plan.entries})

    def cell(split: str, label: str) -> str:
        text = f"{images[split, label]:,}"
        return f"{text} ({people[split, label]:,})" if plan.patients else text

    head = ["label", "class", *SPLITS]
    rows = [
        [str(number), printable(plan.classes.name(number)), *(cell(split, label) for split in SPLITS)]
        for number, label in enumerate(plan.classes.order)
    ]
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    return ["  ".join(_aligned(row, widths)).rstrip() for row in [head, *rows]]


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        text.ljust(width) if place == 1 else text.rjust(width)
        for place, (text, width) in enumerate(zip(row, widths, strict=True))
    ]


def _without(plan: Plan) -> Iterator[str]:
    """Yield which classes have no image in a split."""
    there = {(entry.split, entry.label) for entry in plan.entries}
    for split in SPLITS:
        if names := [plan.classes.name(n) for n, label in enumerate(plan.classes.order) if (split, label) not in there]:
            yield f"no {split} image of {some(names)}"


def _splits(plan: Plan) -> str:
    counts = Counter(entry.split for entry in plan.entries)
    total = ", ".join(f"{counts[split]:,} {split}" for split in SPLITS)
    if not plan.drawn:
        return f"{total}: given by {plan.listing.splits}"
    apart = "patients kept apart" if plan.patients else "by image, since no patients are known"
    drawn = " and ".join(plan.drawn)
    of = (
        f"; {drawn} drawn from the training images given by {plan.listing.splits}" if plan.listing.splits else "; drawn"
    )
    return f"{total}{of} with seed {plan.settings.seed}, {apart}"


def _patients(plan: Plan) -> str:
    if not plan.patients:
        dicom = any(look.kind == "DICOM" for look in plan.looks)
        remedy = "dicom_patient=true takes PatientID" if dicom else "give a column `patient`, or patient_pattern"
        across = " images of one may be in two splits;" if plan.drawn else ""
        return f"not known:{across} {remedy}"
    number = len({entry.patient for entry in plan.entries})
    splits = {(entry.patient, entry.split) for entry in plan.entries}
    crossing = sum(number > 1 for number in Counter(patient for patient, _ in splits).values())
    return f"{number:,}, by {plan.listing.patients}" + (f"; {crossing:,} of them in several splits" if crossing else "")


def _sizes(plan: Plan) -> str:
    sizes = sorted({(look.width, look.height) for look in plan.looks}, key=lambda each: (each[0] * each[1], each))
    (width, height), (most_width, most_height) = sizes[0], sizes[-1]
    found = f"{width}x{height}" + (f" to {most_width}x{most_height}" if len(sizes) > 1 else "")
    size = plan.settings.size
    small = sum(min(look.width, look.height) < size for look in plan.looks)
    enlarged = f"; {counted(small, 'image')} enlarged" if small else ""
    return f"{found} pixels; the middle square of each, resized to {size}x{size}{enlarged}"


def _counts(kinds: Iterator[str]) -> str:
    return ", ".join(f"{number:,} {kind}" for kind, number in sorted(Counter(kinds).items()))


def _pixels(plan: Plan) -> str:
    colour = sum(look.colour for look in plan.looks)
    stored = f"{colour:,} of {len(plan.looks):,} stored in colour" if colour else "none stored in colour"
    text = f"written in {'colour' if plan.channels == 3 else 'gray'}, {stored}"
    if any("16 bit" in look.kind for look in plan.looks):
        low, high = plan.levels
        text += f"; 16 bit from {low:,} to {high:,} become 0 to 255"
    return text
