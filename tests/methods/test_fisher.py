"""Gradients by image, their squares, and the damped system, against loops and NumPy."""

import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.backbones import TinyNet
from torch import nn

from medunlearn.methods.fisher import add_gradients, add_squares, by_image, damped_solution, zeros
from medunlearn.models import build_backbone, plain_name


@pytest.fixture
def model():
    torch.manual_seed(0)
    return TinyNet(3).eval()


def examples(count=5, size=8, classes=3):
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(count, 3, size, size, generator=generator)
    return images, torch.randint(classes, (count,), generator=generator)


def one_by_one(model, images, labels):
    """Return the gradients of images that go through the model alone, (n, *shape) by name."""
    found = [
        torch.autograd.grad(F.cross_entropy(model(x[None]), y[None]), list(model.parameters()))
        for x, y in zip(images, labels, strict=True)
    ]
    columns = zip(*found, strict=True)
    return {name: torch.stack(rows) for (name, _), rows in zip(model.named_parameters(), columns, strict=True)}


def assert_close(found, wanted, rtol=1e-4):
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(
            found[name].double(), value.double(), rtol=rtol, atol=rtol * float(value.abs().max())
        )


def test_gradients_are_those_of_images_that_go_through_alone(model):
    assert_close(by_image(model)(*examples()), one_by_one(model, *examples()))


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "mobilenet_v3_small"])
def test_gradients_of_known_networks_without_a_warning(name):
    torch.manual_seed(0)
    network = build_backbone(name, 3).to(memory_format=torch.channels_last).eval()
    images, labels = examples(2, 32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = by_image(network)(images.to(memory_format=torch.channels_last), labels)
    assert_close(found, one_by_one(network, images, labels), 1e-3)


def test_onednn_is_left_out_of_them_on_avx2_alone_and_is_back_afterwards(model, monkeypatch):
    seen = []
    monkeypatch.setattr(model, "forward", lambda *_: seen.append(torch._C._get_mkldnn_enabled()) or 1 / 0)
    for capability in ("AVX2", "AVX512"):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda capability=capability: capability)
        with pytest.raises(ZeroDivisionError):
            by_image(model)(*examples())
        assert torch._C._get_mkldnn_enabled(), "also after an error"
    assert seen == [False, True]


def test_gradients_are_in_float32_also_under_autocast_and_compiled(model):
    plain = by_image(model)(*examples())
    with torch.autocast("cpu", torch.bfloat16):
        under = by_image(model)(*examples())
    assert all(torch.equal(plain[name], under[name]) for name in plain)
    model.conv2 = torch.compile(model.conv2)
    compiled = by_image(model)(*examples())
    assert all(torch.equal(value, plain[plain_name(name)]) for name, value in compiled.items())


def test_gradients_change_nothing_of_the_model(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    sums = zeros(model)
    add_squares(sums, model, *examples(), 2)
    add_gradients(sums, model, *examples(), 2)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters())


@pytest.mark.parametrize("block", [1, 2, 5, 16])
def test_squares_are_of_each_image_whatever_the_block(model, block):
    images, labels = examples()
    weights = torch.tensor([1.0, 0.5, 0.0, 2.0, 0.25])
    plain, weighted = zeros(model), zeros(model)
    add_squares(plain, model, images, labels, block)
    add_squares(weighted, model, images, labels, block, weights)
    single = one_by_one(model, images, labels)
    assert_close(plain, {name: value.square().sum(0) for name, value in single.items()})
    assert_close(weighted, {name: torch.tensordot(weights, value.square(), 1) for name, value in single.items()})
    assert all(value.dtype == torch.float64 for value in plain.values())


def test_squares_are_not_those_of_a_batchs_mean_gradient(model):
    """As in the public code of SSD and of Fisher forgetting: too small by up to the size of a batch."""
    images, labels = examples(16)
    sums = zeros(model)
    add_squares(sums, model, images, labels, 16)
    mean = torch.autograd.grad(F.cross_entropy(model(images), labels), list(model.parameters()))
    right = sum(float(value.sum()) for value in sums.values()) / 16
    assert sum(float(value.square().sum()) for value in mean) < right / 2


@pytest.mark.parametrize("add", [add_squares, add_gradients])
def test_an_empty_share_adds_nothing(model, add):
    sums = zeros(model)
    images, labels = examples()
    add(sums, model, images[:0], labels[:0], 4)
    assert not any(value.any() for value in sums.values())


def test_gradients_are_summed_in_float64_whatever_the_size(model):
    sums, single = zeros(model), one_by_one(model, *examples())
    add_gradients(sums, model, *examples(), 2)
    assert_close(sums, {name: value.sum(0) for name, value in single.items()})


def test_a_weight_that_the_network_does_not_use_has_no_gradient():
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    model.register_parameter("unused", nn.Parameter(torch.ones(2)))
    sums = zeros(model)
    add_squares(sums, model, *examples(size=2), 2)
    add_gradients(sums, model, *examples(size=2), 2)
    assert not sums["unused"].any()


# The damped system


def system(rows=7, count=12):
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, count)), rng.normal(size=count)


def solved(matrix, vector, block, damping):
    """Return the solution where the parameters are two tensors, of 2x4 and 4."""
    parts = lambda values: {"a": values[..., :8].reshape(*values.shape[:-1], 2, 4), "b": values[..., 8:]}  # noqa: E731
    blocks = torch.arange(len(matrix)).split(block)
    found = damped_solution(
        parts(torch.from_numpy(vector)), lambda rows: parts(torch.from_numpy(matrix)[rows]), blocks, damping
    )
    return np.concatenate([found["a"].numpy().ravel(), found["b"].numpy()])


@pytest.mark.parametrize("block", [1, 3, 7, 16])
@pytest.mark.parametrize("damping", [1e-6, 0.1, 100.0])
def test_solution_is_numpys_whatever_the_block(block, damping):
    matrix, vector = system()
    wanted = np.linalg.solve(damping * np.eye(12) + matrix.T @ matrix / 7, vector)
    np.testing.assert_allclose(solved(matrix, vector, block, damping), wanted, rtol=1e-7)


def test_solution_is_not_that_of_the_public_wood_fisher():
    """Its recursion keeps one vector, a multiple of the first gradient, and so never inverts anything."""
    matrix, vector = system()
    kept, found = None, vector.copy()
    for row in matrix:
        if kept is None:
            kept = row.copy()
            continue
        overlap = kept @ row
        found -= (found @ row) / (len(matrix) + overlap) * kept
        kept -= overlap / (len(matrix) + overlap) * kept

    def beside_the_first(solution):
        """Return how much of a solution lies beside v and the first gradient."""
        plane = np.stack([vector, matrix[0]], 1)
        return np.linalg.norm(solution - plane @ np.linalg.lstsq(plane, solution, rcond=None)[0])

    assert beside_the_first(found) < 1e-12
    assert beside_the_first(solved(matrix, vector, 3, 1.0)) > 0.1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_gradients_that_are_no_numbers_have_no_solution(bad):
    matrix, vector = system()
    matrix[3, 2] = bad
    with pytest.raises(ValueError, match="Expected argument `damping` to be large enough"):
        solved(matrix, vector, 3, 1.0)
