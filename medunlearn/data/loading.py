"""Fetches whole batches from images in memory, in the order of a sampler."""

from collections.abc import Iterator
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from medunlearn.contracts import Batch
from medunlearn.data.augmentation import PRESETS, Draws, augment, draw
from medunlearn.data.sampling import DistributedBatchSampler, Request
from medunlearn.errors import InputError, check_least

EVALUATION_PIXELS = 2**19
"""Pixels that a process evaluates at a time: 128 images of 64x64, enough to use the hardware fully. In float32 with
gradients, as for the saliency mask, they take as much memory as 256 images in bfloat16 training."""

EVALUATION_IMAGES = 1024
"""Most images at a time, however small: with more, the data no longer fit in the processor's caches."""


class ImageDataset(Dataset[Batch]):
    """Images in memory as uint8, fetched a whole batch at a time.

    Args:
        images: uint8, (N, H, W) or (N, H, W, 3).
        labels: (N,) integers.
        forget: (N,) bool: which images are in the forget set; None for none.
        augmentation: The preset drawn for each batch; None for images as they are.
        views: Number of augmented views: with 2, `Batch.second` is filled.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        forget: np.ndarray | None = None,
        augmentation: str | None = None,
        views: int = 1,
    ) -> None:
        self.images = torch.from_numpy(images)
        self.labels = torch.from_numpy(labels)
        self.forget = torch.zeros(len(labels), dtype=torch.bool) if forget is None else torch.from_numpy(forget)
        self.augmentation, self.views = augmentation, views

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, request: Request) -> Batch:
        """Return the requested batch; images are (b, channels, H, W) in channels-last memory."""
        generator = torch.Generator().manual_seed(request.seed)
        images = self.images.index_select(0, request.indices)
        draws = self._drawn(request, generator)
        batch = Batch(
            images=images.permute(0, 3, 1, 2) if images.ndim == 4 else images.unsqueeze(1),
            labels=self.labels[request.indices],
            rows=request.indices,
            forget=self.forget[request.indices],
            weight=request.weight,
            uniform=torch.rand(request.global_size, generator=generator)[request.places],
            draws=draws,
        )
        # Drawn last, so that all other random numbers are the same with one view and with two.
        return batch if self.views == 1 else batch._replace(second=self._drawn(request, generator))

    def _drawn(self, request: Request, generator: torch.Generator) -> Draws | None:
        draws = draw(self.augmentation, request.global_size, generator) if self.augmentation else None
        return None if draws is None else draws.rows(request.places)


class ResumableLoader(DataLoader[Batch]):
    """A DataLoader that can resume in the middle of an epoch; Lightning saves its state in checkpoints."""

    given = 0
    """Number of batches returned so far in this pass."""

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]  # an iterator like torch's, counting
        sampler = cast(DistributedBatchSampler, self.sampler)
        self.given = sampler.skip
        for batch in super().__iter__():
            self.given += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Return the number of batches returned so far in this pass."""
        return {"given": self.given}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Let the next pass skip the batches that had been returned."""
        cast(DistributedBatchSampler, self.sampler).skip = state["given"]


def make_loader(dataset: ImageDataset, sampler: DistributedBatchSampler, workers: int = 0) -> ResumableLoader:
    """Return a DataLoader that fetches one batch of the sampler at a time."""
    return ResumableLoader(
        dataset,
        sampler=sampler,
        batch_size=None,  # the sampler asks for whole batches
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
    )


def evaluation_batch(size: int) -> int:
    """Return how many images of `size` pixels a side a process evaluates at a time; independent of the batch size."""
    return min(EVALUATION_IMAGES, max(1, EVALUATION_PIXELS // size**2))


def check_loading(augmentation: str, batch_size: int, num_workers: int) -> None:
    """Reject settings of `MedMNISTDataModule` with which no batch can be fetched."""
    if augmentation not in PRESETS:
        raise InputError(
            f"augmentation={augmentation}: unknown preset; choose one of {', '.join(PRESETS)}", part="data"
        )
    check_least("batch_size", batch_size, 1, part="data")
    check_least("num_workers", num_workers, 0, part="data")


def augmented(images: Tensor, draws: Draws | None, as_rgb: bool) -> Tensor:
    """Return uint8 images, augmented as drawn, as float in [0, 1]; gray ones in three channels on request."""
    images = augment(images, draws).float().div_(255)
    return images.expand(-1, 3, -1, -1) if as_rgb and images.shape[1] == 1 else images


def check_views(views: int, augmentation: str) -> int:
    """Return `views`; reject two views without augmentation, which would be equal."""
    if views not in (1, 2):
        raise ValueError(f"Expected argument `views` to be 1 or 2, but got {views}")
    if views == 2 and augmentation == "NoAug":
        raise InputError(
            "augmentation=NoAug: this method compares two augmented views of each image; choose Default", part="data"
        )
    return views
