"""Global batches and how they are shared out over processes."""

from itertools import chain

import numpy as np
import pytest
import torch
from helpers.sampling import groups_of, real, shared
from torch.utils.data import DistributedSampler

from medunlearn.data.sampling import DistributedBatchSampler, check_draw, draw_groups
from medunlearn.errors import InputError

# (sizes of the groups, global batch size): whole and uneven ones, a last batch of one image, one batch in all.
SHAPES = [([12], 4), ([13], 4), ([14], 5), ([3], 8), ([1], 1), ([5, 11], 4), ([4, 9], 4), ([7, 1], 3)]
WORLDS = [1, 2, 3]


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(("sizes", "batch_size"), SHAPES)
@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize("fill", [False, True])
def test_the_shares_of_a_batch_make_up_the_single_processs_batch(sizes, batch_size, world, seed, fill):
    alone = shared(sizes, batch_size, 1, epoch=3, seed=seed)[0]
    shares = shared(sizes, batch_size, world, epoch=3, seed=seed, fill=fill)
    assert all(len(share) == len(alone) for share in shares)
    for whole, *parts in zip(alone, *shares, strict=True):
        assert real(parts) == list(enumerate(whole.indices.tolist()))
        assert all(part.global_size == len(whole.indices) for part in parts)
        assert all(part.seed == whole.seed for part in parts)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(("sizes", "batch_size"), SHAPES)
@pytest.mark.parametrize("fill", [False, True])
def test_images_come_once_an_epoch_and_none_is_dropped(sizes, batch_size, world, fill):
    shares = shared(sizes, batch_size, world, fill=fill)
    seen = [index for step in zip(*shares, strict=True) for _, index in real(step)]
    assert sorted(seen) == sorted(torch.cat(groups_of(sizes)).tolist())


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(("sizes", "batch_size"), SHAPES)
@pytest.mark.parametrize("fill", [False, True])
def test_the_average_over_processes_of_the_weighted_sum_is_the_mean_over_the_batch(sizes, batch_size, world, fill):
    for step in zip(*shared(sizes, batch_size, world, fill=fill), strict=True):
        assert sum(request.weight.sum().item() for request in step) / world == pytest.approx(1, abs=1e-6)
        count = step[0].global_size
        weights = torch.cat([request.weight[request.weight > 0] for request in step])
        assert weights.tolist() == pytest.approx([world / count] * count)
        loss = sum((request.weight * request.indices**2).sum().item() for request in step) / world
        assert loss == pytest.approx(np.mean([index**2 for _, index in real(step)]), rel=1e-6)


@pytest.mark.parametrize(("sizes", "batch_size"), SHAPES)
def test_batches_are_no_larger_than_asked_and_only_the_last_of_a_group_is_smaller(sizes, batch_size):
    expected = [
        min(batch_size, size - start) for size in sizes for start in range(0, size, batch_size)
    ]  # a group's last batch holds what is left of it
    assert [len(request.indices) for request in shared(sizes, batch_size)[0]] == expected


@pytest.mark.parametrize("world", [2, 3])
def test_shares_of_a_batch_differ_by_one_image_at_most(world):
    for step in zip(*shared([14], 5, world), strict=True):
        counts = [len(request.indices) for request in step]
        assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("fill", [False, True])
def test_a_share_is_filled_only_where_it_is_empty_and_only_on_request(fill):
    # Batches of 4, 4 and 1 images for 3 processes: in the last one, two have nothing.
    shares = shared([9], 4, 3, fill=fill)
    assert [[len(request.indices) for request in share] for share in shares] == (
        [[2, 2, 1], [1, 1, 1], [1, 1, 1]] if fill else [[2, 2, 1], [1, 1, 0], [1, 1, 0]]
    )
    weights = [share[-1].weight.tolist() for share in shares]
    assert weights == ([[3.0], [0.0], [0.0]] if fill else [[3.0], [], []])
    assert all((request.weight > 0).all() for share in shares for request in share[:-1])


def test_a_filler_is_an_image_of_the_batch():
    last = [share[-1] for share in shared([9], 4, 3, fill=True)]
    assert [request.indices.tolist() for request in last] == [last[0].indices.tolist()] * 3
    assert [request.places.tolist() for request in last] == [[0]] * 3


def test_two_groups_come_one_after_the_other_in_batches_of_their_own():
    forget, retain = torch.arange(100, 105), torch.arange(11)
    batches = [request.indices.tolist() for request in shared([], 4, groups=[forget, retain])[0]]
    assert [sorted(batch)[0] >= 100 for batch in batches] == [True, True, False, False, False]
    assert sorted(chain(*batches[:2])) == forget.tolist()
    assert sorted(chain(*batches[2:])) == retain.tolist()


def test_an_empty_group_is_no_batch():
    empty = torch.empty(0, dtype=torch.int64)
    assert [request.indices.tolist() for request in shared([], 4, seed=None, groups=[empty, torch.arange(3)])[0]] == [
        [0, 1, 2]
    ]
    assert shared([], 4, world=2, fill=True, groups=[empty]) == [[], []]


def order(**settings):
    return torch.cat([request.indices for request in shared([40], 7, **settings)[0]]).tolist()


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
    batches = [request.indices for request in shared([], 20, groups=[first, second])[0]]
    assert batches[0].tolist() != (batches[1] - 100).tolist()


def test_the_order_without_a_seed_is_the_one_given():
    assert [order(seed=None, epoch=epoch) for epoch in (0, 1)] == [groups_of([40])[0].tolist()] * 2


def test_batches_of_every_epoch_have_seeds_of_their_own():
    seeds = [request.seed for seed in (0, 1) for epoch in range(5) for request in shared([40], 7, 1, epoch, seed)[0]]
    assert len(set(seeds)) == len(seeds) == 60


def test_the_sampler_starts_anew_when_gone_through_again():
    sampler = DistributedBatchSampler(groups_of([9]), 4, seed=1)
    assert [r.indices.tolist() for r in sampler] == [r.indices.tolist() for r in sampler]
    assert [r.seed for r in sampler] == [r.seed for r in sampler]


def test_the_sampler_is_a_distributed_sampler_to_lightning():
    # Otherwise it would put its own in place, which pads with duplicates.
    assert isinstance(DistributedBatchSampler(groups_of([9]), 4), DistributedSampler)


# Paired

# (sizes of retain and forget set, global batch size): each the longer one, equal ones, one smaller than its half.
PAIRS = [([24, 8], 8), ([5, 17], 6), ([9, 9], 4), ([20, 2], 7), ([1, 1], 2), ([13, 4], 3)]


def steps_of(sizes, batch_size, world=1, **options):
    """Return the global batches of an epoch: weight over all processes, divided by their number, by index."""
    steps = []
    for step in zip(*shared(sizes, batch_size, world, paired=True, **options), strict=True):
        weights = {}
        for request in step:
            for index, weight in zip(request.indices.tolist(), request.weight.tolist(), strict=True):
                weights[index] = weights.get(index, 0) + weight / world
        steps.append(weights)
    return steps


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(("sizes", "batch_size"), PAIRS)
@pytest.mark.parametrize("fill", [False, True])
def test_a_paired_step_holds_both_groups_each_with_a_weight_of_one(sizes, batch_size, world, fill):
    retain, forget = (set(group.tolist()) for group in groups_of(sizes))
    for weights in steps_of(sizes, batch_size, world, fill=fill):
        for group, half in ((retain, batch_size - batch_size // 2), (forget, batch_size // 2)):
            shown = {index: weight for index, weight in weights.items() if index in group}
            assert 1 <= len(shown) <= half
            assert list(shown.values()) == pytest.approx([1 / len(shown)] * len(shown))


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize(("sizes", "batch_size"), PAIRS)
@pytest.mark.parametrize("epoch", [0, 4])
def test_paired_images_and_weights_do_not_depend_on_the_number_of_processes(sizes, batch_size, world, epoch):
    alone = steps_of(sizes, batch_size, epoch=epoch)
    several = steps_of(sizes, batch_size, world, epoch=epoch, fill=True)
    assert [step.keys() for step in several] == [step.keys() for step in alone]
    for one, other in zip(alone, several, strict=True):
        assert other == pytest.approx(one)
    seeds = [[request.seed for request in each] for each in shared(sizes, batch_size, world, epoch, paired=True)]
    assert all(each == seeds[0] for each in seeds)


@pytest.mark.parametrize(("sizes", "batch_size"), PAIRS)
def test_paired_draws_take_the_longer_group_once_and_the_shorter_again_and_again(sizes, batch_size):
    halves = (batch_size - batch_size // 2, batch_size // 2)
    steps = [-(-size // half) for size, half in zip(sizes, halves, strict=True)]
    found = steps_of(sizes, batch_size)
    assert len(found) == max(steps)
    for group, own in zip(groups_of(sizes), steps, strict=True):
        members = set(group.tolist())
        shown = [[index for index in step if index in members] for step in found]
        for start in range(0, len(found), own):  # one pass of this group
            once = list(chain(*shown[start : start + own]))
            assert len(set(once)) == len(once)
            assert len(found) - start < own or set(once) == members
    sampler = DistributedBatchSampler(groups_of(sizes), batch_size, seed=0, world_size=3, rank=2, paired=True)
    assert sampler.smallest_batch() == min(map(len, found))


def test_paired_passes_of_the_shorter_group_have_orders_of_their_own():
    retain, forget = torch.arange(100, 200), torch.arange(10)
    requests = shared([], 20, groups=[retain, forget], paired=True)[0]
    passes = [tuple(request.indices[request.indices < 100].tolist()) for request in requests]
    assert len(passes) == len(set(passes)) == 10
    assert all(sorted(each) == forget.tolist() for each in passes)
    again = shared([], 20, groups=[retain, forget], paired=True, epoch=1)[0]
    assert not {tuple(request.indices.tolist()) for request in again} & {tuple(r.indices.tolist()) for r in requests}


@pytest.mark.parametrize(("sizes", "batch_size"), PAIRS)
@pytest.mark.parametrize("world", WORLDS)
def test_pairs_by_the_last_group_hold_it_once_and_of_the_first_another_part_each_epoch(sizes, batch_size, world):
    retain, forget = (set(group.tolist()) for group in groups_of(sizes))
    parts = []
    for epoch in range(2):
        found = steps_of(sizes, batch_size, world, epoch=epoch, by_last=True)
        assert len(found) == -(-sizes[1] // (batch_size // 2))
        assert sorted(index for step in found for index in step if index in forget) == sorted(forget)
        for weights in found:
            for group in (retain, forget):
                assert sum(weight for index, weight in weights.items() if index in group) == pytest.approx(1)
        parts.append([index for step in found for index in step if index in retain])
    assert parts[0] != parts[1] or len(retain) < 3


@pytest.mark.parametrize("skip", [0, 1, 4])
@pytest.mark.parametrize("paired", [False, True])
def test_a_pass_that_is_taken_up_gives_the_batches_that_were_left(skip, paired):
    sampler = DistributedBatchSampler(groups_of([13, 5]), 4, seed=3, rank=1, world_size=2, fill=True, paired=paired)
    sampler.set_epoch(2)
    whole = list(sampler)
    sampler.skip = skip
    rest = list(sampler)
    assert [request.seed for request in rest] == [request.seed for request in whole[skip:]]
    for one, other in zip(rest, whole[skip:], strict=True):
        assert torch.equal(one.indices, other.indices)
        assert torch.equal(one.weight, other.weight)
    assert len(list(sampler)) == len(whole), "once only"


# Whole batches


@pytest.mark.parametrize("world", WORLDS)
def test_batches_that_are_whole_go_to_one_process_each(world):
    alone = shared([14], 5, seed=None)[0]
    shares = shared([14], 5, world, seed=None, whole=True)
    for number, request in enumerate(alone):
        share = shares[number % world][number // world]
        assert torch.equal(share.indices, request.indices)
        assert share.weight.tolist() == pytest.approx([1 / len(request.indices)] * len(request.indices))
    assert sum(map(len, shares)) == len(alone)


# Draws


def test_a_draw_goes_through_its_images():
    retain, forget = np.array([0, 2, 3]), np.array([1, 4])
    found = {
        draw: [group.tolist() for group in draw_groups(draw, retain, forget)]
        for draw in ("all", "retain", "forget", "forget_then_retain", "paired", "paired_by_forget")
    }
    assert found == {
        "all": [[0, 1, 2, 3, 4]],
        "retain": [[0, 2, 3]],
        "forget": [[1, 4]],
        "forget_then_retain": [[1, 4], [0, 2, 3]],
        "paired": [[0, 2, 3], [1, 4]],
        "paired_by_forget": [[0, 2, 3], [1, 4]],
    }


def test_an_unknown_draw_and_too_small_a_pair_are_refused():
    with pytest.raises(InputError, match="images=forgotten: unknown draw; choose one of all, retain, forget, "):
        check_draw("forgotten", 8)
    with pytest.raises(InputError, match=r"^batch_size=1: a paired step holds two parts; give 2 or more"):
        check_draw("paired", 1)
    with pytest.raises(InputError, match=r"^batch_size=1: a paired step holds two parts; give 2 or more"):
        check_draw("paired_by_forget", 1)
    check_draw("all", 1)
