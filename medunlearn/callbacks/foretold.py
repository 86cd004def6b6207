"""What the learning curve beside a method's original foretells of a Retrain."""

from dataclasses import asdict
from typing import Any

from medunlearn.callbacks.predicting import original_predictions
from medunlearn.contracts import UnlearningData, UnlearningModule
from medunlearn.errors import owned_by
from medunlearn.metrics import Loss
from medunlearn.runs import RunDir
from medunlearn.runs.learning_curve import learning_curve


def foretold_loss(method: UnlearningModule, data: UnlearningData) -> Loss | None:
    """Return what a Retrain on the data's retain set is foretold to lose; None where the original has no curve.

    Raises:
        InputError: If the curve is damaged, or of another model.
    """
    if method.original is None:
        return None
    with owned_by("model.init_args", "original"):
        curve = learning_curve(RunDir(method.original), "original")
    if curve is None:
        return None
    found = original_predictions(method, data)
    assert found is not None
    return curve.loss_for(found)


def described(targets: dict[str, float | None], loss: Loss | None) -> dict[str, Any]:
    """Return the targets as `metrics.json` has them beside the proxy gap; nothing where no curve has moved them."""
    return {} if loss is None else {"targets": {**targets, "loss": asdict(loss)}}
