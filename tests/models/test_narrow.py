import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from medunlearn.models import build_backbone
from medunlearn.models.narrow import narrow_resnet18


@pytest.mark.parametrize("channels", [1, 3])
def test_it_is_a_resnet18_with_fewer_channels(channels):
    torch.manual_seed(0)
    narrow, full = narrow_resnet18(5, channels), resnet18(num_classes=5)
    full.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)

    def shapes(network, per):
        found = {name: tuple(value.shape) for name, value in network.state_dict().items()}
        fixed = {channels, 5, 3, 1}
        return {n: tuple(s if s in fixed else s // per for s in shape) for n, shape in found.items() if shape}

    assert shapes(narrow, 12) == shapes(full, 64)
    assert sum(value.numel() for value in narrow_resnet18(8).parameters()) == 395_156
    stages = [narrow.layer1, narrow.layer2, narrow.layer3, narrow.layer4]
    assert [stage[0].conv1.stride for stage in stages] == [(1, 1), (2, 2), (2, 2), (2, 2)]
    assert isinstance(narrow.maxpool, nn.Identity) and narrow.conv1.stride == (1, 1)


def test_convolutions_are_initialised_as_torchvisions():
    torch.manual_seed(0)
    for layer in (module for module in narrow_resnet18(8).modules() if isinstance(module, nn.Conv2d)):
        fan_out = layer.out_channels * layer.kernel_size[0] * layer.kernel_size[1]
        assert layer.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.15)


def test_it_is_found_by_name_and_takes_images():
    network = build_backbone("narrow_resnet18", 8, 3, image_size=28)
    assert network.architecture["backbone"] == "narrow_resnet18"
    assert network(torch.rand(2, 3, 28, 28)).shape == (2, 8)
