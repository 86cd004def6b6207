"""What a run predicted, loaded from Python."""

import numpy as np
import pytest
from helpers import audited

import medunlearn
from medunlearn.errors import FileError


def test_predictions_of_a_run_are_those_that_it_wrote():
    run = audited.run("runs/train", "Train", 1)
    found, written = medunlearn.load_predictions(run), audited.predictions(1)
    for name, array in written.to_arrays().items():
        assert np.array_equal(found.to_arrays()[name], array), name


def test_predictions_of_a_directory_without_a_run_are_refused_by_name():
    with pytest.raises(FileError, match=r"^run_dir=nowhere: nowhere/predictions.npz cannot be read"):
        medunlearn.load_predictions("nowhere")


def test_predictions_that_are_incomplete_are_refused():
    run = audited.run("runs/train", "Train", 1)
    np.savez(f"{run}/predictions.npz", forget_probs=np.zeros((1, 2), np.float32))
    with pytest.raises(FileError, match="it lacks"):
        medunlearn.load_predictions(run)
