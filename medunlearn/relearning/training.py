"""Trains on the forget set again, with the same batches for every model, and records loss and error by step."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from medunlearn.errors import InputError, check_least

AT_ONCE = 512
"""Images that are evaluated at a time."""


@dataclass(frozen=True)
class Schedule:
    """How models are trained on the forget set; the same for all that are compared.

    Args:
        steps: Number of steps.
        lr: Learning rate of SGD with momentum 0.9.
        batch_size: Images per step.
        seed: Seed of the order of the images.
        every: Number of steps between two measurements of the forget set, each of which takes longer than a step.

    Raises:
        InputError: If a value is out of range.

    Example:
        >>> Schedule(steps=20).lr
        0.001
    """

    steps: int = 50
    lr: float = 0.001
    batch_size: int = 32
    seed: int = 0
    every: int = 5

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("batch_size", 1), ("every", 1), ("seed", 0)):
            check_least(name, getattr(self, name), least)
        if not 0 < self.lr < float("inf"):
            raise InputError(f"lr={self.lr:g}: give a number above 0")

    def batches(self, images: int) -> list[np.ndarray]:
        """Return the rows of each step: passes through all images, each in a new order."""
        rng, rows = np.random.default_rng(self.seed), np.empty(0, np.int64)
        size = min(self.batch_size, images)
        while len(rows) < self.steps * size:
            rows = np.concatenate([rows, rng.permutation(images)])
        return np.split(rows[: self.steps * size], self.steps)


class Curve(NamedTuple):
    """Loss and error of a model on the forget set, before training and after some of the steps."""

    steps: np.ndarray
    """(M,): number of steps before each measurement; 0 is before training."""
    loss: np.ndarray
    """(M,): mean cross-entropy in nats."""
    error: np.ndarray
    """(M,): error in %."""


def relearn(model: nn.Module, images: Tensor, labels: Tensor, schedule: Schedule) -> Curve:
    """Train a model on images, in place, and return its loss and error on them during training.

    BatchNorm keeps its statistics: those of a few images seen without augmentation would change every model's answers
    more than the steps do.

    Args:
        model: It takes images and returns logits (N, C).
        images: uint8 or float in [0, 1], (N, channels, H, W).
        labels: int64, (N,).
        schedule: How it is trained.
    """
    optimizer = torch.optim.SGD([each for each in model.parameters() if each.requires_grad], schedule.lr, 0.9)
    model.eval()
    found = [(0, *_measured(model, images, labels))]
    for step, rows in enumerate(schedule.batches(len(labels)), start=1):
        chosen = torch.from_numpy(rows).to(labels.device)
        loss = cross_entropy(model(images[chosen]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % schedule.every == 0 or step == schedule.steps:
            found.append((step, *_measured(model, images, labels)))
    return Curve(*(np.array(values) for values in zip(*found, strict=True)))


@torch.no_grad()
def _measured(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[float, float]:
    logits = torch.cat([model(part) for part in torch.split(images, AT_ONCE)]).double()
    return float(cross_entropy(logits, labels)), 100 * float((logits.argmax(1) != labels).double().mean())
