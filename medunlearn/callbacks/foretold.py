"""What the learning curve beside a method's original foretells of a Retrain."""

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


def loss_note(loss: Loss | None) -> list[str]:
    """Return what is to be known of a proxy gap whose targets have been moved: no other compares with it."""
    if loss is None:
        return []
    moved = f"validation accuracy {0 - loss.val:+.1f}, RA {0 - loss.train:+.1f}"
    return [f"the proxy gap is taken to targets moved by the original's learning curve: {moved} points"]
