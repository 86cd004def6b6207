"""Points of a learning curve: metrics of runs on parts of the images, and values logged by an original by epoch."""

from typing import Any

import numpy as np

from medunlearn.errors import InputError, counted
from medunlearn.metrics import Part, Predictions, accuracy, attack_shares, groups_by_split
from medunlearn.runs import RunDir
from medunlearn.runs.logged import logged_values
from medunlearn.runs.record import attack_settings


def measured(run: RunDir, predictions: Predictions, unseen: Part | None = None) -> dict[str, Any]:
    """Return a model's metrics in the form of a curve point; `retain` holds its predictions on training images.

    Args:
        run: The model's run.
        predictions: Its predictions.
        unseen: Those on all images that it has not seen, where these are more than the validation images.

    Raises:
        InputError: If there is no validation image.
    """
    val, train = accuracy(predictions.val), accuracy(predictions.retain)
    if val is None or train is None:
        raise InputError(f"original={run}: was measured on no validation image; give data that have some")
    known = {} if unseen is None else {"unseen_error": 100 - (accuracy(unseen) or 0.0)}
    attack = attack_settings(run.read_metrics("original")) or {"feature": "confidence", "seed": 0}
    return {
        "val_error": 100 - val,
        "val_error_by_class": _by_class(predictions.val),
        **known,
        "train_error": 100 - train,
        "attack": attack_shares(predictions, attack["feature"], attack["seed"])[1],
    }


def on_all_images(run: RunDir) -> tuple[Predictions, np.ndarray | None]:
    """Return an original's predictions, every training image in `retain`, and the groups of these images, if known."""
    arrays = run.read_predictions("original", Predictions.names())
    found = Predictions.from_arrays(arrays)
    return found.split_by(np.empty(0, np.int64)), groups_by_split(arrays).get("train")


def point_of(run: RunDir, original: RunDir, labels: np.ndarray, groups: np.ndarray | None = None) -> dict[str, Any]:
    """Return the point of a finished run on a part of an original's images.

    Args:
        run: The run.
        original: The original, for errors.
        labels: The classes of all training images of the original, (N,).
        groups: Their groups (patients), (N,), where these are known: of a group with images in the part, those left out
            do not count as unseen.

    Raises:
        InputError: If the run was trained on other images.
    """
    metrics = run.read_metrics("curve")
    predictions = Predictions.from_arrays(run.read_predictions("curve", Predictions.names()))
    if not np.array_equal(predictions.split_by(np.empty(0, np.int64)).retain.labels, labels):
        raise InputError(f"curve: {run} is of other images than {original}; bring those back, and delete it")
    return {
        "images": len(predictions.retain.labels),
        **measured(run, predictions, _unseen(predictions, groups)),
        "run": str(run),
        "epochs": metrics["epochs"],
        "seconds": sum(metrics["runtime"].values()),
    }


def logged_points(original: RunDir, images: int, begin: float) -> list[dict[str, Any]]:
    """Return a curve point for each epoch that an original has logged.

    Args:
        original: The original.
        images: Its number of training images.
        begin: The share of its epochs that is skipped.

    Raises:
        InputError: If fewer than two epochs were logged.
    """
    logged = logged_values(original, ["val/accuracy", "unlearning/RA"], "original")
    epochs = original.read_metrics("original").get("epochs") or 0
    known = [(epoch + 1, values) for epoch, values in logged if "val/accuracy" in values and epoch < epochs]
    if len(known) < 2:
        raise InputError(
            f"original={original}: its CSV logs hold the validation accuracy of {counted(len(known), 'epoch')}, which "
            "make no curve; choose another `--way`"
        )
    shown = [each for each in known if each[0] >= begin * epochs] or known[-2:]
    return [
        {
            "images": max(1.0, images * epoch / epochs),
            "val_error": 100 - 100 * min(1.0, values["val/accuracy"]),
            "train_error": 100 - values["unlearning/RA"] if "unlearning/RA" in values else None,
            "epochs": epoch,
            "seconds": 0.0,
        }
        for epoch, values in shown
    ]


def _unseen(predictions: Predictions, groups: np.ndarray | None) -> Part:
    left_out = predictions.forget
    if groups is not None:
        left_out = left_out.take(~np.isin(groups[left_out.rows], groups[predictions.retain.rows]))
    return left_out.joined(predictions.val)


def _by_class(part: Part) -> dict[str, float | None]:
    wrong = part.probs.argmax(1) != part.labels
    own = [part.labels == number for number in range(part.probs.shape[1])]
    return {str(number): 100 * float(wrong[at].mean()) if at.any() else None for number, at in enumerate(own)}
