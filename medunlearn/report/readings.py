"""What the figures of a report read from run directories beside `metrics.json`."""

from collections import defaultdict
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from medunlearn.errors import InputError
from medunlearn.files import exists
from medunlearn.metrics import Part, Predictions
from medunlearn.report.cells import ORIGINAL, Cell, Result
from medunlearn.report.curves import read_curve
from medunlearn.report.sections import Section
from medunlearn.runs import RunDir

CURVES = ("UA", "RA", "TA")


class Curve(NamedTuple):
    """One metric by epoch, over the seeds that have a point there; epoch 0 is the untouched model."""

    epochs: list[int]
    means: list[float]
    lowest: list[float]
    highest: list[float]


def predictions(section: Section) -> dict[str, list[Predictions]]:
    """Return the predictions of each method, one for each seed; the original's on the forget set of the others."""
    found: dict[str, list[Predictions]] = {}
    for cell in section.cells:
        for result in cell.results:
            if exists(result.run.predictions):
                arrays = Predictions.from_arrays(result.run.read_predictions("report"))
                rows = forget_rows(section, result) if cell.label == ORIGINAL else None
                found.setdefault(cell.label, []).append(arrays if rows is None else arrays.split_by(rows))
    return found


def forget_rows(section: Section, result: Result) -> npt.NDArray[np.int64]:
    """Return the forget set that a result is measured on, as another run of the same split keeps it."""
    others = (other for cell in section.cells if cell.label != ORIGINAL for other in cell.results)
    same = next(other for other in others if other.split == result.split)
    return np.array(same.run.read_split("report")["indices"], dtype=np.int64)


def class_error(parts: list[Part], number: int) -> float | None:
    """Return the error on a class over all seeds, in %; None where no image of it is there."""
    wrong = [part.probs[part.labels == number].argmax(1) != number for part in parts]
    together = np.concatenate(wrong)
    return 100 * float(together.mean()) if len(together) else None


def confidence(part: Part) -> npt.NDArray[np.float32]:
    """Return the probability of the true class, shape (N,)."""
    return np.asarray(part.probs[np.arange(len(part.labels)), part.labels])


def curves(section: Section, cell: Cell) -> dict[str, Curve]:
    """Return UA, RA and TA by epoch; nothing where curves were not asked for."""
    points: dict[str, dict[int, list[float]]] = {key: defaultdict(list) for key in CURVES}
    original = section.cell(ORIGINAL)
    for result in cell.results:
        logged = logged_points(result.run)
        before = [other for other in original.results if other.split == result.split] if original and logged else []
        for epoch, values in [(-1, dict(other.values)) for other in before[:1]] + list(logged):
            for key in CURVES:
                if (value := values.get(key)) is not None:
                    points[key][epoch + 1].append(value)
    return {key: _curve(by_epoch) for key, by_epoch in points.items() if any(epoch > 0 for epoch in by_epoch)}


def _curve(by_epoch: dict[int, list[float]]) -> Curve:
    epochs = sorted(by_epoch)
    values = [by_epoch[epoch] for epoch in epochs]
    return Curve(
        epochs, [mean(each) for each in values], [min(each) for each in values], [max(each) for each in values]
    )


def logged_points(run: RunDir) -> list[tuple[int, dict[str, float]]]:
    """Return the logged points of a run, (epoch from 0, values); where an epoch was run again, its last ones."""
    points: dict[int, dict[str, float]] = {}
    for epoch, values in read_curve(run):
        points.setdefault(epoch, {}).update(values)
    return sorted(points.items())


def changed_weights(cell: Cell) -> dict[str, float]:
    """Return the share of changed coordinates by layer with weights of its own, in %, the mean over seeds."""
    shares = [share for result in cell.results if (share := _shares(result))]
    return {layer: mean(share[layer] for share in shares) for layer in shares[0]} if shares else {}


def _shares(result: Result) -> dict[str, float]:
    original = result.metrics.get("original")
    if original is None or not (exists(RunDir(original).weights) and exists(result.run.weights)):
        return {}
    return _compared(Path(original), result.run.path)


def _compared(original: Path, run: Path) -> dict[str, float]:
    from medunlearn.models import read_weights  # imports torch

    before, after = (read_weights(path, "report")["state_dict"] for path in (original, run))
    if any(value.shape != before[name].shape for name, value in after.items()):
        raise InputError(f"report={run}: its weights are of another network than {original}'s; run it again")
    changed: dict[str, list[int]] = {}
    for name, value in after.items():
        layer, _, kind = name.rpartition(".")
        if kind in ("weight", "bias"):
            counts = changed.setdefault(layer, [0, 0])
            counts[0] += int((value != before[name]).sum())
            counts[1] += value.numel()
    return {layer: 100 * moved / total for layer, (moved, total) in changed.items()}
