"""The loss of accuracy of a Retrain, predicted by the learning curve of a method's original."""

from medunlearn.contracts import UnlearningModule
from medunlearn.errors import owned_by
from medunlearn.metrics import Loss, Predictions
from medunlearn.runs import RunDir
from medunlearn.runs.learning_curve import learning_curve


def retrain_loss(method: UnlearningModule, predictions: Predictions | None) -> Loss | None:
    """Return the predicted loss of a Retrain on the retain set; None without an original or its learning curve.

    Args:
        method: The method.
        predictions: The original's predictions on this run's split, if there is an original.

    Raises:
        InputError: If the curve is damaged, or of another model.
    """
    if method.original is None or predictions is None:
        return None
    with owned_by("model.init_args", "original"):
        curve = learning_curve(RunDir(method.original), "original")
    return None if curve is None else curve.loss_for(predictions)


def loss_note(loss: Loss | None) -> list[str]:
    """Return a note that the proxy gap has corrected targets, so that it is not comparable with others."""
    if loss is None:
        return []
    moved = f"validation accuracy {0 - loss.val:+.1f}, RA {0 - loss.train:+.1f}"
    return [f"the proxy gap is taken to targets moved by the original's learning curve: {moved} points"]
