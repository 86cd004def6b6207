"""ResNet-18, the paper's network, and the two stems that torchvision's ResNets can have."""

from typing import Literal, get_args

from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from medunlearn.errors import InputError
from medunlearn.models.base import MEAN, STD, Backbone, Constant

Stem = Literal["cifar", "imagenet"]


class ResNet18(Backbone, ResNet):  # type: ignore[misc]  # torchvision publishes no types
    """torchvision's ResNet-18 that takes images in [0, 1] and normalises them itself.

    Parameter names are torchvision's own, so saved weights also load into `torchvision.models.resnet18` with the same
    stem.

    Args:
        num_classes: Number of classes C.
        in_channels: Channels of the images, 1 or 3.
        stem: `cifar` for a 3x3 convolution with stride 1 and no max-pool (for small images, as in the paper),
            `imagenet` for the 7x7 convolution with stride 2 and the max-pool.
        mean: Subtracted from each pixel in [0, 1]; one number, or one for each channel.
        std: Divides the result, likewise.

    Raises:
        InputError: If there is no such stem.
    """

    def __init__(
        self, num_classes: int, in_channels: int = 3, stem: Stem = "cifar", mean: Constant = MEAN, std: Constant = STD
    ) -> None:
        check_stem(stem)
        super().__init__(BasicBlock, [2, 2, 2, 2], num_classes=num_classes)
        set_stem(self, in_channels, stem)
        self.architecture = {
            "num_classes": num_classes,
            "in_channels": in_channels,
            "stem": stem,
            "mean": mean,
            "std": std,
        }


def check_stem(stem: str) -> None:
    """Reject an unknown stem.

    Raises:
        InputError: If there is no such stem.
    """
    if stem not in get_args(Stem):
        raise InputError(f"stem={stem}: choose one of {', '.join(get_args(Stem))}", part="model.init_args")


def set_stem(network: ResNet, in_channels: int, stem: Stem) -> None:
    """Replace the first layers of one of torchvision's ResNets, initialised as its own convolutions are."""
    if stem == "cifar":
        network.conv1 = nn.Conv2d(in_channels, 64, kernel_size=3, stride=1, padding=1, bias=False)
        network.maxpool = nn.Identity()
    else:
        network.conv1 = nn.Conv2d(in_channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
    nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
