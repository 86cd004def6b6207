"""Training, validation and test images: as given, or drawn with a seed so that no patient is in two of them."""

import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from medunlearn.errors import InputError, counted
from medunlearn.importing.classes import Classes
from medunlearn.importing.entries import SPLITS, Entry, some
from medunlearn.importing.settings import Settings

MOST_FOLDS = 20
"""A share is rounded to whole folds of at most this many, so to 5 % or better; a smaller one is a fold of more."""

SMALLEST_SHARE = 0.01


def split_entries(
    entries: Sequence[Entry], classes: Classes, patients: bool, settings: Settings
) -> tuple[list[Entry], tuple[str, ...]]:
    """Return images with a split each, and which splits were drawn.

    Given splits are kept. Without any, validation and test images are drawn from all images; if one of the two is
    missing, it is drawn from the training images: by scikit-learn's `StratifiedGroupKFold` over patients, or
    `StratifiedKFold` where no patients are known.

    Args:
        entries: The images, in the order of their paths.
        classes: The classes.
        patients: Whether patients are known.
        settings: Shares, seed, and whether patients may be in several given splits.

    Raises:
        InputError: If an image has no patient although others have, a patient is in two given splits, patients cannot
            be kept apart, or a class or a split would have no image.
    """
    if patients:
        _check_all_known(entries)
    given = {entry.split for entry in entries if entry.split is not None}
    if patients and not settings.patients_may_cross:
        _check_apart(entries)
    if given and "train" not in given:
        raise InputError(f"splits: there are {some(sorted(given))} images and no training images; give these too")
    drawn = tuple(split for split in ("test", "val") if split not in given)
    splits = [entry.split or "train" for entry in entries]
    left = 1.0
    for split in drawn:
        share = getattr(settings, split) / left
        rows = [row for row, current in enumerate(splits) if current == "train"]
        for row in _drawn([entries[row] for row in rows], share, patients, split, settings.seed):
            splits[rows[row]] = split
        left -= getattr(settings, split)
    found = [replace(entry, split=split) for entry, split in zip(entries, splits, strict=True)]
    _check_classes(found, classes, drawn)
    return found, tuple(split for split in SPLITS if split in drawn)


def _drawn(pool: Sequence[Entry], share: float, patients: bool, split: str, seed: int) -> list[int]:
    """Return the positions of the images of a pool that form a split of about this share."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold  # takes a second to import

    labels = np.unique([entry.label for entry in pool], return_inverse=True)[1]
    groups = np.unique([entry.patient for entry in pool], return_inverse=True)[1] if patients else np.arange(len(pool))
    wanted = _as_folds(share)
    folds = min(max(wanted.denominator, 2), len(np.unique(groups)), int(np.bincount(labels).max()))
    if folds < 2:
        there = counted(len(np.unique(groups)), "patient" if patients else "image")
        classes = counted(len(np.unique(labels)), "class")
        raise InputError(f"{split}: {there} of {classes} cannot be split; give more, or a column `split`")
    take = min(max(round(float(wanted) * folds), 1), folds - 1)
    kind = StratifiedGroupKFold if patients else StratifiedKFold
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about classes with fewer images than folds, which the plan counts
        parts = [test for _, test in kind(folds, shuffle=True, random_state=seed).split(labels, labels, groups)]
    return sorted(int(row) for part in _nearest(parts, take, share * len(pool)) for row in part)


def _as_folds(share: float) -> Fraction:
    """Return a share as a fraction: folds taken over folds in all.

    Example:
        >>> _as_folds(0.1 / 0.8), _as_folds(0.15), _as_folds(0.02)
        (Fraction(1, 8), Fraction(3, 20), Fraction(1, 50))
    """
    if share < 1 / MOST_FOLDS:
        return Fraction(1, round(1 / max(share, SMALLEST_SHARE)))
    return min(Fraction(share).limit_denominator(MOST_FOLDS), Fraction(MOST_FOLDS - 1, MOST_FOLDS))


def _nearest(parts: Sequence[npt.NDArray[np.int64]], take: int, wanted: float) -> Sequence[npt.NDArray[np.int64]]:
    """Return `take` consecutive folds whose number of images is closest to `wanted`: patients differ in size."""
    parts = [part for part in parts if len(part)]
    take = min(take, len(parts) - 1)  # some patients remain for training
    starts = range(len(parts) - take + 1)
    best = min(starts, key=lambda start: abs(sum(map(len, parts[start : start + take])) - wanted))
    return parts[best : best + take]


def _check_all_known(entries: Iterable[Entry]) -> None:
    if unknown := [entry.path for entry in entries if not entry.patient]:
        raise InputError(
            f"patients: none is given for {counted(len(unknown), 'image')}, such as {some(unknown)}; fill the column, "
            "or name another by patient_column"
        )


def _check_apart(entries: Iterable[Entry]) -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if entry.split is not None:
            found[entry.patient].add(entry.split)
    if crossing := sorted(patient for patient, splits in found.items() if len(splits) > 1):
        splits = " and ".join(split for split in SPLITS if split in found[crossing[0]])
        more = f", and {counted(len(crossing) - 1, 'more patient')} likewise" if len(crossing) > 1 else ""
        raise InputError(
            f"patients: {crossing[0]} is in {splits}{more}; give each patient one split, leave the splits out "
            "to have them drawn, or allow it with patients_may_cross=true"
        )


def _check_classes(entries: Iterable[Entry], classes: Classes, drawn: Sequence[str]) -> None:
    """Reject a class without a training image, which no model could learn."""
    trained = {entry.label for entry in entries if entry.split == "train"}
    if without := [name for name in classes.order if name not in trained]:
        remedy = "another seed, images of more patients," if drawn else "it training images,"
        raise InputError(f"classes: {some(without)} would have no training image; give {remedy} or leave the class out")
