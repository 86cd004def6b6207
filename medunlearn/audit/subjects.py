"""Subjects of an audit: an unlearned run, its original, and Retrains of the same forget set."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from medunlearn.errors import InputError
from medunlearn.metrics import Predictions, groups_by_split
from medunlearn.report.reading import find_runs
from medunlearn.runs import RunDir
from medunlearn.runs.commands import check_finished
from medunlearn.runs.comparable import same_path, why_incomparable
from medunlearn.runs.record import Record
from medunlearn.runs.split import dropped_of

Paths = Iterable[str | Path | RunDir]


@dataclass(frozen=True)
class Model:
    """A model, read from its run directory.

    Args:
        run: The run directory.
        label: What it is called in tables.
        predictions: Its predictions, with the training images divided by the audited forget set.
        sha256: Hash of its weights; None if they are missing.
    """

    run: RunDir
    label: str
    predictions: Predictions
    sha256: str | None = None


@dataclass(frozen=True)
class Subject:
    """One run under audit.

    Args:
        unlearned: The model that unlearned.
        original: The model that it started from; None if that run is missing.
        retrains: Models trained without the forget set, which differ only in their seed.
        class_names: Names of the classes; empty where they have none.
        notes: Comparisons that were not possible, with reasons.
        groups: By split (`train`, `val`, `test`), the patient of each image in the order of the split, (N,); intervals
            are then drawn by patient. Empty where patients are not known.
    """

    unlearned: Model
    original: Model | None = None
    retrains: tuple[Model, ...] = ()
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)

    def groups_of(self, split: str, rows: np.ndarray) -> np.ndarray | None:
        """Return the patient of each of some images of a split; None where patients are not known."""
        known = self.groups.get(split)
        return None if known is None else known[rows]

    @cached_property
    def models(self) -> list[Model]:
        """Every model, the audited one first."""
        return [self.unlearned, *([self.original] if self.original else []), *self.retrains]

    @property
    def names(self) -> list[str]:
        """A name for each class: its own, or its number."""
        count = self.unlearned.predictions.forget.probs.shape[1]
        return [*self.class_names] if len(self.class_names) == count else [str(number) for number in range(count)]


def read_subjects(paths: Paths, against: Paths = ()) -> list[Subject]:
    """Return the subjects of an audit among runs.

    Each unlearned run among `paths` is audited against its own reference and all given Retrains of its forget set.

    Args:
        paths: Run directories, or directories of them.
        against: Further Retrains.

    Raises:
        InputError: If a run is not finished, altered or not readable, none has unlearned, or a run of `against` can be
            compared with none of them.

    Example:
        >>> read_subjects([])
        Traceback (most recent call last):
        medunlearn.errors.InputError: audit: none of the runs has unlearned; name one that started from an original
    """
    given = [_record(run, "audit") for run in find_runs(paths, "audit")]
    named = [_record(run, "against") for run in find_runs(against, "against")]
    audited = [each for each in given if each.role == "unlearned"]
    if not audited:
        raise InputError("audit: none of the runs has unlearned; name one that started from an original")
    _check_against(named, audited)
    return [_subject(each, [*named, *given]) for each in audited]


def _record(run: RunDir, argument: str) -> Record:
    check_finished(run, argument)
    return Record.of(run, argument)


def _check_against(named: Sequence[Record], audited: Sequence[Record]) -> None:
    for each in named:
        reasons = [why_incomparable(own, each) for own in audited]
        if all(reasons):
            raise InputError(f"against={each.path}: {reasons[0]}")


def _subject(own: Record, others: Sequence[Record]) -> Subject:
    run, notes = RunDir(own.path), list[str]()
    split = run.read_split("audit")
    retrains = _distinct([each for each in (*_reference(own, notes), *others) if not why_incomparable(own, each)])
    original, arrays = _original(own, split, notes), run.read_predictions("audit", Predictions.names())
    return Subject(
        Model(run, _label(run), _divided(arrays, split), own.weights_sha256),
        original,
        tuple(
            Model(RunDir(each.path), f"Retrain {number}", _predictions(RunDir(each.path), split), each.weights_sha256)
            for number, each in enumerate(retrains, start=1)
        ),
        tuple(split.get("class_names") or ()),
        tuple(notes),
        groups_by_split(arrays),
    )


def _reference(own: Record, notes: list[str]) -> list[Record]:
    """Return the Retrain that a run names, if it exists and is still the model to which the gap was computed."""
    if own.reference is None:
        return []
    run = RunDir(own.reference)
    if not run.finished:
        notes.append(f"Its reference, {run}, is not there")
        return []
    found = _record(run, "reference")
    if own.reference_sha256 not in (None, found.weights_sha256):
        notes.append(f"Its reference, {run}, holds another model now and is left out")
        return []
    return [found]


def _original(own: Record, split: Mapping[str, Any], notes: list[str]) -> Model | None:
    run = RunDir(own.original or "")
    if own.original is None or not run.finished:
        notes.append(f"The model that it started from, {own.original}, is not there: nothing is compared with it")
        return None
    found = _record(run, "original")
    if own.original_sha256 not in (None, found.weights_sha256):
        notes.append(f"The model that it started from, {run}, has been made again since: nothing is compared with it")
        return None
    return Model(run, "untouched", _predictions(run, split), found.weights_sha256)


def _distinct(records: Sequence[Record]) -> list[Record]:
    """Return the models, each once, whether it was named twice or copied."""
    kept: list[Record] = []
    for each in records:
        if not any(_same(each, other) for other in kept):
            kept.append(each)
    return kept


def _same(first: Record, second: Record) -> bool:
    if first.weights_sha256 is not None and second.weights_sha256 is not None:
        return first.weights_sha256 == second.weights_sha256
    return same_path(first.path, second.path)


def _predictions(run: RunDir, split: Mapping[str, Any]) -> Predictions:
    """Return a model's predictions, divided by the audited run's forget set."""
    return _divided(run.read_predictions("audit", Predictions.names()), split)


def _divided(arrays: dict[str, np.ndarray], split: Mapping[str, Any]) -> Predictions:
    return Predictions.from_arrays(arrays).split_by(np.array(split["indices"], dtype=np.int64), dropped_of(split))


def _label(run: RunDir) -> str:
    return str(run.read_metrics("audit").get("method", "unlearned"))
