from itertools import chain

import numpy as np
import pytest
import torch
from torch.utils.data import DistributedSampler

from medunlearn.contracts import Batch
from medunlearn.data.augmentation import augment
from medunlearn.data.loading import ImageDataset, make_loader
from medunlearn.data.sampling import DistributedBatchSampler

# (sizes of the groups, global batch size): whole and uneven ones, a last batch of one image, one batch in all.
SHAPES = [([12], 4), ([13], 4), ([14], 5), ([3], 8), ([1], 1), ([5, 11], 4), ([4, 9], 4), ([7, 1], 3)]
WORLDS = [1, 2, 3]
PRESETS = ["NoAug", "Default", "Default+RandAugment"]


def groups_of(sizes):
    """Disjoint groups whose indices are neither 0, 1, 2, ... nor in order."""
    order = 10 + 3 * torch.randperm(sum(sizes), generator=torch.Generator().manual_seed(2))
    return list(torch.split(order, sizes))


def deal(sizes, batch_size, world=1, epoch=0, seed=0, fill=False, groups=None):
    """Every process's requests of one epoch, one list per process."""
    dealt = []
    for rank in range(world):
        sampler = DistributedBatchSampler(groups or groups_of(sizes), batch_size, seed, rank, world, fill)
        sampler.set_epoch(epoch)
        requests = list(sampler)
        assert len(requests) == len(sampler)
        dealt.append(requests)
    return dealt


def real(requests):
    """The requests of one global batch as (place, index) pairs, fillers left out."""
    pairs = [
        (int(place), int(index))
        for request in requests
        for place, index, weight in zip(request.places, request.indices, request.weight, strict=True)
        if weight > 0
    ]
    return sorted(pairs)


# Dealing


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(("sizes", "batch_size"), SHAPES)
@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize("fill", [False, True])
def test_the_shares_of_a_batch_make_up_the_single_processs_batch(sizes, batch_size, world, seed, fill):
    alone = deal(sizes, batch_size, 1, epoch=3, seed=seed)[0]
    shares = deal(sizes, batch_size, world, epoch=3, seed=seed, fill=fill)
    assert all(len(mine) == len(alone) for mine in shares)
    for whole, *parts in zip(alone, *shares, strict=True):
        assert real(parts) == list(enumerate(whole.indices.tolist()))
        assert all(part.global_size == len(whole.indices) for part in parts)
        assert all(part.seed == whole.seed for part in parts)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(("sizes", "batch_size"), SHAPES)
@pytest.mark.parametrize("fill", [False, True])
def test_every_image_comes_once_an_epoch_and_none_is_dropped(sizes, batch_size, world, fill):
    shares = deal(sizes, batch_size, world, fill=fill)
    seen = [index for step in zip(*shares, strict=True) for _, index in real(step)]
    assert sorted(seen) == sorted(torch.cat(groups_of(sizes)).tolist())


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(("sizes", "batch_size"), SHAPES)
@pytest.mark.parametrize("fill", [False, True])
def test_the_average_over_processes_of_the_weighted_sum_is_the_mean_over_the_batch(sizes, batch_size, world, fill):
    for step in zip(*deal(sizes, batch_size, world, fill=fill), strict=True):
        assert sum(request.weight.sum().item() for request in step) / world == pytest.approx(1, abs=1e-6)
        count = step[0].global_size
        weights = torch.cat([request.weight[request.weight > 0] for request in step])
        assert weights.tolist() == pytest.approx([world / count] * count)
        loss = sum((request.weight * request.indices**2).sum().item() for request in step) / world
        assert loss == pytest.approx(np.mean([index**2 for _, index in real(step)]), rel=1e-6)


@pytest.mark.parametrize(("sizes", "batch_size"), SHAPES)
def test_no_batch_is_larger_than_asked_and_only_the_last_of_a_group_smaller(sizes, batch_size):
    expected = [
        min(batch_size, size - start) for size in sizes for start in range(0, size, batch_size)
    ]  # a group's last batch holds what is left of it
    assert [len(request.indices) for request in deal(sizes, batch_size)[0]] == expected


@pytest.mark.parametrize("world", [2, 3])
def test_shares_of_a_batch_differ_by_one_image_at_most(world):
    for step in zip(*deal([14], 5, world), strict=True):
        counts = [len(request.indices) for request in step]
        assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("fill", [False, True])
def test_only_an_empty_share_is_filled_and_only_on_request(fill):
    # Batches of 4, 4 and 1 images for 3 processes: in the last one, two have nothing.
    shares = deal([9], 4, 3, fill=fill)
    assert [[len(request.indices) for request in mine] for mine in shares] == (
        [[2, 2, 1], [1, 1, 1], [1, 1, 1]] if fill else [[2, 2, 1], [1, 1, 0], [1, 1, 0]]
    )
    weights = [mine[-1].weight.tolist() for mine in shares]
    assert weights == ([[3.0], [0.0], [0.0]] if fill else [[3.0], [], []])
    assert all((request.weight > 0).all() for mine in shares for request in mine[:-1])


def test_a_filler_is_an_image_of_the_batch():
    last = [mine[-1] for mine in deal([9], 4, 3, fill=True)]
    assert [request.indices.tolist() for request in last] == [last[0].indices.tolist()] * 3
    assert [request.places.tolist() for request in last] == [[0]] * 3


def test_two_groups_are_dealt_one_after_the_other_in_batches_of_their_own():
    forget, retain = torch.arange(100, 105), torch.arange(11)
    batches = [request.indices.tolist() for request in deal([], 4, groups=[forget, retain])[0]]
    assert [sorted(batch)[0] >= 100 for batch in batches] == [True, True, False, False, False]
    assert sorted(chain(*batches[:2])) == forget.tolist()
    assert sorted(chain(*batches[2:])) == retain.tolist()


def test_an_empty_group_is_no_batch():
    empty = torch.empty(0, dtype=torch.int64)
    assert [request.indices.tolist() for request in deal([], 4, seed=None, groups=[empty, torch.arange(3)])[0]] == [
        [0, 1, 2]
    ]
    assert deal([], 4, world=2, fill=True, groups=[empty]) == [[], []]


def order(**settings):
    return torch.cat([request.indices for request in deal([40], 7, **settings)[0]]).tolist()


def test_the_order_is_the_same_for_the_same_epoch_and_seed():
    assert order(seed=5, epoch=2) == order(seed=5, epoch=2)
    torch.manual_seed(99)  # the global generator must not matter
    before = torch.random.get_rng_state()
    assert order(seed=5, epoch=2) == order(seed=5, epoch=2)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_order_differs_between_epochs_and_between_seeds():
    orders = [tuple(order(seed=seed, epoch=epoch)) for seed in (0, 1, 2**63 - 1) for epoch in range(4)]
    assert len(set(orders)) == len(orders)
    assert all(list(one) != sorted(one) for one in orders)


def test_groups_of_one_epoch_are_shuffled_independently():
    first, second = torch.arange(20), torch.arange(20) + 100
    batches = [request.indices for request in deal([], 20, groups=[first, second])[0]]
    assert batches[0].tolist() != (batches[1] - 100).tolist()


def test_without_a_seed_the_order_is_the_one_given():
    assert [order(seed=None, epoch=epoch) for epoch in (0, 1)] == [groups_of([40])[0].tolist()] * 2


def test_every_batch_of_every_epoch_has_a_seed_of_its_own():
    seeds = [request.seed for seed in (0, 1) for epoch in range(5) for request in deal([40], 7, 1, epoch, seed)[0]]
    assert len(set(seeds)) == len(seeds) == 60


def test_dealing_again_starts_anew():
    sampler = DistributedBatchSampler(groups_of([9]), 4, seed=1)
    assert [r.indices.tolist() for r in sampler] == [r.indices.tolist() for r in sampler]
    assert [r.seed for r in sampler] == [r.seed for r in sampler]


def test_lightning_takes_it_for_a_distributed_sampler():
    # Otherwise it would put its own in place, which pads with duplicates.
    assert isinstance(DistributedBatchSampler(groups_of([9]), 4), DistributedSampler)


# Fetching


def dataset(augmentation="Default+RandAugment", count=60, gray=False, forget=True):
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(count, 10, 10) if gray else (count, 10, 10, 3), dtype=np.uint8)
    return ImageDataset(images, rng.integers(4, size=count), rng.random(count) < 0.4 if forget else None, augmentation)


def fetch(data, world=1, epoch=1, fill=False, batch_size=5):
    """Every process's batches of one epoch over 14 images: 5, 5 and 4."""
    return [[data[request] for request in mine] for mine in deal([14], batch_size, world, epoch, fill=fill)]


def test_a_batch_holds_what_the_request_names():
    data = dataset()
    for request, batch in zip(deal([14], 5)[0], fetch(data, epoch=0)[0], strict=True):
        assert isinstance(batch, Batch)
        assert batch.rows.tolist() == request.indices.tolist()
        assert torch.equal(batch.images, data.images[request.indices].permute(0, 3, 1, 2))
        assert batch.labels.tolist() == [int(data.labels[row]) for row in request.indices]
        assert batch.forget.tolist() == [bool(data.forget[row]) for row in request.indices]
        assert torch.equal(batch.weight, request.weight)


def test_types_and_shapes_are_the_contracts():
    batch = fetch(dataset())[0][0]
    types = {name: getattr(batch, name).dtype for name in Batch._fields if name != "draws"}
    assert types == {
        "images": torch.uint8,
        "labels": torch.int64,
        "rows": torch.int64,
        "forget": torch.bool,
        "weight": torch.float32,
        "uniform": torch.float32,
    }
    assert batch.images.shape == (5, 3, 10, 10)
    assert all(getattr(batch, name).shape == (5,) for name in types if name != "images")
    assert all(len(field) == 5 for field in batch.draws)


def test_colour_images_lie_in_channels_last_memory():
    images = fetch(dataset())[0][0].images
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert not images.is_contiguous()


def test_gray_images_have_one_channel():
    data = dataset(gray=True)
    batch = fetch(data)[0][0]
    assert batch.images.shape == (5, 1, 10, 10)
    assert torch.equal(batch.images[:, 0], data.images[batch.rows])


def test_without_a_forget_mask_no_image_is_forgotten():
    assert not any(batch.forget.any() for batch in fetch(dataset(forget=False))[0])


def test_a_batch_is_a_copy_of_the_images():
    data = dataset()
    before = data.images.clone()
    fetch(data)[0][0].images.zero_()
    assert torch.equal(data.images, before)


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("world", "fill"), [(2, False), (3, False), (3, True)])
def test_a_share_gets_the_same_random_numbers_and_augmented_images_as_alone(preset, world, fill, gray):
    data = dataset(preset, gray=gray)
    for whole, *parts in zip(*fetch(data), *fetch(data, world, fill=fill), strict=True):
        by_row = {int(row): place for place, row in enumerate(whole.rows)}
        augmented = augment(whole.images, whole.draws)
        for part in parts:
            places = [by_row[int(row)] for row in part.rows]
            assert torch.equal(part.uniform, whole.uniform[places])
            assert torch.equal(augment(part.images, part.draws), augmented[places])
            assert torch.equal(part.labels, whole.labels[places])


@pytest.mark.parametrize("preset", ["Default", "Default+RandAugment"])
def test_draws_and_random_numbers_differ_between_images_batches_and_epochs(preset):
    data = dataset(preset)
    batches = [batch for epoch in range(3) for batch in fetch(data, epoch=epoch)[0]]
    uniform = torch.cat([batch.uniform for batch in batches]).tolist()
    assert len(set(uniform)) == len(uniform)
    assert 0 <= min(uniform) < 0.2
    assert 0.8 < max(uniform) < 1
    shifts = {tuple(batch.draws.shift.flatten().tolist()) for batch in batches}
    assert len(shifts) == len(batches)


def test_fetching_again_gives_the_same_batch_and_leaves_the_global_generator_alone():
    data, request = dataset(), deal([14], 5)[0][0]
    state = torch.random.get_rng_state()
    first, again = data[request], data[request]
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(first.uniform, again.uniform)
    assert all(torch.equal(a, b) for a, b in zip(first.draws, again.draws, strict=True))


@pytest.mark.parametrize("preset", ["NoAug", None])
def test_evaluation_batches_carry_no_draws(preset):
    assert all(batch.draws is None for batch in fetch(dataset(preset))[0])


@pytest.mark.parametrize("preset", PRESETS)
def test_a_loader_gives_the_dealt_batches_as_they_are(preset):
    data, sampler = dataset(preset), DistributedBatchSampler(groups_of([14]), 5, seed=0)
    loader = make_loader(data, sampler)
    assert len(loader) == 3
    for epoch in (0, 1):
        loader.sampler.set_epoch(epoch)
        for batch, direct in zip(loader, fetch(data, epoch=epoch)[0], strict=True):
            assert isinstance(batch, Batch)
            assert batch.images.is_contiguous(memory_format=torch.channels_last)
            assert torch.equal(augment(batch.images, batch.draws), augment(direct.images, direct.draws))
            for name in ("labels", "rows", "forget", "weight", "uniform"):
                assert torch.equal(getattr(batch, name), getattr(direct, name))


def test_worker_processes_change_nothing():
    data = dataset()
    loader = make_loader(data, DistributedBatchSampler(groups_of([14]), 5, seed=0), workers=1)
    for batch, direct in zip(loader, fetch(data, epoch=0)[0], strict=True):
        assert torch.equal(augment(batch.images, batch.draws), augment(direct.images, direct.draws))
        assert torch.equal(batch.uniform, direct.uniform)


def test_a_data_set_is_as_long_as_its_images():
    assert len(dataset(count=17)) == 17
