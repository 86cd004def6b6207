"""A linear softmax model, and its training computed again in NumPy: runs of any length that a test can follow."""

import json
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from helpers.runs import weights

LINEAR = "helpers.linear.LinearNet"
"""Its name, wherever `tests/` is on the path."""

PLAIN = (
    *("--trainer.precision=32-true", "--data.augmentation=NoAug", "--model.init_args.lr_schedule=constant"),
    *("--model.init_args.momentum=0", "--model.init_args.weight_decay=0"),
)
"""Options under which a step is the learning rate times the gradient."""

UNEVEN = "--data.batch_size=10"
"""24 retained and 8 forgotten images leave a smaller last batch of each set, also where a step holds five of both."""

Step = tuple[np.ndarray, np.ndarray]
"""Which images a step held, and whether each is in the forget set."""


class LinearNet(nn.Module):
    """One linear layer on the pixels."""

    def __init__(self, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_channels * image_size**2, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, C) of normalised images."""
        return self.fc(x.flatten(1))


class Softmax:
    """The same in float64, starting from the weights of a run.

    Args:
        run: The run directory of the original.
        file: The file of images and labels.
    """

    def __init__(self, run: Path, file: Path) -> None:
        start = weights(run)
        self.weight, self.bias = (start[name].double().numpy() for name in ("fc.weight", "fc.bias"))
        with np.load(file) as arrays:
            pixels, self.labels = arrays["train_images"], arrays["train_labels"].ravel()
        self.images = (pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1) / 255 - 0.5) / 0.5

    def onehot(self, rows: np.ndarray) -> np.ndarray:
        """Return the true labels as (N, C)."""
        return np.eye(len(self.bias))[self.labels[rows]]

    def step(self, rows: np.ndarray, targets: np.ndarray, counts: np.ndarray, lr: float, l1: float = 0) -> None:
        """Go one step down the sum of `counts` (N,) times the cross-entropy to `targets` (N, C), and the l1 norm."""
        logits = self.images[rows] @ self.weight.T + self.bias
        probs = np.exp(logits - logits.max(1, keepdims=True))
        slope = counts[:, None] * (probs / probs.sum(1, keepdims=True) * targets.sum(1, keepdims=True) - targets)
        weight, bias = slope.T @ self.images[rows] + l1 * np.sign(self.weight), slope.sum(0) + l1 * np.sign(self.bias)
        self.weight, self.bias = self.weight - lr * weight, self.bias - lr * bias

    def check(self, run: Path, start: Path) -> None:
        """Compare with the weights of a run, which must have moved from those of `start`."""
        found, before = weights(run), weights(start)
        for name, value in (("fc.weight", self.weight), ("fc.bias", self.bias)):
            moved = np.abs(value - before[name].numpy()).max()
            assert moved > 1e-4
            assert np.abs(found[name].numpy() - value).max() < 1e-3 * moved


def mean_within(forget: np.ndarray, retain_weight: float, forget_weight: float) -> np.ndarray:
    """Return what each image of a step counts, where each set has its own mean and weight."""
    retained, forgotten = np.sum(~forget), np.sum(forget)
    return np.where(forget, forget_weight / max(forgotten, 1), retain_weight / max(retained, 1))


def watch(monkeypatch, method: type) -> list[Step]:
    """Return the list into which every training step from now on puts its images."""
    steps: list[Step] = []
    step = method.training_step

    def watched(self, batch, number):
        steps.append((batch.rows.numpy().copy(), batch.forget.numpy().copy()))
        return step(self, batch, number)

    monkeypatch.setattr(method, "training_step", watched)
    return steps


def forget_set(run: Path) -> list[int]:
    """Return the forget set of a run."""
    return json.loads((run / "split.json").read_text())["indices"]
