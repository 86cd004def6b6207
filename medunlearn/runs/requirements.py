"""Refuses, before any work, runs that another run cannot start from or be compared with."""

from pathlib import Path

import numpy as np

from medunlearn.errors import RunError
from medunlearn.metrics import Predictions
from medunlearn.runs.commands import command_for
from medunlearn.runs.comparable import same_path, why_incomparable, why_no_original
from medunlearn.runs.directory import RunDir
from medunlearn.runs.record import Record


def require_finished(run: RunDir, argument: str, data_file: Path | None = None) -> None:
    """Refuse a run that is missing, unfinished or altered, and say how to make it.

    Args:
        run: The run directory.
        argument: What errors name.
        data_file: `data.file` where the command line named one, for the command in the error.

    Raises:
        RunError: If it is.
    """
    if not run.finished:
        state = "the run there is unfinished" if run.started else "no run there"
        raise RunError(f"{argument}={run}: {state}; make it with `{command_for(run.path, data_file)}`")
    run.check_unaltered(argument)


def require_original(own: Record, original: RunDir, argument: str, train_size: int) -> None:
    """Refuse an original that a run cannot start from.

    Args:
        own: The run that is about to start.
        original: The run directory of the original.
        argument: What errors name.
        train_size: Number of images in the training set, each of which the original must have been measured on.

    Raises:
        RunError: If it is missing or altered, of other data or another forget set, never saw the forget set, or was
            not measured on every training image.
        FileError: If a file of it cannot be read.
    """
    if same_path(original.path, own.path):
        raise RunError(f"{argument}={original}: is this run's own run_dir; name another run_dir")
    require_finished(original, argument)
    if problem := why_no_original(own, Record.of(original, argument)):
        raise RunError(f"{argument}={original}: {problem}")
    arrays = original.read_predictions(argument, Predictions.names())
    rows = np.sort(np.concatenate([arrays["forget_index"], arrays["retain_index"]]))
    if not np.array_equal(rows, np.arange(train_size)):
        raise RunError(
            f"{argument}={original}: {original.predictions} is not of every training image; run that stage again"
        )


def require_reference(own: Record, reference: RunDir) -> None:
    """Refuse a finished run that a gap cannot be taken to.

    Raises:
        RunError: If it is this run itself, altered, or cannot be compared with.
        FileError: If a file of it cannot be read.
    """
    if same_path(reference.path, own.path):
        raise RunError(f"reference={reference}: is this run's own run_dir; name a Retrain run")
    if reference.finished:
        reference.check_unaltered("reference")
        if problem := why_incomparable(own, Record.of(reference, "reference")):
            raise RunError(f"reference={reference}: {problem}")


def missing_reference(reference: RunDir, data_file: Path | None = None) -> str:
    """Return what to say of a reference that is not finished yet; an empty text where it is."""
    if reference.finished:
        return ""
    remedy = f"make it with `{command_for(reference.path, data_file)}`"
    return f"reference={reference}: no finished run there, so AG will be null; {remedy}"
