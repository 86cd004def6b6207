"""Forget sets of low, middle and high memorisation: audits must find nothing on the first and most on the last.

The memorisation of an image is the gain in the probability of its true class from training on it (Feldman & Zhang
2020): mem(i) = p(y | i) under the original minus its mean under models trained without the image. Such models are
Retrains of any forget set, including the runs of a learning curve.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medunlearn.errors import InputError
from medunlearn.files import write_whole
from medunlearn.metrics import Part, Predictions
from medunlearn.report.reading import find_runs
from medunlearn.runs import RunDir
from medunlearn.runs.commands import check_finished
from medunlearn.runs.comparable import why_other_data
from medunlearn.runs.record import Record

STRATA = ("low", "middle", "high")


@dataclass(frozen=True)
class Memorisation:
    """Memorisation of training images.

    Attributes:
        rows: Indices of the images that at least one model was trained without, ascending, (M,).
        labels: Their classes, (M,).
        inside: Probability of the true class under the original, (M,).
        outside: Its mean under the models trained without the image, (M,).
        models: Number of these models, (M,).
    """

    rows: np.ndarray
    labels: np.ndarray
    inside: np.ndarray
    outside: np.ndarray
    models: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        """Memorisation, (M,), from -1 to 1."""
        return np.asarray(self.inside - self.outside)

    def strata(self, count: int) -> dict[str, np.ndarray]:
        """Return `count` images of the lowest, the middle and the highest scores, each sorted, none in two.

        Raises:
            InputError: If there are too few images.
        """
        if count < 1 or 3 * count > len(self.rows):
            raise InputError(
                f"count={count}: give 1 to {len(self.rows) // 3}; {len(self.rows)} images were left out by a model"
            )
        order = np.lexsort((self.rows, self.scores))
        start = (len(order) - count) // 2
        chosen = order[:count], order[start : start + count], order[-count:]
        return {name: np.sort(self.rows[each]) for name, each in zip(STRATA, chosen, strict=True)}


def memorisation(original: str | Path | RunDir, retrains: Iterable[str | Path | RunDir]) -> Memorisation:
    """Return the memorisation of an original's training images.

    Args:
        original: Its run directory.
        retrains: Models that were trained without some of its images.

    Raises:
        InputError: If a run is missing, of another role or of other data, or no image was left out.
    """
    (trained,) = _read([original], "original", "original")
    others = _read(retrains, "out_of", "retrained")
    if not others:
        raise InputError("out_of: no run given; name Retrains, such as the parts of the original's learning curve")
    whole = _whole(trained[1])
    for record, _ in others:
        if problem := why_other_data(trained[0], record):
            raise InputError(f"out_of={record.path}: {problem}")
    sums, models = np.zeros(len(whole.rows)), np.zeros(len(whole.rows), dtype=np.int64)
    for _, predictions in others:
        sums[predictions.forget.rows] += _true(predictions.forget)
        models[predictions.forget.rows] += 1
    left = np.flatnonzero(models)
    if not len(left):
        raise InputError("out_of: none of the runs has left an image out; name Retrains of a forget set")
    return Memorisation(left, whole.labels[left], _true(whole)[left], sums[left] / models[left], models[left])


def write_strata(found: Memorisation, strata: Mapping[str, np.ndarray], folder: Path) -> list[Path]:
    """Write the index files `low.txt`, `middle.txt` and `high.txt` and `strata.csv`, a row an image.

    Args:
        found: Memorisation scores.
        strata: The forget sets by name, see `Memorisation.strata`.
        folder: Where the files go.

    Returns:
        The index files.
    """
    files = []
    for name, rows in strata.items():
        files.append(folder / f"{name}.txt")
        write_whole(files[-1], "".join(f"{row}\n" for row in rows).encode())
    columns = (found.rows, found.labels, found.inside, found.outside, found.scores, found.models)
    lines = ["index,label,inside,outside,memorisation,models"]
    lines += [f"{i},{y},{a:.6g},{b:.6g},{m:.6g},{k}" for i, y, a, b, m, k in zip(*columns, strict=True)]
    write_whole(folder / "strata.csv", "\n".join([*lines, ""]).encode())
    return files


def _read(paths: Iterable[str | Path | RunDir], argument: str, role: str) -> list[tuple[Record, Predictions]]:
    found = []
    for run in find_runs(paths, argument):
        check_finished(run, argument)
        record = Record.of(run, argument)
        if record.role != role:
            raise InputError(f"{argument}={run}: is {record.role}; name a run that is {role}")
        found.append((record, Predictions.from_arrays(run.read_predictions(argument, Predictions.names()))))
    return found


def _whole(predictions: Predictions) -> Part:
    """Return the predictions on every training image, in order."""
    return predictions.split_by(np.arange(0)).retain


def _true(part: Part) -> np.ndarray:
    return np.asarray(part.probs[np.arange(len(part.labels)), part.labels].astype(np.float64))


def mean_of(found: Memorisation, rows: np.ndarray) -> float:
    """Return the mean memorisation score of some images."""
    return float(found.scores[np.isin(found.rows, rows)].mean())
