"""Whole batches from images in memory."""

import numpy as np
import pytest
import torch
from helpers.sampling import groups_of, shared

from medunlearn.contracts import Batch
from medunlearn.data.augmentation import augment
from medunlearn.data.loading import ImageDataset, check_views, make_loader
from medunlearn.data.sampling import DistributedBatchSampler
from medunlearn.errors import InputError

PRESETS = ["NoAug", "Default", "Default+RandAugment"]


def dataset(augmentation="Default+RandAugment", count=60, gray=False, forget=True):
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(count, 10, 10) if gray else (count, 10, 10, 3), dtype=np.uint8)
    return ImageDataset(images, rng.integers(4, size=count), rng.random(count) < 0.4 if forget else None, augmentation)


def fetch(data, world=1, epoch=1, fill=False, batch_size=5):
    """Every process's batches of one epoch over 14 images: 5, 5 and 4."""
    return [[data[request] for request in share] for share in shared([14], batch_size, world, epoch, fill=fill)]


def test_a_batch_holds_what_the_request_names():
    data = dataset()
    for request, batch in zip(shared([14], 5)[0], fetch(data, epoch=0)[0], strict=True):
        assert isinstance(batch, Batch)
        assert batch.rows.tolist() == request.indices.tolist()
        assert torch.equal(batch.images, data.images[request.indices].permute(0, 3, 1, 2))
        assert batch.labels.tolist() == [int(data.labels[row]) for row in request.indices]
        assert batch.forget.tolist() == [bool(data.forget[row]) for row in request.indices]
        assert torch.equal(batch.weight, request.weight)


def test_types_and_shapes_are_the_contracts():
    batch = fetch(dataset())[0][0]
    types = {name: getattr(batch, name).dtype for name in Batch._fields if name not in ("draws", "second")}
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


@pytest.mark.parametrize("preset", PRESETS[1:])
def test_a_second_view_changes_nothing_else_and_is_drawn_for_the_global_batch(preset):
    one, two = dataset(preset), dataset(preset)
    two.views = 2
    for request in shared([14], 5)[0]:
        a, b = one[request], two[request]
        assert a.second is None
        assert torch.equal(a.uniform, b.uniform)
        assert all(map(torch.equal, a.draws, b.draws))
        assert not torch.equal(b.second.shift, b.draws.shift)
    whole, parts = fetch(two)[0][0], [batches[0] for batches in fetch(two, world=2)]
    for place, part in enumerate(parts):
        assert all(map(torch.equal, part.second, whole.second.rows(slice(place, None, 2))))


def test_two_views_need_an_augmentation():
    assert check_views(2, "Default") == 2
    assert check_views(1, "NoAug") == 1
    with pytest.raises(InputError, match=r"^augmentation=NoAug: .* choose Default"):
        check_views(2, "NoAug")
    with pytest.raises(ValueError, match="`views` to be 1 or 2, but got 3"):
        check_views(3, "Default")


def test_colour_images_lie_in_channels_last_memory():
    images = fetch(dataset())[0][0].images
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert not images.is_contiguous()


def test_gray_images_have_one_channel():
    data = dataset(gray=True)
    batch = fetch(data)[0][0]
    assert batch.images.shape == (5, 1, 10, 10)
    assert torch.equal(batch.images[:, 0], data.images[batch.rows])


def test_images_without_a_forget_mask_are_not_forgotten():
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


def test_a_batch_fetched_again_is_the_same_and_leaves_the_global_generator_alone():
    data, request = dataset(), shared([14], 5)[0][0]
    state = torch.random.get_rng_state()
    first, again = data[request], data[request]
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(first.uniform, again.uniform)
    assert all(torch.equal(a, b) for a, b in zip(first.draws, again.draws, strict=True))


@pytest.mark.parametrize("preset", ["NoAug", None])
def test_evaluation_batches_carry_no_draws(preset):
    assert all(batch.draws is None for batch in fetch(dataset(preset))[0])


@pytest.mark.parametrize("preset", PRESETS)
def test_a_loader_gives_the_samplers_batches_as_they_are(preset):
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
