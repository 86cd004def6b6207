"""What data, methods and measurement agree on, so that none of them imports another."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:  # what reads runs needs `Role` and no torch, which takes seconds to import
    from torch import Tensor, nn

    from medunlearn.timing import Stopwatch

Preset = Literal["NoAug", "Default", "Default+RandAugment"]
"""Augmentation: none; random crop and horizontal flip; the same and RandAugment(2, 9)."""

Role = Literal["original", "retrained", "unlearned"]
"""What a model is: it saw every image, it never saw the forget set, or it started from an original."""

TrainingPart = Literal["all", "retain", "forget_then_retain"]
"""What a method trains on: every image, the retained ones only, or first the forget set and then the retained ones."""


class Batch(NamedTuple):
    """One process's share of a global batch of B images; b of them are here.

    Everything random about a batch is drawn with it, from the seed, the epoch and the number of the batch, for the
    whole global batch. So it does not depend on the device, the processes or the workers, and a resumed run draws what
    the uninterrupted run would have drawn.
    """

    images: Tensor
    """(b, channels, H, W): uint8 as fetched, float in [0, 1] once on the device."""
    labels: Tensor
    """(b,) int64: the true classes."""
    rows: Tensor
    """(b,) int64: which image of its split each one is."""
    forget: Tensor
    """(b,) bool: whether the image is in the forget set."""
    weight: Tensor
    """(b,): what each image's loss counts, so that the sum over a process, averaged over the processes, is the mean
    over the global batch. 0 for an image that only fills an empty share."""
    uniform: Tensor
    """(b,) in [0, 1): one random number an image, for methods that need one, such as random labels."""
    draws: Any
    """The parameters of the augmentation; None where images stay as they are."""


class UnlearningData(Protocol):
    """What methods and callbacks ask of the data module."""

    seed: int
    stopwatch: Stopwatch

    @property
    def data_name(self) -> str:
        """The name of the data, for people."""

    @property
    def num_classes(self) -> int:
        """Number of classes C."""

    @property
    def forget_indices(self) -> np.ndarray:
        """The forget set as sorted indices into the training set, shape (F,)."""

    def split_record(self) -> dict[str, Any]:
        """Return the content of `split.json`."""

    def train_on(self, part: TrainingPart) -> None:
        """Say which images the training epochs go through."""

    def require_forget_set(self) -> None:
        """Refuse data without a forget set."""

    def forget_dataloader(self, augmentation: Preset = "NoAug") -> Iterable[Batch]:
        """Return the forget set in order."""

    def evaluation_dataloaders(self) -> dict[str, Iterable[Batch]]:
        """Return every image once, by part, as it is."""


class UnlearningModule(Protocol):
    """What callbacks ask of a method."""

    backbone: nn.Module
    original: Path | None
    training_part: TrainingPart
    num_classes: int
    stopwatch: Stopwatch
    mask: dict[str, Tensor] | None

    @property
    def datamodule(self) -> UnlearningData:
        """The data of the run."""
