"""Networks whose convolutions lie deep, have biases, are not square, or are missing; and a step recomputed."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medunlearn.methods import MaskedSmallGradients

NESTED = "helpers.convolutions.NestedNet"


class NestedNet(nn.Module):
    """Convolutions with biases, inside blocks whose names do not say what they hold; one of them depthwise."""

    def __init__(self, num_classes: int, in_channels: int = 3) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(in_channels, 8, 5, stride=2, padding=2), nn.BatchNorm2d(8), nn.ReLU())
        deep = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.BatchNorm2d(8), nn.Hardswish())
        self.blocks = nn.ModuleList([deep, nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(8, 12, 1), nn.GELU())])
        self.fc = nn.Linear(12, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, C) of normalised images (N, in_channels, H, W)."""
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.fc(x.mean((2, 3)))


class OblongNet(nn.Module):
    """One convolution that treats height and width differently."""

    options: dict[str, Any] = {"kernel_size": (3, 1)}

    def __init__(self, num_classes: int, in_channels: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, num_classes, **self.options)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, C)."""
        return self.conv(x).mean((2, 3))


class OblongStrideNet(OblongNet):
    """Square kernels, moved by steps that are not."""

    options = {"kernel_size": 3, "stride": (2, 1)}


class OblongPaddingNet(OblongNet):
    """Square kernels, over images that are padded on two sides."""

    options = {"kernel_size": 3, "padding": (0, 1)}


class FlatNet(nn.Module):
    """No convolution."""

    def __init__(self, num_classes: int, in_channels: int = 3) -> None:
        super().__init__()
        self.fc = nn.Linear(in_channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, C)."""
        return self.fc(x.mean((2, 3)))


class AdamSmallGradients(MaskedSmallGradients):
    """Brings an optimiser of its own."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.backbone.parameters(), lr=self.lr)


def gradients(network: nn.Module, images: Tensor, labels: Tensor, reduction: str = "mean") -> dict[str, Tensor]:
    """Return the gradient of cross-entropy by name, of images in [0, 1] normalised as every backbone does it."""
    parameters = dict(network.named_parameters())
    loss = F.cross_entropy(network((images - 0.5) / 0.5), labels, reduction=reduction)
    return dict(zip(parameters, torch.autograd.grad(loss, tuple(parameters.values())), strict=True))
