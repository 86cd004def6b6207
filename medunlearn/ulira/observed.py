"""Reads the runs of a study: margins of its target images where they were forgotten and where never seen."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from medunlearn.metrics import PARTS, Part, Predictions, margins
from medunlearn.runs import RunDir
from medunlearn.runs.record import role_of
from medunlearn.ulira.design import Design

NEEDED = (*Predictions.names(), *(f"{part}_logits" for part in PARTS))


@dataclass
class Observed:
    """Results of the finished runs of one config.

    Attributes:
        name: The config's run directory.
        forgotten: Margins of each target under each shadow, (N, 2 D T); NaN unless the shadow forgot it or, for the
            original, was trained on it.
        unseen: The same; NaN unless the shadow has never seen it.
        utility: UA, RA and TA in % of each run; UA of the original on the targets that it has learned.
        role: The role of the runs; empty if none is finished.
        method: The name of the method.
        runs: Number of finished runs.
    """

    name: str
    forgotten: np.ndarray
    unseen: np.ndarray
    utility: dict[str, list[float]] = field(default_factory=lambda: {"UA": [], "RA": [], "TA": []})
    role: str = ""
    method: str = ""
    runs: int = 0


def observed(name: str, design: Design, tested: int, runs: Callable[[int, int], RunDir | None]) -> Observed:
    """Return the results of the finished runs of one config.

    Args:
        name: The config's run directory.
        design: The design.
        tested: Number of test images, without those that were added as never seen.
        runs: Returns the finished run of a shadow and a draw; None where there is none.

    Raises:
        InputError: If a run cannot be read.
    """
    shape = (design.originals, design.columns)
    found = Observed(name, np.full(shape, np.nan), np.full(shape, np.nan))
    read = dict[str, tuple[Part, Part]]()
    for original in range(design.originals):
        for draw in range(design.draws):
            if (run := runs(original, draw)) is None:
                continue
            if str(run) not in read:  # all draws share an original
                read = {str(run): _read(run)}
                _add_run(found, run, read[str(run)][1].take(np.arange(tested)))
            train, test = read[str(run)]
            forgotten = train.take(design.places(original, draw))
            unseen = test.take(tested + draw * design.targets + np.arange(design.targets))
            sides = ((found.forgotten, forgotten, design.forgotten), (found.unseen, unseen, design.unseen))
            for into, part, images in sides:
                columns = design.columns_of(draw, images(original, draw))
                into[original, columns] = _margins(part)
            found.utility["UA"].append(100 - _accuracy(forgotten))
    return found


def _read(run: RunDir) -> tuple[Part, Part]:
    """Return the predictions of a run on its training images, in their order, and on its test images."""
    predictions = Predictions.from_arrays(run.read_predictions("ulira", NEEDED))
    train = predictions.forget.joined(predictions.retain)
    return train.take(np.argsort(train.rows)), predictions.test


def _add_run(found: Observed, run: RunDir, test: Part) -> None:
    metrics = run.read_metrics("ulira")
    found.role, found.method, found.runs = role_of(metrics), str(metrics.get("method") or "-"), found.runs + 1
    found.utility["TA"].append(_accuracy(test))
    if (retained := metrics.get("RA")) is not None:
        found.utility["RA"].append(retained)


def _accuracy(part: Part) -> float:
    return float(100 * np.mean(part.probs.argmax(axis=1) == part.labels))


def _margins(part: Part) -> np.ndarray:
    assert part.logits is not None  # required by NEEDED
    return margins(part.logits, part.labels)
