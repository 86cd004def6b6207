"""What every backbone has: normalisation inside, a description to build it again, the size of its smallest maps."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from medunlearn.models.images import ImageFormat

Architecture = dict[str, int | float | str]
"""What a network is built from: plain values, so that a file of weights can hold them."""

MEAN = STD = 0.5
"""Of each pixel in [0, 1]. Fixed, as MedMNIST has it: a mean computed from the data would carry something of the forget
set into a retrained model."""


class Backbone(nn.Module):
    """A classifier that takes images in [0, 1] and normalises them itself.

    To be mixed in before the class of the network: parameters keep the names that they have there.
    """

    architecture: Architecture
    """What `rebuild` needs to build it again."""
    image_format: ImageFormat | None = None
    """The images that it takes; of a model that `load_model` has returned."""
    class_names: tuple[str, ...] | None = None
    """A name for each class, where the file of its weights has them."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, C) of images (N, in_channels, H, W) in [0, 1]."""
        mean, std = float(self.architecture["mean"]), float(self.architecture["std"])
        logits: Tensor = super().forward((x - mean) / std)
        return logits

    def last_map(self, size: int) -> int:
        """Return the height and width of the smallest maps that BatchNorm averages over.

        Args:
            size: Height and width of the images.

        Returns:
            Pixels a side, rounded up; `size` for a network without BatchNorm.
        """
        pixels = [size**2]

        def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            pixels.append(math.prod(inputs[0].shape[2:]))

        layers = [module for module in self.modules() if isinstance(module, _BatchNorm)]
        hooks = [layer.register_forward_pre_hook(note) for layer in layers]
        try:
            if hooks:
                one_pass(self, int(self.architecture["in_channels"]), size)
        finally:
            for hook in hooks:
                hook.remove()
        return math.ceil(math.sqrt(min(pixels)))


def normalised(network: nn.Module, architecture: Architecture) -> Backbone:
    """Return `network` itself, as a `Backbone`: its class gains what `Backbone` adds.

    Args:
        network: A classifier of normalised images.
        architecture: What it was built from; gains `mean` and `std` where they are missing.
    """
    kind = type(network)
    network.__class__ = type(kind.__name__, (Backbone, kind), {"__module__": kind.__module__})
    assert isinstance(network, Backbone)
    network.architecture = {**architecture, "mean": architecture.get("mean", MEAN), "std": architecture.get("std", STD)}
    return network


class unallocated(TorchFunctionMode):
    """Builds networks whose weights take no memory, as `torch.device("meta")` does.

    Only weights are left out: what a network computes while it is built, such as its widths, has values.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call `func`, on the meta device where it makes a tensor of a shape."""
        options = kwargs or {}
        if func in _OF_A_SHAPE and options.get("device") is None:
            options = {**options, "device": "meta"}
        return func(*args, **options)


_OF_A_SHAPE = (torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn)


def one_pass(network: nn.Module, in_channels: int, size: int) -> Any:
    """Return the output for one image in evaluation mode: without values, on the meta device, where that works."""
    with torch.no_grad(), _evaluating(network):
        try:
            state = {name: value.to("meta") for name, value in _tensors(network)}
            return functional_call(network, state, (torch.empty(1, in_channels, size, size, device="meta"),))
        except Exception:  # whatever a network does that needs values
            return network(torch.zeros(1, in_channels, size, size, device=next(network.parameters()).device))


def _tensors(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    return chain(network.named_parameters(), network.named_buffers())


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def plain_name(name: str) -> str:
    """Return a parameter's name without what `torch.compile` puts before the parts that it has compiled.

    Example:
        >>> plain_name("backbone._orig_mod.fc.weight")
        'backbone.fc.weight'
    """
    return name.replace("_orig_mod.", "")
