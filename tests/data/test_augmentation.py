import re
from collections import Counter

import pytest
import torch
from lightning.fabric.utilities import move_data_to_device
from scipy.stats import binomtest, chi2_contingency, chisquare
from torch import Tensor
from torch.nn.functional import pad
from torchvision.transforms import InterpolationMode, RandAugment, functional
from torchvision.transforms.autoaugment import _apply_op

from medunlearn.data import augmentation
from medunlearn.data.augmentation import NUM_OPS, OPERATIONS, PADDING, PRESETS, Draws, augment, draw
from medunlearn.errors import InputError

NUM_SHIFTS = 2 * PADDING + 1


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(count: int, channels: int, height: int, width: int) -> Tensor:
    """Random images in channels-last memory, as the data set gives them."""
    pixels = torch.randint(256, (count, height, width, channels), dtype=torch.uint8, generator=generator(7))
    return pixels.permute(0, 3, 1, 2)


def centred(operation: Tensor, negative: Tensor) -> Draws:
    """Draws that leave crop and flip out: the crop begins where the padding ends."""
    count = len(operation)
    return Draws(torch.full((count, 2), PADDING), torch.zeros(count, dtype=torch.bool), operation, negative)


def torchvision_crop_flip(image: Tensor, top: int, left: int, flip: bool) -> Tensor:
    height, width = image.shape[-2:]
    cropped = functional.crop(functional.pad(image, [PADDING]), top, left, height, width)
    return functional.hflip(cropped) if flip else cropped


def torchvision_operation(image: Tensor, name: str, negative: bool) -> Tensor:
    magnitudes, signed = RandAugment()._augmentation_space(31, tuple(image.shape[-2:]))[name]
    magnitude = float(magnitudes[9]) if magnitudes.ndim else 0.0
    return _apply_op(image, name, -magnitude if signed and negative else magnitude, InterpolationMode.NEAREST, None)


def torchvision_all(image: Tensor, row: Draws) -> Tensor:
    """What torchvision makes of one image `(C, H, W)` with the draws of one row."""
    image = torchvision_crop_flip(image, *row.shift[0].tolist(), bool(row.flip))
    for operation, negative in zip(row.operation[0].tolist(), row.negative[0].tolist(), strict=True):
        image = torchvision_operation(image, OPERATIONS[operation], negative)
    return image


def test_the_presets_and_operations_are_the_fields():
    assert PRESETS == ("NoAug", "Default", "Default+RandAugment")
    assert list(OPERATIONS) == list(RandAugment()._augmentation_space(31, (64, 64)))


def test_unknown_preset_names_argument_value_and_choices():
    message = "augmentation=AutoAug: unknown preset; choose one of NoAug, Default, Default+RandAugment"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        draw("AutoAug", 4, generator())


def test_noaug_gives_the_images_themselves():
    images = noise(4, 3, 28, 28)
    assert draw("NoAug", 4, generator()) is None
    assert augment(images, None) is images


def test_draws_have_a_row_for_each_image_and_follow_the_seed():
    for preset, num_ops in (("Default", 0), ("Default+RandAugment", NUM_OPS)):
        first, again, other = (draw(preset, 50, generator(seed)) for seed in (3, 3, 4))
        assert [field.shape for field in first] == [(50, 2), (50,), (50, num_ops), (50, num_ops)]
        assert [field.dtype for field in first] == [torch.int64, torch.bool, torch.int64, torch.bool]
        assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
        assert not torch.equal(first.shift, other.shift)
        assert not torch.equal(first.flip, other.flip)
        assert num_ops == 0 or not torch.equal(first.operation, other.operation)


def test_draws_are_independent_and_uniform():
    draws = draw("Default+RandAugment", 28 * 28 * 81 * 4, generator())
    crop_flip = (draws.shift[:, 0] * NUM_SHIFTS + draws.shift[:, 1]) * 2 + draws.flip
    signed_operation = draws.operation * 2 + draws.negative
    operations = signed_operation[:, 0] * 28 + signed_operation[:, 1]
    # the joint distributions: a dependence between any two of the fields, or of the steps, would show
    for outcome, kinds in (
        (crop_flip, 162),
        (operations, 28 * 28),
        (crop_flip * 28 + signed_operation[:, 0], 162 * 28),
        (crop_flip[:-1] * 162 + crop_flip[1:], 162 * 162),  # an image and the next one
    ):
        counts = outcome.bincount(minlength=kinds)
        assert len(counts) == kinds
        assert chisquare(counts.numpy()).pvalue > 1e-3
    for sign in draws.negative.unbind(1):
        assert binomtest(int(sign.sum()), len(sign)).pvalue > 1e-3


@pytest.mark.parametrize("channels", [1, 3])
def test_crops_and_flips_equal_torchvisions(channels):
    top, left, flip = torch.cartesian_prod(*(torch.arange(n) for n in (NUM_SHIFTS, NUM_SHIFTS, 2))).unbind(1)
    nothing = torch.empty(len(flip), 0)
    draws = Draws(torch.stack([top, left], 1), flip.bool(), nothing.long(), nothing.bool())
    images = noise(1, channels, 20, 26).expand(len(flip), -1, -1, -1)
    outcomes = augment(images, draws)
    for outcome, *how in zip(outcomes, top.tolist(), left.tolist(), flip.tolist(), strict=True):
        assert torch.equal(outcome, torchvision_crop_flip(images[0], *how)), how
    assert len(set(map(tuple, outcomes.flatten(1).tolist()))) == 162


def difficult(channels: int, height: int, width: int) -> list[Tensor]:
    """Images `(C, H, W)` on which an operation that mixes up images or channels, or divides by zero, shows."""
    shade = torch.linspace(0, 255, height * width).view(height, width)
    dim = torch.stack([60 + 40 * c + (shade / (8 + c)) for c in range(channels)])
    few_levels = (noise(1, channels, height, width)[0] // 64) * 20 + 90
    flat = torch.full((channels, height, width), 77)
    half_flat = noise(1, channels, height, width)[0].clone()
    half_flat[0] = 200
    edges = (shade.round() % 2 * 255).expand(channels, -1, -1)
    images = [noise(1, channels, height, width)[0], dim, few_levels, flat, flat * 0, flat * 0 + 255, half_flat, edges]
    return [image.to(torch.uint8) for image in images]


@pytest.mark.parametrize(
    ("channels", "size"), [(1, (28, 28)), (3, (28, 28)), (3, (64, 64)), (1, (20, 26)), (3, (20, 26))]
)
def test_operations_of_each_sign_equal_torchvisions_on_single_images(channels, size):
    kinds = difficult(channels, *size)
    images = torch.stack(kinds * 28)  # every image in a group with all the other kinds
    operation = torch.arange(14).repeat_interleave(2 * len(kinds))[:, None]
    negative = torch.tensor([False, True]).repeat_interleave(len(kinds)).repeat(14)[:, None]
    outcomes = augment(images, centred(operation, negative))
    for outcome, image, index, sign in zip(outcomes, images, operation.flatten(), negative.flatten(), strict=True):
        name = OPERATIONS[int(index)]
        assert torch.equal(outcome, torchvision_operation(image, name, bool(sign))), (name, bool(sign))


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 28), (3, 64)])
@pytest.mark.parametrize("preset", ["Default", "Default+RandAugment"])
def test_a_batch_equals_torchvision_image_by_image(preset, channels, size):
    images = noise(2560 // size, channels, size, size)
    before = images.clone()
    draws = draw(preset, len(images), generator())
    outcomes = augment(images, draws)
    assert outcomes.shape == images.shape
    assert outcomes.dtype == torch.uint8
    assert outcomes.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(images, before)
    for i, outcome in enumerate(outcomes):
        assert torch.equal(outcome, torchvision_all(images[i], draws.rows(slice(i, i + 1)))), i


def test_operations_are_applied_in_the_order_drawn():
    image = noise(1, 3, 28, 28)[0]
    orders = [("Brightness", "Solarize"), ("Solarize", "Brightness")]
    drawn = torch.tensor([[OPERATIONS.index(name) for name in order] for order in orders])
    outcomes = augment(torch.stack([image, image]), centred(drawn, torch.zeros(2, 2, dtype=torch.bool)))
    for outcome, (first, second) in zip(outcomes, orders, strict=True):
        assert torch.equal(outcome, torchvision_operation(torchvision_operation(image, first, False), second, False))
    assert not torch.equal(*outcomes)


def test_outcomes_are_distributed_as_randaugments():
    image = noise(1, 3, 6, 6)[0]
    count = 2500
    torch.manual_seed(1)
    transform = RandAugment(num_ops=2, magnitude=9, num_magnitude_bins=31)
    expected = Counter(transform(image).numpy().tobytes() for _ in range(count))
    draws = draw("Default+RandAugment", count, generator(1))
    outcomes = augment(image.expand(count, -1, -1, -1), centred(draws.operation, draws.negative))
    found = Counter(outcome.numpy().tobytes() for outcome in outcomes)
    common = [outcome for outcome, times in (found + expected).items() if times >= 10]  # 5 on each side
    table = [[side[outcome] for outcome in common] for side in (found, expected)]
    table = [[*row, side.total() - sum(row)] for row, side in zip(table, (found, expected), strict=True)]
    assert len(common) > 50
    assert chi2_contingency(table).pvalue > 1e-3
    assert sum(times for outcome, times in expected.items() if outcome not in found) < 0.01 * count


@pytest.mark.parametrize("preset", PRESETS)
def test_an_image_is_augmented_alike_alone_and_in_any_batch(preset):
    images = noise(64, 3, 28, 28)
    draws = draw(preset, 64, generator())
    together = augment(images, draws)
    for rows in (slice(None, None, 2), torch.tensor([5, 0, 63]), torch.arange(64) % 3 == 0, slice(7, 8), slice(0, 0)):
        some = draws.rows(rows) if draws else None
        assert torch.equal(augment(images[rows], some), together[rows])


def test_images_in_one_batch_are_changed_differently():
    images = noise(1, 3, 28, 28).expand(100, -1, -1, -1)
    for preset, at_least in (("Default", 60), ("Default+RandAugment", 95)):  # 100 from 162 outcomes, or far more
        outcomes = augment(images, draw(preset, 100, generator()))
        assert len({outcome.numpy().tobytes() for outcome in outcomes}) >= at_least


def test_outcome_does_not_depend_on_the_memory_format_of_the_input():
    images = noise(40, 3, 28, 28)
    wide = pad(images, (0, 5, 0, 3))[..., :28, :28]  # neither contiguous nor channels-last
    draws = draw("Default+RandAugment", 40, generator())
    for same in (images.contiguous(), wide):
        assert torch.equal(augment(same, draws), augment(images, draws))


def test_outcome_does_not_change_under_mixed_precision():
    images, draws = noise(60, 3, 28, 28), draw("Default+RandAugment", 60, generator())
    expected = augment(images, draws)
    augmentation._source_pixels.cache_clear()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(augment(images, draws), expected)


def test_draws_that_are_a_row_short_are_refused():
    with pytest.raises(ValueError, match="to have a row for each of 4 images, but got 1"):
        augment(noise(4, 3, 28, 28), draw("Default", 1, generator()))


def test_draws_of_operations_are_left_on_the_host_by_lightning():
    draws = move_data_to_device({"draws": draw("Default+RandAugment", 4, generator())}, torch.device("meta"))["draws"]
    assert isinstance(draws, Draws)
    assert [field.device.type for field in draws] == ["meta", "meta", "cpu", "cpu"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_augmentation_on_a_gpu_gives_the_same_without_the_host_waiting():
    images, draws = noise(256, 3, 64, 64), draw("Default+RandAugment", 256, generator())
    on_gpu, draws_for_gpu = images.cuda(), draws.to("cuda")
    augment(on_gpu, draws_for_gpu)  # fills the look-up tables
    torch.cuda.set_sync_debug_mode("error")
    try:
        outcome = augment(on_gpu, draws_for_gpu)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert outcome.is_cuda
    assert torch.equal(outcome.cpu(), augment(images, draws))
