"""Decides which runs may be compared, which Retrain is the reference of a gap, and which model a run started from.

These rules are used by the command line and `RunRecord` before and after a run, and by the table and the report.

The rule for the reference:

1. A reference is a run whose role is `retrained`, whatever its method is called, with UA, RA, TA and MIA.
2. It must share data, forget set (`split_sha256`) and attack (feature, nonmembers, seed) with the run.
3. A run that names a reference is compared with that one only. It is identified by the SHA-256 of its weights
   (`reference_sha256`), whatever its path is now; in older runs without hashes by its path, or else as the run that
   fits by rule 4 and gives the AG that the run has written.
4. A run that names no reference is compared with the one retrained run that also shares its seed and its augmentation;
   an unrecorded augmentation matches any. Copies of one retrained run count once. If two different ones fit, there is
   no gap. A retrained run that names a reference itself is treated like a method: others are compared with it only if
   they name it.
5. A retrained run that names no reference is its own reference, with a gap of 0.

The AG to print is `Pairing.AG`: the gap to the reference found; if the named reference is not among the candidates, the
AG that the run has written, without distances of single metrics; None if the named reference has been replaced by a new
run or is no longer comparable, or if none or several fit. `Pairing.reason` says why whenever AG is not the distance to
the reference.

The rule for originals: the run started from the candidate whose weights have the SHA-256 `original_sha256`, whatever
its path is now; older runs started from the one at the path that they name.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from medunlearn.metrics import average_gap
from medunlearn.runs.record import Record

OTHER_DATA = "it was run on other data; use the same data.dataset and data.size, or data.file"

OTHER_FORGET_SET = (
    "it was run with another forget set; use the same data.forget, an original trained without one, or add that "
    "run's by data.forget.after"
)

ROUNDING = 1e-6
"""Tolerance, in percentage points, between two computations of the same AG."""


class Pairing(NamedTuple):
    """The reference of a run, and its gap to it."""

    reference: Record | None
    """The retrained run to take distances to; None if there is none."""
    AG: float | None
    """The Average Gap to print, in percentage points; None where there is none."""
    reason: str = ""
    """Why AG is missing, or is not the distance to `reference`: the problem and, after a semicolon, the remedy."""
    rivals: tuple[Record, ...] = ()
    """All retrained runs that fit, if there are several."""


def is_reference(candidate: Record) -> bool:
    """Return whether a run can be a reference: it never saw the forget set and has UA, RA, TA and MIA.

    Example:
        >>> figures = {"UA": 5.0, "RA": 98.0, "TA": 95.0, "MIA": 10.0}
        >>> is_reference(Record(Path("runs/retrain"), role="retrained", values=figures))
        True
    """
    return candidate.role == "retrained" and not candidate.missing


def why_incomparable(own: Record, reference: Record, named: bool = True) -> str:
    """Return why a run cannot be compared with a reference; an empty string if it can.

    Args:
        own: The run; its figures may still be unknown.
        reference: The run that its figures would be compared with.
        named: Whether `own` names this reference. If not, seed and augmentation must agree too.

    Returns:
        What is wrong and, after a semicolon, the remedy.

    Example:
        >>> own = Record(Path("runs/salun"), split_sha256="ab")
        >>> why_incomparable(own, Record(Path("runs/train"), role="original", split_sha256="ab"))
        'its model has seen the forget set; name a Retrain run of this forget set'
    """
    if reference.role != "retrained":
        return "its model has seen the forget set; name a Retrain run of this forget set"
    if other := why_other_data(own, reference):
        return other
    if own.untested or reference.untested:
        return "one of the two did without test images, which AG needs; run it with `--data.test true`"
    if reference.split_sha256 != own.split_sha256:
        return "it was run with another forget set; use the same data.forget for both"
    if reference.missing:
        return f"it lacks {reference.missing}; name a Retrain run of this forget set"
    if reference.attack != own.attack:
        return f"its attack was {_plain(reference)}, this one's is {_plain(own)}; use the same evaluation.*"
    return "" if named else _why_unpaired(own, reference)


def reference_of(run: Record, candidates: Iterable[Record]) -> Pairing:
    """Return the reference of a finished run, and the AG to print.

    Args:
        run: The run.
        candidates: The runs to choose from; `run` itself may be among them.
    """
    found = list(candidates)
    if run.untested:
        return Pairing(None, None, "it did without test images, which AG needs; run it with `--data.test true`")
    if run.missing:
        return Pairing(None, None, f"it lacks {run.missing}; run it with a forget set")
    if run.reference is not None:
        return _named(run, found)
    return Pairing(run, 0.0) if is_reference(run) else _fitting(run, found)


def why_no_original(own: Record, original: Record) -> str:
    """Return why a run cannot start from the model of another; an empty string if it can.

    Returns:
        What is wrong and, after a semicolon, the remedy.
    """
    if other := why_other_data(own, original):
        return other
    if original.weights_sha256 is not None and original.weights_sha256 in own.earlier:
        return ""  # its forget set is a subset of this one's
    other_split = original.split_sha256 != own.split_sha256 and not (own.untested or original.untested)
    if original.n_forget and other_split:
        return OTHER_FORGET_SET
    if original.role == "retrained":
        return "it never saw the forget set; name a model trained on all images"
    return ""


def original_of(run: Record, candidates: Iterable[Record]) -> Record | None:
    """Return the run whose model a run started from; None where it is not among the candidates."""
    found = [each for each in candidates if _is_same(each, run.original, run.original_sha256)]
    return _at(run.original, found) or (found[0] if found else None)


def remade_original(run: Record, candidates: Iterable[Record]) -> Record | None:
    """Return the candidate at the path of a run's original if it holds a different model now; else None.

    It is not the run's original, which may still be among the candidates under another path.
    """
    found = list(candidates)
    return None if original_of(run, found) else _at(run.original, found)


def same_path(first: str | Path, second: str | Path) -> bool:
    """Return whether two paths are the same after resolving links."""
    return _real(first) == _real(second)


def _named(run: Record, candidates: Sequence[Record]) -> Pairing:
    """Return the pairing of a run that names its reference."""
    named = [each for each in candidates if _is_same(each, run.reference, run.reference_sha256)]
    comparable = [each for each in named if not why_incomparable(run, each)]  # one model may be measured by two attacks
    if comparable:
        return _measured(run, _at(run.reference, comparable) or comparable[0])
    if named:
        return Pairing(
            None, None, f"{named[0].path}, which it names as its reference: {why_incomparable(run, named[0])}"
        )
    if (remade := _at(run.reference, candidates)) is not None:
        reason = f"{remade.path} holds another model now than its gap was taken to; run that stage again"
        return Pairing(None, None, reason)
    if run.reference_sha256 is None and run.AG is not None:
        moved = _fitting(run, candidates)
        if moved.AG is not None and abs(moved.AG - run.AG) < ROUNDING:
            return moved
    reason = f"its gap was taken to {run.reference}, which is not among the runs; give that one too"
    return Pairing(None, run.AG, reason)


def _fitting(run: Record, candidates: Sequence[Record]) -> Pairing:
    """Return the pairing with the only retrained run that fits by rule 4."""
    references = [each for each in candidates if each.role == "retrained" and each.reference is None]
    fitting = [each for each in references if not why_incomparable(run, each, named=False)]
    different = {(each.weights_sha256 or each.path, *each.values.values()): each for each in reversed(fitting)}
    if len(different) > 1:
        first, second, *_ = rivals = tuple(reversed(different.values()))
        reason = (
            f"{first.path} and {second.path} are both Retrain of the same split, preset and seed, so the gap of "
            f"{run.path} could be taken to either; give one of them"
        )
        return Pairing(None, None, reason, rivals)
    if fitting:
        return _measured(run, fitting[0])
    near = [each for each in references if each.split_sha256 == run.split_sha256]
    if near:
        return Pairing(None, None, f"{near[0].path}: {why_incomparable(run, near[0], named=False)}")
    return Pairing(None, None, "there is no Retrain run of the same split; give one")


def _measured(run: Record, reference: Record) -> Pairing:
    gap = average_gap(run.values, reference.values)
    if run.reference is None or run.AG is None or abs(gap - run.AG) < ROUNDING:
        return Pairing(reference, gap)
    reason = f"its metrics.json has AG {run.AG:.2f}, taken to other figures than {reference.path} holds now"
    return Pairing(reference, gap, f"{reason}; run that stage again")


def _why_unpaired(own: Record, reference: Record) -> str:
    if reference.seed != own.seed:
        return f"its seed is {reference.seed}, this one's is {own.seed}; name it with `--reference`"
    presets = reference.augmentation, own.augmentation
    if None not in presets and presets[0] != presets[1]:
        return f"its augmentation is {presets[0]}, this one's is {presets[1]}; name it with `--reference`"
    return ""


def why_other_data(own: Record, other: Record) -> str:
    """Return why two runs have different data; if one has no test images, training and validation images decide.

    Example:
        >>> why_other_data(Record(Path("a"), data_sha256="ab"), Record(Path("b"), data_sha256="cd"))
        'it was run on other data; use the same data.dataset and data.size, or data.file'
    """
    hashes = (own.data_sha256, other.data_sha256)
    if own.untested or other.untested:
        hashes = (own.training_sha256, other.training_sha256)
    return OTHER_DATA if all(hashes) and len(set(hashes)) > 1 else ""


def _is_same(candidate: Record, path: str | None, sha256: str | None) -> bool:
    """Return whether a candidate is the run that was given as `path` and held weights of this hash."""
    if path is None:
        return False
    if sha256 is not None and candidate.weights_sha256 is not None:
        return candidate.weights_sha256 == sha256
    return same_path(candidate.path, path)


def _at(path: str | None, candidates: Iterable[Record]) -> Record | None:
    return next((each for each in candidates if path is not None and same_path(each.path, path)), None)


def _real(path: str | Path) -> str:
    try:
        return os.path.realpath(path)
    except ValueError:  # a name that no file can have
        return str(Path(path).absolute())


def _plain(record: Record) -> dict[str, object] | None:
    return None if record.attack is None else dict(record.attack)
