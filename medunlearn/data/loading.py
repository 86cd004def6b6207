from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from medunlearn.contracts import Batch
from medunlearn.data.augmentation import draw


class Request(NamedTuple):
    """What a process asks of the data set for one batch."""

    indices: Tensor
    """(b,) int64: this process's share of the global batch."""
    places: Tensor
    """(b,) int64: where in the global batch they stand."""
    global_size: int
    weight: Tensor
    """(b,): see `Batch.weight`."""
    seed: int


class DealtBatches(DistributedSampler[Request]):
    """Deals out global batches over the processes: each image once an epoch, none twice, none dropped.

    A `DistributedSampler` by name, so that Lightning leaves it in place and tells it the epoch. Lightning's own pads
    with duplicates, which changes every figure measured with it.

    Args:
        groups: Index tensors, each dealt out to its end before the next: one for a single shuffled pass, two for an
            epoch that goes through the forget set and then the retain set.
        batch_size: Global batch size B.
        seed: Seed of order and draws; None for the order given.
        rank: This process.
        world_size: Number of processes.
        fill: Give a process whose share is empty one image of weight 0, so that it takes part in the step.
    """

    def __init__(
        self,
        groups: Sequence[Tensor],
        batch_size: int,
        seed: int | None = None,
        rank: int = 0,
        world_size: int = 1,
        fill: bool = False,
    ) -> None:
        self.groups = [group for group in groups if len(group)]
        super().__init__(_Sized(sum(map(len, self.groups))), num_replicas=world_size, rank=rank, shuffle=False)
        self.batch_size = batch_size
        self.order_seed = seed
        self.fill = fill
        self.skip = 0
        """How many batches the next pass leaves out at its beginning, with all that is drawn for them."""

    def __len__(self) -> int:
        return sum(-(-len(group) // self.batch_size) for group in self.groups)

    def __iter__(self) -> Iterator[Request]:
        skip, self.skip = self.skip, 0
        number = 0
        for place, group in enumerate(self.groups):
            for batch in torch.split(self._ordered(group, place), self.batch_size):
                if number >= skip:
                    yield self._share(batch, number)
                number += 1

    def _ordered(self, group: Tensor, place: int) -> Tensor:
        if self.order_seed is None:
            return group
        generator = torch.Generator().manual_seed(_mix(self.order_seed, self.epoch, place, 0))
        return group[torch.randperm(len(group), generator=generator)]

    def _share(self, batch: Tensor, number: int) -> Request:
        places = torch.arange(len(batch))[self.rank :: self.num_replicas]
        weight = torch.full((len(places),), self.num_replicas / len(batch))
        if self.fill and len(places) == 0:
            places, weight = torch.zeros(1, dtype=torch.int64), torch.zeros(1)
        seed = _mix(self.order_seed or 0, self.epoch, number, 1)
        return Request(batch[places], places, len(batch), weight, seed)


class ImageDataset(Dataset[Batch]):
    """Images in memory as uint8, given out a whole batch at a time.

    Args:
        images: uint8, (N, H, W) or (N, H, W, 3).
        labels: (N,) integers.
        forget: (N,) bool: which images are in the forget set; None for none.
        augmentation: The preset drawn for each batch; None for images as they are.
    """

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, forget: np.ndarray | None = None, augmentation: str | None = None
    ) -> None:
        self.images = torch.from_numpy(images)
        self.labels = torch.from_numpy(labels)
        self.forget = torch.zeros(len(labels), dtype=torch.bool) if forget is None else torch.from_numpy(forget)
        self.augmentation = augmentation

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, request: Request) -> Batch:
        """Return the batch asked for; images are (b, channels, H, W) in channels-last memory."""
        generator = torch.Generator().manual_seed(request.seed)
        images = self.images.index_select(0, request.indices)
        draws = draw(self.augmentation, request.global_size, generator) if self.augmentation else None
        return Batch(
            images=images.permute(0, 3, 1, 2) if images.ndim == 4 else images.unsqueeze(1),
            labels=self.labels[request.indices],
            rows=request.indices,
            forget=self.forget[request.indices],
            weight=request.weight,
            uniform=torch.rand(request.global_size, generator=generator)[request.places],
            draws=None if draws is None else draws.rows(request.places),
        )


class ResumableLoader(DataLoader[Batch]):
    """A DataLoader that goes on in the middle of a pass: Lightning keeps its state in checkpoints."""

    given = 0
    """Batches given out in this pass."""

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]  # an iterator like torch's, counting
        sampler = cast(DealtBatches, self.sampler)
        self.given = sampler.skip
        for batch in super().__iter__():
            self.given += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Return how many batches of this pass have been given out."""
        return {"given": self.given}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Let the next pass begin after those that were given out."""
        cast(DealtBatches, self.sampler).skip = state["given"]


def make_loader(dataset: ImageDataset, sampler: DealtBatches, workers: int = 0) -> ResumableLoader:
    """Return a DataLoader that fetches one dealt batch at a time."""
    return ResumableLoader(
        dataset,
        sampler=sampler,
        batch_size=None,  # the sampler asks for whole batches
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
    )


def _mix(*numbers: int) -> int:
    """Return one seed from several, so that streams for neighbouring epochs and batches are unrelated."""
    return int(np.random.SeedSequence([number % 2**63 for number in numbers]).generate_state(1, np.uint64)[0] >> 1)


class _Sized(Dataset[None]):
    """All that `DistributedSampler` asks of a data set: its length."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length
