"""Loads a finished run's outputs on every image."""

from pathlib import Path

from medunlearn.metrics import Predictions
from medunlearn.runs.directory import RunDir


def load_predictions(run_dir: str | Path) -> Predictions:
    """Return a run's outputs on the forget, retain, test and validation images, from its `predictions.npz`.

    For a run without a forget set the part `forget` is empty; `Predictions.split_by` splits the predictions by a forget
    set.

    Args:
        run_dir: The run directory.

    Raises:
        FileError: If the run has no such file, or it is damaged.

    Example:
        >>> import medunlearn
        >>> found = medunlearn.load_predictions("runs/salun_blood_10")   # doctest: +SKIP
        >>> found.forget.probs.shape                                     # doctest: +SKIP
        (1195, 8)
    """
    run = RunDir.given(run_dir, "run_dir")
    return Predictions.from_arrays(run.read_predictions("run_dir", Predictions.names()))
