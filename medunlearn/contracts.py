"""What data, methods and measurement agree on, so that none of them imports another."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from torch import Tensor, nn

from medunlearn.timing import Stopwatch

Preset = Literal["NoAug", "Default", "Default+RandAugment"]
"""Augmentation: none; random crop and horizontal flip; the same and RandAugment(2, 9)."""

Role = Literal["original", "retrained", "unlearned"]
"""What a model is: it saw every image, it never saw the forget set, or it started from an original."""

Draw = Literal["all", "retain", "forget", "forget_then_retain", "paired"]
"""Which images an epoch goes through: every image, the retain set alone, the forget set alone, first the forget set and
then the retain set, or both side by side: each step holds a retain batch and a forget batch, the shorter set cycled."""

Part = Literal["retain", "forget", "val"]
"""What a method may look at beside its training batches. The test set chooses nothing, so it is not among them."""


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
    over the global batch; where the draw is `paired`, the mean over its retained images plus the mean over its
    forgotten ones. 0 for an image that only fills an empty share."""
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

    def train_on(self, images: Callable[[int], Draw], epochs: int) -> None:
        """Set which images each training epoch goes through."""

    def steps(self, epoch: int) -> int:
        """Return how many global batches an epoch has."""

    def require_forget_set(self) -> None:
        """Refuse data without a forget set."""

    def part_dataloader(self, part: Part, augmentation: Preset = "NoAug") -> Iterable[Batch]:
        """Return a part of the data in order, each image once over all processes."""

    def statistics_dataloader(self) -> Iterable[Batch]:
        """Return the retain set in whole batches, every process others of them."""

    def evaluation_dataloaders(self) -> dict[str, Iterable[Batch]]:
        """Return every image once, by part, as it is."""


class UnlearningModule(Protocol):
    """What callbacks ask of a method."""

    role: Role
    backbone: nn.Module
    original: Path | None
    num_classes: int
    stopwatch: Stopwatch
    mask: dict[str, Tensor] | None

    @property
    def datamodule(self) -> UnlearningData:
        """The data of the run."""

    def images(self, epoch: int) -> Draw:
        """Return which images an epoch goes through."""

    def finish(self) -> None:
        """Bring the model into the state that is measured and saved."""

    def facts(self) -> dict[str, float | str]:
        """Return what the method says of this run."""

    def departures(self) -> dict[str, Any]:
        """Return the arguments that differ from the method's defaults."""
