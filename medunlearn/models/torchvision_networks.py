"""torchvision's classifiers of images: their names, and how each is built for other channels, stems and sizes."""

from typing import Any

import torchvision
from torch import nn
from torchvision.models.resnet import ResNet

from medunlearn.models.resnet import Stem, set_stem

_SIZE_OPTIONS = {"vit_": "image_size", "maxvit_": "input_size"}
"""Networks that are built for images of one size: beginning of their names, and the option for the size."""


def torchvision_names() -> list[str]:
    """Return the names of torchvision's classifiers of images."""
    return list(torchvision.models.list_models(module=torchvision.models))


def is_torchvision(name: object) -> bool:
    """Return whether a name is one of torchvision's classifiers."""
    return isinstance(name, str) and name in torchvision_names()


def is_sized(name: str) -> bool:
    """Return whether a network is built for images of one size."""
    return name.startswith(tuple(_SIZE_OPTIONS))


def is_resnet(name: str) -> bool:
    """Return whether a name is one of torchvision's ResNets, whose stem can be chosen."""
    return is_torchvision(name) and name.startswith(("resnet", "resnext", "wide_resnet"))


def build_torchvision(
    name: str, num_classes: int, in_channels: int, stem: Stem | None = None, image_size: int | None = None
) -> nn.Module:
    """Return one of torchvision's networks with fresh weights; the arguments are those of `build_backbone`."""
    options: dict[str, Any] = {"weights": None, "num_classes": num_classes}
    if image_size is not None:
        option = next(option for start, option in _SIZE_OPTIONS.items() if name.startswith(start))
        options[option] = image_size if option == "image_size" else (image_size, image_size)
    if name in ("googlenet", "inception_v3"):
        options |= {"aux_logits": False, "init_weights": True}  # one output, as all others have
    network: nn.Module = torchvision.models.get_model(name, **options)
    if isinstance(network, ResNet):
        set_stem(network, in_channels, stem or "cifar")
    elif in_channels != 3:
        _set_in_channels(network, in_channels)
    return network


def _set_in_channels(network: nn.Module, in_channels: int) -> None:
    """Change the input channels of the first convolution; its initial weights for three are cut or repeated."""
    if in_channels < 1:
        raise ValueError(f"Expected argument `in_channels` to be 1 or more, but got {in_channels}")
    old = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    kept = old.weight.detach().repeat(1, -(-in_channels // 3), 1, 1)[:, :in_channels]
    old.weight, old.in_channels = nn.Parameter(kept.clone()), in_channels
