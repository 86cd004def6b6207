"""Global batches shared out over processes, without any process."""

import torch

from medunlearn.data.sampling import DistributedBatchSampler


def groups_of(sizes):
    """Disjoint groups whose indices are neither 0, 1, 2, ... nor in order."""
    order = 10 + 3 * torch.randperm(sum(sizes), generator=torch.Generator().manual_seed(2))
    return list(torch.split(order, sizes))


def shared(sizes, batch_size, world=1, epoch=0, seed=0, fill=False, groups=None, **options):
    """Every process's requests of one epoch, one list per process."""
    requests = []
    for rank in range(world):
        sampler = DistributedBatchSampler(groups or groups_of(sizes), batch_size, seed, rank, world, fill, **options)
        sampler.set_epoch(epoch)
        requests.append(list(sampler))
        assert len(requests[-1]) == len(sampler)
    return requests


def real(requests):
    """The requests of one global batch as (place, index) pairs, fillers left out."""
    pairs = [
        (int(place), int(index))
        for request in requests
        for place, index, weight in zip(request.places, request.indices, request.weight, strict=True)
        if weight > 0
    ]
    return sorted(pairs)
