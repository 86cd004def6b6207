"""A network of a few thousand weights, with which most tests run; named by its import path, as a user's own is."""

import torch
from torch import Tensor, nn

TINY = "helpers.backbones.TinyNet"
"""Its name, wherever `tests/` is on the path."""

WITH_TINY = f"--model.init_args.backbone={TINY}"
"""The option that chooses it."""


class TinyNet(nn.Module):
    """Three convolutions that halve the maps, as ResNet-18's stages do with its CIFAR stem, and one that does not.

    8x8 pixels end at 1x1, 9x9 at 2x2. On 8x8 the padding leaves the gradient of more than half of the weights exactly
    zero, as in ResNet-18, so that a mask of half of the weights is cut among equal values. The weights are those of the
    seed: nothing else is drawn.
    """

    def __init__(self, num_classes: int, in_channels: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 8, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(16)
        self.conv3 = nn.Conv2d(16, 24, 3, stride=2, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(24)
        self.conv4 = nn.Conv2d(24, 16, 3, padding=1, bias=False)
        self.bn4 = nn.BatchNorm2d(16)
        self.fc = nn.Linear(16, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, C) of normalised images (N, in_channels, H, W)."""
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        x = torch.relu(self.bn3(self.conv3(x)))
        x = torch.relu(self.bn4(self.conv4(x)))
        return self.fc(x.mean((2, 3)))


PLAIN = "helpers.backbones.PlainNet"


class PlainNet(TinyNet):
    """The same without BatchNorm, whose statistics are each process's own."""

    def __init__(self, num_classes: int, in_channels: int = 3) -> None:
        super().__init__(num_classes, in_channels)
        self.bn1 = self.bn2 = self.bn3 = self.bn4 = nn.Identity()


DROPPING = "helpers.backbones.DroppingNet"


class DroppingNet(TinyNet):
    """The same with dropout, so that each step of training draws from PyTorch's generator."""

    def __init__(self, num_classes: int, in_channels: int = 3) -> None:
        super().__init__(num_classes, in_channels)
        self.fc = nn.Sequential(nn.Dropout(0.2), self.fc)


LINEAR = "helpers.backbones.LinearNet"


class LinearNet(nn.Module):
    """Linear in the pixels of 8x8 images, so that NumPy has its gradients in one line."""

    def __init__(self, num_classes: int, in_channels: int = 3) -> None:
        super().__init__()
        self.fc = nn.Linear(in_channels * 64, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, C) of normalised images (N, in_channels, 8, 8)."""
        return self.fc(x.flatten(1))


TEN = "helpers.backbones.TenNet"


class TenNet(nn.Module):
    """A convolution with ten output channels, BatchNorm, and two linear layers on ten features."""

    def __init__(self, num_classes: int, in_channels: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 10, 3, stride=3)
        self.norm = nn.BatchNorm2d(10)
        self.hidden = nn.Linear(10, 10)
        self.fc = nn.Linear(10, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, C) of normalised images (N, in_channels, H, W)."""
        x = torch.relu(self.norm(self.conv(x))).mean((2, 3))
        return self.fc(torch.relu(self.hidden(x)))
