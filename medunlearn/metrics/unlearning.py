"""Computes UA, RA, TA and MIA from predictions."""

from dataclasses import replace

from medunlearn.metrics.membership import Feature, Solver, attack
from medunlearn.metrics.predictions import Part, Predictions

DRAWS = 7
"""Number of draws of the attack's samples in `attack_draws`, which shows how much MIA depends on them."""


def accuracy(part: Part) -> float | None:
    """Return the share of a part that is classified correctly, in %; None where it is empty.

    A = 100 / N x #{n: argmax_c p_nc = y_n}; of equal probabilities the first class counts.

    Args:
        part: Softmax outputs p, shape (N, C), and true labels y, shape (N,).

    Example:
        >>> import numpy as np
        >>> probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]], dtype=np.float32)
        >>> accuracy(Part(probs[:2], labels=np.array([0, 1]), rows=np.arange(2)))
        50.0
    """
    import torch  # slow to import, and not needed where metrics are only compared
    from torchmetrics.functional.classification import multiclass_accuracy

    if len(part.labels) == 0:
        return None
    probs, labels = torch.from_numpy(part.probs), torch.from_numpy(part.labels)
    # A count over float64 rather than torchmetrics' float32 share, so that the figure is exact to the last digit.
    correct = multiclass_accuracy(probs, labels, num_classes=probs.shape[1], average="micro").double() * len(labels)
    return 100 * round(float(correct)) / len(labels)


def accuracies(predictions: Predictions) -> dict[str, float | None]:
    """Return UA, RA and TA in %.

    UA = 100 - accuracy on the forget set (None without one), RA = accuracy on the retain set, TA = accuracy on the test
    set (Fan et al., ICLR 2024).

    Args:
        predictions: The model's predictions on every part.

    Example:
        >>> import numpy as np
        >>> right = Part(np.eye(2, dtype=np.float32), labels=np.array([0, 1]), rows=np.arange(2))
        >>> wrong = right._replace(labels=np.array([1, 0]))
        >>> accuracies(Predictions(forget=wrong, retain=right, test=right, val=right))
        {'UA': 100.0, 'RA': 100.0, 'TA': 100.0}
    """
    forget = accuracy(predictions.forget)
    return {
        "UA": None if forget is None else 100 - forget,
        "RA": accuracy(predictions.retain),
        "TA": accuracy(predictions.test),
    }


def validation_metrics(
    predictions: Predictions, feature: Feature = "confidence", seed: int = 0, solver: Solver = "interior_point"
) -> dict[str, float | None]:
    """Return UA, RA, TA and MIA with the validation set in the test set's place: a basis for choosing settings.

    Args:
        predictions: The model's predictions on every part.
        feature: What the membership attack sees of the model's output.
        seed: Seed of the attack's samples.
        solver: How the attack's machine is solved; see `membership_inference`.

    Example:
        >>> import numpy as np
        >>> right = Part(np.eye(2, dtype=np.float32), labels=np.array([0, 1]), rows=np.arange(2))
        >>> wrong = right._replace(labels=np.array([1, 0]))
        >>> validation_metrics(Predictions(forget=wrong, retain=right, test=right, val=wrong))
        {'UA': 100.0, 'RA': 100.0, 'TA': 0.0, 'MIA': 100.0}
    """
    return unlearning_metrics(replace(predictions, test=predictions.val), feature, "test", seed, solver)


def unlearning_metrics(
    predictions: Predictions,
    feature: Feature = "confidence",
    nonmembers: str = "test",
    seed: int = 0,
    solver: Solver = "interior_point",
) -> dict[str, float | None]:
    """Return UA, RA, TA and MIA in %; UA and MIA are None without a forget set, MIA also without a non-member.

    Args:
        predictions: The model's predictions on every part.
        feature: What the membership attack sees of the model's output.
        nonmembers: `test` or `val`: where the attack's non-members come from.
        seed: Seed of the attack's samples.
        solver: How the attack's machine is solved; see `membership_inference`.

    Example:
        >>> import numpy as np
        >>> right = Part(np.eye(2, dtype=np.float32), labels=np.array([0, 1]), rows=np.arange(2))
        >>> wrong = right._replace(labels=np.array([1, 0]))
        >>> unlearning_metrics(Predictions(forget=right, retain=right, test=wrong, val=wrong))
        {'UA': 0.0, 'RA': 100.0, 'TA': 0.0, 'MIA': 0.0}
    """
    metrics = accuracies(predictions)
    outside: Part = getattr(predictions, nonmembers)
    forget = predictions.forget
    measurable = len(forget.labels) and len(outside.labels)  # none for a run without test images
    metrics["MIA"] = attack(predictions.retain, outside, forget, feature, seed, solver) if measurable else None
    return metrics


def attack_draws(
    predictions: Predictions,
    feature: Feature = "confidence",
    nonmembers: str = "test",
    seed: int = 0,
    solver: Solver = "interior_point",
) -> list[float]:
    """Return MIA in % under several draws of the samples that the attack learns from; the first is MIA itself.

    The attack learns from equally many retained images and non-members, drawn at random. Where both look alike, its
    support vector machine degenerates on some draws and calls nearly all images non-members.

    Args:
        predictions: The model's predictions on every part.
        feature: See `unlearning_metrics`.
        nonmembers: See `unlearning_metrics`.
        seed: Seed of the first draw; the others use the following numbers.
        solver: As there.

    Returns:
        `DRAWS` shares; none where MIA cannot be measured, or takes too long to measure so often (`prob`, `libsvm`).

    Example:
        >>> import numpy as np
        >>> right = Part(np.eye(2, dtype=np.float32), labels=np.array([0, 1]), rows=np.arange(2))
        >>> wrong = right._replace(labels=np.array([1, 0]))
        >>> attack_draws(Predictions(forget=right, retain=right, test=wrong, val=wrong))
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    outside: Part = getattr(predictions, nonmembers)
    forget, retain = predictions.forget, predictions.retain
    if not len(forget.labels) or not len(outside.labels) or feature == "prob" or solver != "interior_point":
        return []
    shares = (attack(retain, outside, forget, feature, seed + number, solver) for number in range(DRAWS))
    return [share for share in shares if share is not None]
