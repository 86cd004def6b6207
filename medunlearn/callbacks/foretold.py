"""What the learning curve beside a method's original foretells of a Retrain."""

from medunlearn.contracts import UnlearningModule
from medunlearn.errors import owned_by
from medunlearn.metrics import Loss, Predictions
from medunlearn.runs import RunDir
from medunlearn.runs.learning_curve import learning_curve


def foretold_loss(method: UnlearningModule, predictions: Predictions | None) -> Loss | None:
    """Return what a Retrain on the retain set is foretold to lose; None where there is no original, or no curve of it.

    Args:
        method: The method.
        predictions: What its original predicts on this run's split, if there is one.

    Raises:
        InputError: If the curve is damaged, or of another model.
    """
    if method.original is None or predictions is None:
        return None
    with owned_by("model.init_args", "original"):
        curve = learning_curve(RunDir(method.original), "original")
    return None if curve is None else curve.loss_for(predictions)


def loss_note(loss: Loss | None) -> list[str]:
    """Return what is to be known of a proxy gap whose targets have been moved: no other compares with it."""
    if loss is None:
        return []
    moved = f"validation accuracy {0 - loss.val:+.1f}, RA {0 - loss.train:+.1f}"
    return [f"the proxy gap is taken to targets moved by the original's learning curve: {moved} points"]
