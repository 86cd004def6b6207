"""Remarks on a finished run that its metrics alone do not make obvious.

A run is remarked on where

1. no weight differs from the original's;
2. UA equals the original's exactly, and the reference's does not;
3. RA or TA has collapsed: it is more than `COLLAPSE` points below the original's, or no higher than that of always
   predicting the most common class. TA leaves out classes that are forgotten as a whole. A Retrain with another Retrain
   as its reference has also collapsed if it is more than `COLLAPSE` points below that one;
4. MIA is 0 or 100, so that the attack cannot distinguish such models;
5. MIA depends on the images that the attack learns from, by more than `SPREAD` points (not of few forgotten images);
6. a class is forgotten as a whole;
7. the reference has collapsed;
8. fewer than `FEW_IMAGES` images are in the forget or the test set.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from medunlearn.errors import counted
from medunlearn.metrics.by_class import forgotten_classes

FEW_IMAGES = 50
COLLAPSE = 10.0
"""RA or TA has collapsed if it is more than this many points below the original's or another Retrain's."""
SPREAD = 10.0
"""MIA depends on the attack's samples if it spreads over more than this many points under several draws of them."""
COLLAPSED = "collapsed: "
"""How the remark on a collapse begins."""
MOST_NAMED = 10  # classes in one sentence

Figures = Mapping[str, Any]
Counts = Mapping[str, Mapping[str, int]]


def notes(
    figures: Figures,
    n: Counts,
    before: Figures | None = None,
    reference: Figures | None = None,
    changed: int | None = None,
    draws: Sequence[float] = (),
) -> list[str]:
    """Return the remarks on a run; an empty list for a normal run with enough images.

    Args:
        figures: UA, RA, TA, MIA and TA_retained_classes of the run, in %; UA and MIA are None without a forget set.
        n: Number of images by part (forget, retain, test) and class, as `by_class` returns it.
        before: The same figures of the original; None for a run that started from none.
        reference: UA, RA and TA of the reference, and its own `notes`; None without one.
        changed: Number of weights that differ from the original's; None for a run that started from none.
        draws: MIA in % under several draws of the attack's samples; see `attack_draws`.

    Example:
        >>> n = {part: {"0": count, "1": count} for part, count in (("forget", 20), ("retain", 400), ("test", 60))}
        >>> original = {"UA": 0.0, "RA": 99.0, "TA": 95.0, "MIA": 2.5, "TA_retained_classes": 95.0}
        >>> for note in notes(original | {"RA": 80.0}, n, before=original, changed=7):
        ...     print(note)
        UA is the original's, 0.00 %: the forget set is classified as before
        collapsed: RA is 19.00 points below the original's
        only 40 forgotten images: one image = 2.50 points of UA and MIA
    """
    unmoved = changed == 0
    found = ["no weight has changed: the model is the original"] if unmoved else []
    found += [] if unmoved else _as_before(figures, n, before, reference)
    collapsed = [*_collapse(figures, n, before)]
    if before is None and reference is not None and not collapsed:
        collapsed = failed_retrain(figures, [reference])
    found += [*collapsed, *_saturated(figures["MIA"]), *_spread(draws, n), *_classes(figures, n)]
    return [*found, *reference_notes((reference or {}).get("notes", ())), *_few(n)]


def failed_retrain(figures: Figures, others: Sequence[Figures]) -> list[str]:
    """Return the remark on a Retrain that is far less accurate than another one of the same forget set, if it is.

    Args:
        figures: RA and TA of the run, in %.
        others: The same of one or more other Retrains that differ only in their seed.

    Example:
        >>> failed_retrain({"RA": 80.0, "TA": 90.0}, [{"RA": 99.0, "TA": 95.0}])
        ["collapsed: RA is 19.00 points below another Retrain's, so this one has failed"]
    """
    known = {key: [other[key] for other in others if other.get(key) is not None] for key in ("RA", "TA")}
    behind = {key: max(values) - figures[key] for key, values in known.items() if values and figures[key] is not None}
    found = [
        f"{key} is {points:.2f} points below another Retrain's" for key, points in behind.items() if points > COLLAPSE
    ]
    return [f"{COLLAPSED}{', '.join(found)}, so this one has failed"] if found else []


def reference_notes(notes: Iterable[str]) -> list[str]:
    """Return the remark on a run whose reference has the remarks `notes`; an empty list if it has not collapsed.

    Example:
        >>> reference_notes(["collapsed: TA is low"])
        ['the reference has collapsed (TA is low): gaps to it do not tell what was forgotten']
    """
    reason = collapse(notes)
    return [f"the reference has collapsed ({reason}): gaps to it do not tell what was forgotten"] if reason else []


def collapse(notes: Iterable[str]) -> str:
    """Return how a run with these remarks has collapsed; an empty string if it has not.

    Example:
        >>> collapse(["collapsed: TA is low"]), collapse([])
        ('TA is low', '')
    """
    return next((note.removeprefix(COLLAPSED) for note in notes if note.startswith(COLLAPSED)), "")


def _as_before(figures: Figures, n: Counts, before: Figures | None, reference: Figures | None) -> Iterator[str]:
    images = _total(n, "forget")
    if before is None or not images or not _same(figures["UA"], before["UA"], images):
        return
    if reference is None or not _same(reference["UA"], before["UA"], images):
        yield f"UA is the original's, {figures['UA']:.2f} %: the forget set is classified as before"


def _same(first: float, second: float, images: int) -> bool:
    return abs(first - second) < 50 / images  # half an image


def _collapse(figures: Figures, n: Counts, before: Figures | None) -> Iterator[str]:
    """Name RA and TA in one sentence where both have collapsed."""
    found = [text for key in ("RA", "TA") for text in _collapsed(key, figures, n, before)]
    if found:
        yield f"{COLLAPSED}{', '.join(found)}"


def _collapsed(key: str, figures: Figures, n: Counts, before: Figures | None) -> Iterator[str]:
    part, figure = ("test", "TA_retained_classes") if key == "TA" else ("retain", "RA")
    gone = forgotten_classes(n)
    counts = [count for each, count in n[part].items() if each not in gone]
    value, was = figures[figure], None if before is None else before[figure]
    if value is None or not sum(counts):
        return
    common = 100 * max(counts) / sum(counts)
    name = f"{key}{' of the retained classes' if gone and key == 'TA' else ''}"
    if was is not None and was - value > COLLAPSE:
        yield f"{name} is {was - value:.2f} points below the original's"
    elif value <= common:
        yield f"{name} is no higher than by naming the most common class every time ({common:.2f} %)"


def _saturated(share: float | None) -> Iterator[str]:
    if share == 0:
        yield "MIA is 0: the attack takes every forgotten image for one that was trained on"
    elif share == 100:
        yield "MIA is 100: the attack takes no forgotten image for one that was trained on"


def _spread(draws: Sequence[float], n: Counts) -> Iterator[str]:
    if draws and _total(n, "forget") >= FEW_IMAGES and max(draws) - min(draws) > SPREAD:
        yield (
            f"MIA depends on the images that the attack learns from: {min(draws):.1f} to {max(draws):.1f} in "
            f"{counted(len(draws), 'draw')}, median {median(draws):.1f}; so does AG"
        )


def _classes(figures: Figures, n: Counts) -> Iterator[str]:
    gone, share = forgotten_classes(n), figures["TA_retained_classes"]
    if gone:
        rest = "no other class has test images" if share is None else f"TA of the other classes is {share:.2f} %"
        kind = "class" if len(gone) == 1 else "classes"
        named = ", ".join(gone[:MOST_NAMED]) + (f" and {len(gone) - MOST_NAMED} more" if len(gone) > MOST_NAMED else "")
        yield f"{kind} {named} forgotten as a whole, with every training image: {rest}"


def _few(n: Counts) -> Iterator[str]:
    for part, name, keys in (("forget", "forgotten image", "UA and MIA"), ("test", "test image", "TA")):
        if 0 < (images := _total(n, part)) < FEW_IMAGES:
            yield f"only {counted(images, name)}: one image = {100 / images:.2f} points of {keys}"


def _total(n: Counts, part: str) -> int:
    return sum(n[part].values())
