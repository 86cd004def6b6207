"""Gradients of a linear softmax model in NumPy, and what a run of one starts from."""

import json
from pathlib import Path

import numpy as np

from helpers.runs import weights


def parameters(run: Path) -> np.ndarray:
    """Return weights and biases of a run of `LinearNet` in one vector (P,), float64."""
    found = weights(run)
    return np.concatenate([found["fc.weight"].numpy().ravel(), found["fc.bias"].numpy()]).astype(np.float64)


def data(npz: Path, run: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features (n, 193), the last of them 1, labels (n,), and which images are in a run's forget set (n,)."""
    with np.load(npz) as arrays:
        images, labels = arrays["train_images"], arrays["train_labels"][:, 0].astype(int)
    pixels = (images.transpose(0, 3, 1, 2).reshape(len(images), -1) / 255 - 0.5) / 0.5
    forget = np.isin(np.arange(len(images)), json.loads((run / "split.json").read_text())["indices"])
    return np.hstack([pixels, np.ones((len(pixels), 1))]), labels, forget


def probabilities(theta: np.ndarray, features: np.ndarray, classes: int = 4) -> np.ndarray:
    """Return the softmax (n, C) of a linear model."""
    inputs = features.shape[1] - 1
    logits = features[:, :-1] @ theta[: classes * inputs].reshape(classes, inputs).T + theta[classes * inputs :]
    values = np.exp(logits - logits.max(1, keepdims=True))
    return values / values.sum(1, keepdims=True)


def gradients(theta: np.ndarray, features: np.ndarray, labels: np.ndarray, classes: int = 4) -> np.ndarray:
    """Return each image's gradient of the cross-entropy (n, P), in the order of `parameters`."""
    residual = probabilities(theta, features, classes) - np.eye(classes)[labels]
    pixels = residual[:, :, None] * features[:, None, :-1]
    return np.hstack([pixels.reshape(len(features), -1), residual])
