"""Reads from run directories what charts need besides metrics.json: predictions, curves and weights."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from medunlearn.errors import Fault, InputError
from medunlearn.files import UNOPENED, exists, unreadable
from medunlearn.files.checkpoints import read_tensors
from medunlearn.metrics import Part, Predictions
from medunlearn.report.experiments import Cell
from medunlearn.report.sections import Section
from medunlearn.runs import RunDir
from medunlearn.runs.logged import logged_values
from medunlearn.runs.split import dropped_of

CURVES = ("UA", "RA", "TA")
BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
"""Last parts of the names of BatchNorm's statistics, which are not trained."""


class Curve(NamedTuple):
    """One metric by epoch, over the seeds that have a point there; epoch 0 is the untouched model."""

    epochs: list[int]
    means: list[float]
    lowest: list[float]
    highest: list[float]


def check_originals(frame: pd.DataFrame) -> None:
    """Check the originals that were not given themselves: charts show their predictions and weights.

    Raises:
        InputError: If one has been altered since it was written, or holds another model than a run started from.

    Example:
        >>> from medunlearn.report import load
        >>> check_originals(load([]))
    """
    own = frame[frame.measured_by == ""]
    for row in own[(own.original != "") & ~own.original.isin(own.run)].itertuples():
        original = RunDir(str(row.original))
        if original.finished:
            original.check_unaltered("report", hashes_required=False)
        if RunDir(str(row.run)).remade_original("report"):
            raise InputError(
                f"report={row.run}: it started from another model than {original} holds now; run that stage again"
            )


def predictions(section: Section) -> dict[str, list[Predictions]]:
    """Return the predictions of each method, one for each seed; an untouched model's on the forget set of the others.

    Example:
        >>> predictions(Section("cells", "10 %", "Default"))
        {}
    """
    found: dict[str, list[Predictions]] = defaultdict(list)
    for cell in section.sound:
        for row in cell.runs.itertuples():
            if (known := predictions_of(str(row.run), str(row.measured_by))) is not None:
                found[cell.label].append(known)
    return dict(found)


def predictions_of(run: str, measured_by: str = "") -> Predictions | None:
    """Return the predictions of a run; None where it keeps none.

    Args:
        run: The run directory.
        measured_by: The run on whose forget set they are taken; empty for its own.

    Example:
        >>> predictions_of("nowhere") is None
        True
    """
    if not exists(RunDir(run).predictions):
        return None
    found = Predictions.from_arrays(RunDir(run).read_predictions("report"))
    if not measured_by:
        return found
    split = RunDir(measured_by).read_split("report")
    return found.split_by(np.array(split["indices"], dtype=np.int64), dropped_of(split))


def class_error(parts: list[Part], number: int) -> float | None:
    """Return the error on a class over all seeds, in %; None if it has no image.

    Example:
        >>> probs = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
        >>> class_error([Part(probs, np.array([0, 0]), np.array([3, 7]))], 0)
        50.0
    """
    wrong = [part.probs[part.labels == number].argmax(1) != number for part in parts]
    together = np.concatenate(wrong)
    return 100 * float(together.mean()) if len(together) else None


def forgotten_counts(found: Mapping[str, Sequence[Predictions]]) -> list[int]:
    """Return how many images of each class are in the forget sets of all seeds, each forget set once.

    Args:
        found: Result of `predictions`.

    Example:
        >>> none = Part(np.eye(2, dtype=np.float32)[:0], np.array([], int), np.array([], int))
        >>> one = Part(np.eye(2, dtype=np.float32), np.array([1, 1]), np.array([3, 7]))
        >>> forgotten_counts({name: [Predictions(one, none, none, none)] for name in ("Retrain", "SalUn")})
        [0, 2]
    """
    forget = [each.forget for seeds in found.values() for each in seeds]
    sets = {part.rows.tobytes(): part.labels for part in forget}
    labels = np.concatenate([np.empty(0, np.int64), *sets.values()])
    classes = max(part.probs.shape[1] for part in forget)
    return [int(count) for count in np.bincount(labels, minlength=classes)[:classes]]


def confidence(part: Part) -> npt.NDArray[np.float32]:
    """Return the probability of the true class, shape (N,).

    Example:
        >>> probs = np.array([[0.75, 0.25], [0.5, 0.5]], np.float32)
        >>> confidence(Part(probs, np.array([0, 1]), np.array([3, 7]))).tolist()
        [0.75, 0.5]
    """
    return np.asarray(part.probs[np.arange(len(part.labels)), part.labels])


def curves(section: Section, cell: Cell) -> dict[str, Curve]:
    """Return UA, RA and TA by epoch; empty if no curves were requested.

    Example:
        >>> curves(Section("cells", "10 %", "Default"), Cell("SalUn", pd.DataFrame()))
        {}
    """
    points: dict[str, dict[int, list[float]]] = {key: defaultdict(list) for key in CURVES}
    for row in cell.runs.itertuples():
        logged = logged_points(RunDir(str(row.run)))
        for epoch, values in [*_before(section, row), *logged] if logged else []:
            for key in CURVES:
                if (value := values.get(key)) is not None:
                    points[key][epoch + 1].append(value)
    return {key: _curve(by_epoch) for key, by_epoch in points.items() if any(epoch > 0 for epoch in by_epoch)}


def _before(section: Section, row: Any) -> list[tuple[int, dict[str, float]]]:
    """Return the point of the untouched model, before epoch 0."""
    original = section.original
    same = None if original is None else original.runs[original.runs.split_sha256 == row.split_sha256]
    return [] if same is None or same.empty else [(-1, same.iloc[0][list(CURVES)].dropna().to_dict())]


def _curve(by_epoch: dict[int, list[float]]) -> Curve:
    epochs = sorted(by_epoch)
    values = [by_epoch[epoch] for epoch in epochs]
    return Curve(epochs, [sum(each) / len(each) for each in values], list(map(min, values)), list(map(max, values)))


def logged_points(run: RunDir) -> list[tuple[int, dict[str, float]]]:
    """Return the logged points of a run, (epoch from 0, values); if an epoch was repeated, its last ones.

    Raises:
        InputError: If a CSV log is damaged.

    Example:
        >>> logged_points(RunDir("runs/without_logs"))
        []
    """
    names = {f"unlearning/{key}": key for key in CURVES}
    found = logged_values(run, [*names], "report")
    return [(epoch, {names[name]: value for name, value in values.items()}) for epoch, values in found]


def changed_weights(cell: Cell) -> dict[str, float]:
    """Return the share of changed coordinates of each layer that has weights, in %, the mean over seeds.

    Raises:
        InputError: If weights cannot be read, or are of another network than the original's.

    Example:
        >>> changed_weights(Cell("SalUn", pd.DataFrame()))
        {}
    """
    shares = [share for row in cell.runs.itertuples() if (share := _shares(str(row.original), str(row.run)))]
    return {layer: sum(each.get(layer, 0) for each in shares) / len(shares) for layer in shares[0]} if shares else {}


def _shares(original: str, run: str) -> dict[str, float]:
    if not original or not (exists(RunDir(original).weights) and exists(RunDir(run).weights)):
        return {}
    before, after = _weights(original), _weights(run)
    if before.keys() != after.keys() or any(before[name].shape != value.shape for name, value in after.items()):
        raise InputError(f"report={run}: its weights are of another network than {original}'s; run it again")
    changed: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, value in after.items():
        layer, _, kind = name.rpartition(".")
        if kind not in BUFFERS:
            changed[layer][0] += int((value != before[name]).sum())
            changed[layer][1] += value.numel()
    return {layer: 100 * moved / total for layer, (moved, total) in changed.items() if total}


def _weights(run: str) -> dict[str, Any]:
    path = RunDir(run).weights
    try:
        return read_tensors(path)
    except Fault as fault:
        raise InputError(f"report={run}: {path} cannot be read as weights ({fault.problem}); run it again") from None
    except UNOPENED as error:
        raise InputError(f"report={run}: {path} {unreadable(error, 'run it again')}") from None
