from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet

from medunlearn.errors import InputError

Stem = Literal["cifar", "imagenet"]


class ResNet18(ResNet):  # type: ignore[misc]  # torchvision publishes no types
    """torchvision's ResNet-18 that takes images in [0, 1] and normalises them itself.

    Parameter names are torchvision's own, so saved weights also load into `torchvision.models.resnet18` with the same
    stem.

    Args:
        num_classes: Number of classes C.
        in_channels: Channels of the images, 1 or 3.
        stem: `cifar` for a 3x3 convolution with stride 1 and no max-pool (for small images, as in the paper),
            `imagenet` for the 7x7 convolution with stride 2 and the max-pool.
        mean: Subtracted from each pixel in [0, 1]. Fixed, as MedMNIST has it: a mean computed from the data would carry
            something of the forget set into a retrained model.
        std: Divides what is left.

    Raises:
        InputError: If there is no such stem.
    """

    def __init__(
        self, num_classes: int, in_channels: int = 3, stem: Stem = "cifar", mean: float = 0.5, std: float = 0.5
    ) -> None:
        if stem not in get_args(Stem):
            raise InputError(f"model.init_args.stem={stem}: choose one of {', '.join(get_args(Stem))}")
        super().__init__(BasicBlock, [2, 2, 2, 2], num_classes=num_classes)
        self.mean, self.std = mean, std
        self.architecture = {
            "num_classes": num_classes,
            "in_channels": in_channels,
            "stem": stem,
            "mean": mean,
            "std": std,
        }
        if stem == "cifar":
            self.conv1 = nn.Conv2d(in_channels, 64, kernel_size=3, stride=1, padding=1, bias=False)
            self.maxpool = nn.Identity()
        else:
            self.conv1 = nn.Conv2d(in_channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")

    def last_map(self, size: int) -> int:
        """Return the height and width of the maps that are averaged at the end, for images of `size` pixels a side."""
        halvings = 3 if self.architecture["stem"] == "cifar" else 5
        return -(-size // (1 << halvings))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, C) of images (N, in_channels, H, W) in [0, 1]."""
        return torch.as_tensor(super().forward((x - self.mean) / self.std))
