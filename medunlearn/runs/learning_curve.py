"""Reads the learning curve of an original, which predicts the metrics of a Retrain."""

from typing import Any

from medunlearn.errors import InputError
from medunlearn.files import exists
from medunlearn.metrics import LearningCurve, Point
from medunlearn.runs.commands import shown
from medunlearn.runs.directory import RunDir


def learning_curve(original: RunDir, argument: str) -> LearningCurve | None:
    """Return the learning curve of an original; None where it has none.

    Args:
        original: The run directory of the original.
        argument: What errors name.

    Raises:
        InputError: If the file is damaged or belongs to another model.
    """
    if not exists(original.curve):
        return None
    content = original.read_curve(argument)
    if content["original_sha256"] != original.weights_sha256():
        command = shown(["medunlearn", "curve", original.path])
        raise InputError(
            f"{argument}={original}: {original.curve} is of another model; make it again with `{command}`, or delete it"
        )
    return curve_of(content)


def curve_of(content: dict[str, Any]) -> LearningCurve:
    """Return the learning curve that the content of `learning_curve.json` describes."""
    return LearningCurve(
        points=tuple(_point(each) for each in content["points"]),
        original=_point(content["original"]),
        reading=content["reading"],
        moves_attack=bool(content.get("moves_attack")),
    )


def _point(content: dict[str, Any]) -> Point:
    measured = (content.get(name) for name in ("train_error", "attack", "unseen_error"))
    return Point(content["images"], content["val_error"], *measured)
