"""Cuts each epoch into global batches and shares each of them out over the processes."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, DistributedSampler

from medunlearn.contracts import Draw
from medunlearn.errors import InputError


class Request(NamedTuple):
    """One process's request to the data set for a batch."""

    indices: Tensor
    """(b,) int64: this process's share of the global batch."""
    places: Tensor
    """(b,) int64: their positions in the global batch."""
    global_size: int
    weight: Tensor
    """(b,): see `Batch.weight`."""
    seed: int


class DistributedBatchSampler(DistributedSampler[Request]):
    """Shares global batches out over the processes: the same batches whatever their number, nothing padded or dropped.

    Subclasses `DistributedSampler` so that Lightning keeps it and calls `set_epoch`. Lightning's own pads with
    duplicates, which changes every figure measured with it.

    By default the groups come one after the other, each image once an epoch. With `paired`, each step holds a batch of
    every group: of two groups and a global batch of B images, B - B // 2 of the first and B // 2 of the second, or the
    whole of a group that is smaller. The group with the most steps gives the length of the epoch and comes once; a
    shorter one is gone through again and again, in a new order each time. With `by_last` the last group gives the
    length instead, and a longer one comes in part: another part each epoch. Weights are then the mean within each
    group, so that a loss may scale the two against each other.

    Args:
        groups: Index tensors: one for a single shuffled pass, two for an epoch that goes through the forget set and
            then the retain set, or through both side by side.
        batch_size: Global batch size B.
        seed: Seed of order and draws; None for the order given.
        rank: This process.
        world_size: Number of processes.
        fill: Give a process whose share is empty one image of weight 0, so that it takes part in the step.
        paired: Go through the groups side by side.
        by_last: Of paired groups, let the last give the length of the epoch rather than the longest.
        whole: Give each process every `world_size`-th batch whole, rather than a share of every batch.
    """

    def __init__(
        self,
        groups: Sequence[Tensor],
        batch_size: int,
        seed: int | None = None,
        rank: int = 0,
        world_size: int = 1,
        fill: bool = False,
        paired: bool = False,
        by_last: bool = False,
        whole: bool = False,
    ) -> None:
        self.groups = [group for group in groups if len(group)]
        super().__init__(_Sized(sum(map(len, self.groups))), num_replicas=world_size, rank=rank, shuffle=False)
        self.batch_size = batch_size
        self.order_seed = seed
        self.fill, self.paired, self.by_last, self.whole = fill, paired, by_last, whole
        self.skip = 0
        """Number of batches, with their random draws, that the next pass skips at its beginning."""

    def __len__(self) -> int:
        return len(range(self.rank, self._steps(), self.num_replicas)) if self.whole else self._steps()

    def __iter__(self) -> Iterator[Request]:
        skip, self.skip = self.skip, 0
        for number, parts in enumerate(self.global_batches()):
            if number >= skip and (not self.whole or number % self.num_replicas == self.rank):
                yield self._share(parts, number)

    def global_batches(self) -> Iterator[list[Tensor]]:
        """Yield the global batches of this epoch, each as its parts: one, or one of every group where paired."""
        passes = [self._passes(place, size) for place, size in enumerate(self._sizes())]
        if self.paired:
            for _ in range(self._steps()):
                yield [next(batches) for batches in passes]
        else:
            for steps, batches in zip(self._steps_by_group(), passes, strict=True):
                for _ in range(steps):
                    yield [next(batches)]

    def smallest_batch(self) -> int:
        """Return how many images the smallest global batch holds."""
        return min(sum(map(len, parts)) for parts in self.global_batches())

    def _steps(self) -> int:
        steps = self._steps_by_group()
        if self.paired:
            return max(steps[-1:] if self.by_last else steps, default=0)
        return sum(steps)

    def _steps_by_group(self) -> list[int]:
        return [-(-len(group) // size) for group, size in zip(self.groups, self._sizes(), strict=True)]

    def _sizes(self) -> list[int]:
        if not self.paired:
            return [self.batch_size] * len(self.groups)
        half = self.batch_size // 2
        return [self.batch_size - half, half][: len(self.groups)]

    def _passes(self, place: int, size: int) -> Iterator[Tensor]:
        """Yield batches of one group without end; no batch reaches over the end of a pass."""
        for number in count():
            yield from torch.split(self._ordered(place, number), size)

    def _ordered(self, place: int, number: int) -> Tensor:
        group = self.groups[place]
        if self.order_seed is None:
            return group
        # The last number keeps this stream apart from the draws' below; a first pass has 0, later ones 2, 3, ...
        stream = number + 1 if number else 0
        generator = torch.Generator().manual_seed(_mix(self.order_seed, self.epoch, place, stream))
        return group[torch.randperm(len(group), generator=generator)]

    def _share(self, parts: list[Tensor], number: int) -> Request:
        batch = torch.cat(parts)
        processes, rank = (1, 0) if self.whole else (self.num_replicas, self.rank)
        places = torch.arange(len(batch))[rank::processes]
        weight = torch.cat([torch.full((len(part),), processes / len(part)) for part in parts])[places]
        if self.fill and len(places) == 0:
            places, weight = torch.zeros(1, dtype=torch.int64), torch.zeros(1)
        seed = _mix(self.order_seed or 0, self.epoch, number, 1)
        return Request(batch[places], places, len(batch), weight, seed)


PAIRED: tuple[Draw, ...] = ("paired", "paired_by_forget")
"""Draws whose steps hold a batch of each set."""


def check_draw(draw: str, batch_size: int) -> None:
    """Reject an unknown draw, and batches too small for it."""
    if draw not in get_args(Draw):
        raise InputError(f"images={draw}: unknown draw; choose one of {', '.join(get_args(Draw))}")
    if draw in PAIRED and batch_size < 2:
        raise InputError(f"batch_size={batch_size}: a paired step holds two parts; give 2 or more", part="data")


def draw_groups(draw: Draw, retain: np.ndarray, forget: np.ndarray) -> list[Tensor]:
    """Return the groups that a `DistributedBatchSampler` goes through for a draw.

    Args:
        draw: Which images.
        retain: Indices of the retain set, shape (R,).
        forget: Indices of the forget set, shape (F,).
    """
    groups = {
        "all": [np.arange(len(retain) + len(forget))],
        "retain": [retain],
        "forget": [forget],
        "forget_then_retain": [forget, retain],
        "paired": [retain, forget],
        "paired_by_forget": [retain, forget],
    }
    return [torch.from_numpy(group) for group in groups[draw]]


def _mix(*numbers: int) -> int:
    """Return one seed from several, so that streams for neighbouring epochs and batches are unrelated."""
    return int(np.random.SeedSequence([number % 2**63 for number in numbers]).generate_state(1, np.uint64)[0]) >> 1


class _Sized(Dataset[None]):
    """All that `DistributedSampler` asks of a data set: its length."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length
