import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from medunlearn.methods.saliency import FrozenWeights, forget_gradients, saliency_mask


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Linear(7, 3))


def images_and_labels(count=11, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, 2, 2, generator=generator), torch.randint(3, (count,), generator=generator)


def bits(values):
    return values.detach().view(torch.int32)


@pytest.mark.parametrize("sizes", [[11], [4, 4, 3], [1] * 11])
def test_gradients_do_not_depend_on_how_the_set_is_cut(sizes):
    model = network()
    images, labels = images_and_labels()
    gradients = forget_gradients(model, zip(images.split(sizes), labels.split(sizes), strict=True))
    model.eval()
    F.cross_entropy(model(images), labels, reduction="sum").backward()
    assert gradients.keys() == dict(model.named_parameters()).keys()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(gradients[name], parameter.grad, atol=1e-6, rtol=1e-5)


def test_gradients_leave_the_model_as_it_was():
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model[1].weight.grad = marker = torch.ones(7, 12)
    forget_gradients(model, [images_and_labels()])
    assert model.training
    assert model[1].weight.grad is marker
    assert (marker == 1).all()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("ratio", [1e-3, 0.1, 0.5, 0.999, 1.0])
def test_mask_has_the_largest_and_exactly_as_many_as_asked(ratio):
    generator = torch.Generator().manual_seed(2)
    gradients = {"a": torch.randn(40, 30, generator=generator), "b": torch.randn(7, generator=generator)}
    mask = saliency_mask(gradients, ratio)
    values = torch.cat([gradients[name].flatten() for name in "ab"]).abs()
    chosen = torch.cat([mask[name].flatten() for name in "ab"])
    assert int(chosen.sum()) == math.floor(ratio * len(values))
    assert ratio == 1 or values[chosen].min() >= values[~chosen].max()
    assert [mask[name].shape for name in "ab"] == [gradients[name].shape for name in "ab"]


def test_mask_has_the_first_of_equal_values():
    mask = saliency_mask({"a": torch.tensor([0.0, 0.0, 2.0]), "b": torch.tensor([0.0, -3.0, 0.0])}, 0.5)
    assert [mask["a"].tolist(), mask["b"].tolist()] == [[True, False, True], [False, True, False]]


def test_the_ratio_is_taken_as_the_decimal_number_that_was_meant():
    count = 11_172_810  # of the gray network with ten classes; 0.7 of it is whole, its float product a hair less
    assert math.floor(0.7 * count) == count * 7 // 10 - 1
    assert int(saliency_mask({"a": torch.rand(count)}, 0.7)["a"].sum()) == count * 7 // 10


@pytest.mark.parametrize("ratio", [0.0, -0.1, 1.1, 0.01, math.nan])
def test_a_ratio_that_selects_nothing_is_refused(ratio):
    with pytest.raises(ValueError, match=r"Expected argument `ratio` in \(0, 1\]"):
        saliency_mask({"a": torch.ones(10)}, ratio)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_frozen_weights_are_held_bit_for_bit(layout):
    """Also values whose bits arithmetic does not keep: -0, infinities, NaNs with a payload, subnormal numbers."""
    convolution = nn.Conv2d(4, 8, 3).to(memory_format=layout)
    odd = torch.tensor([0.0, -0.0, math.inf, -math.inf, math.nan, 1e-42])
    with torch.no_grad():
        convolution.bias[:6] = odd
    bits(convolution.bias)[6] = 0x7FC12345  # a NaN with a payload
    generator = torch.Generator().manual_seed(0)
    mask = {name: torch.rand(value.shape, generator=generator) > 0.5 for name, value in convolution.named_parameters()}
    mask["bias"][:7] = False
    before = {name: bits(value).clone() for name, value in convolution.named_parameters()}
    held = FrozenWeights(convolution, mask)
    changed = {}
    with torch.no_grad():
        for name, value in convolution.named_parameters():
            value.copy_(torch.randn(value.shape, generator=generator))
            changed[name] = bits(value).clone()
    held.restore()
    for name, value in convolution.named_parameters():
        assert torch.equal(bits(value), torch.where(mask[name], changed[name], before[name]))


def test_gradients_of_frozen_weights_are_cleared_and_no_others():
    linear = nn.Linear(5, 4)
    mask = {"weight": torch.rand(4, 5) > 0.5, "bias": torch.tensor([True, False, True, False])}
    linear.weight.grad = torch.randn(4, 5)
    linear.weight.grad[0, 0] = math.nan
    mask["weight"][0, 0] = False
    before = linear.weight.grad.clone()
    FrozenWeights(linear, mask).clear_gradients()  # the bias has none
    assert linear.bias.grad is None
    assert torch.equal(linear.weight.grad, torch.where(mask["weight"], before, 0))


def test_gradients_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="some are NaN; the model has diverged"):
        saliency_mask({"a": torch.tensor([1.0, math.nan, 2.0, 3.0])}, 0.5)


def test_weights_in_other_precisions_are_refused():
    linear = nn.Linear(3, 2).double()
    mask = {name: value > 0 for name, value in linear.named_parameters()}
    with pytest.raises(TypeError, match=r"float32 weights, but weight is torch\.float64"):
        FrozenWeights(linear, mask)
