"""What every backbone has: normalisation inside, and the size of the smallest maps of BatchNorm."""

import pytest
import torch
from helpers.backbones import TINY
from torch import nn

from medunlearn.models import build_backbone
from medunlearn.models.base import normalised, one_pass, unallocated


class Branching(nn.Module):
    """Looks at values on its way, which cannot be followed without computing them."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.fc = nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.Linear(4, 2)

    def forward(self, x):
        x = self.norm(self.conv(x))
        if x.max().item() > 1e9:
            x = -x
        return self.fc(x.mean((2, 3)))


@pytest.mark.parametrize(("stem", "halvings"), [("cifar", 3), ("imagenet", 5)])
@pytest.mark.parametrize("size", [8, 9, 28, 33, 64])
def test_last_map_of_resnet18_is_what_its_strides_leave(stem, halvings, size):
    with unallocated():
        model = build_backbone("resnet18", 2, stem=stem)
    assert model.last_map(size) == -(-size // 2**halvings)


@pytest.mark.parametrize(("size", "pixels"), [(8, 1), (9, 2), (16, 2), (17, 3)])
def test_last_map_of_an_own_network_is_measured(size, pixels):
    assert build_backbone(TINY, 2).last_map(size) == pixels


@pytest.mark.parametrize("name", ["convnext_tiny", "vit_b_16", "vgg11", "squeezenet1_1"])
def test_last_map_without_batchnorm_is_the_image(name):
    with unallocated():
        assert build_backbone(name, 2, image_size=32).last_map(32) == 32


def test_last_map_is_one_where_batchnorm_follows_a_linear_layer():
    head = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 5), nn.BatchNorm1d(5))
    model = normalised(head, {"num_classes": 5, "in_channels": 3})
    assert model.last_map(8) == 1


def test_last_map_of_a_network_that_needs_values_is_computed():
    model = normalised(Branching(), {"num_classes": 2, "in_channels": 3})
    assert model.last_map(8) == 4


@pytest.mark.parametrize("network", [Branching, lambda: build_backbone(TINY, 2)])
def test_trial_leaves_weights_statistics_and_modes_as_they_were(network):
    model = network().train()
    next(iter(model.children())).eval()  # as a user freezes a part
    modes = [module.training for module in model.modules()]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    one_pass(model, 3, 8)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(value.grad is not None for value in model.parameters())


def test_size_of_the_images_is_known_to_what_is_built_for_one():
    with unallocated():
        made = build_backbone("vit_b_16", 2, image_size=64)
    assert made.architecture["image_size"] == 64
    assert made.encoder.pos_embedding.shape == (1, 17, 768)
