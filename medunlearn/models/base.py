"""Base of every backbone: normalisation, an architecture to rebuild it, the size of its smallest feature maps."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from medunlearn.models.images import ImageFormat

Architecture = dict[str, Any]
"""The arguments that build a network: numbers and text only, so that a file of weights can hold them; `mean` and `std`
may have one number per channel."""

MEAN = STD = 0.5
"""Mean and standard deviation of pixels in [0, 1], fixed as in MedMNIST: values computed from the data would leak
information on the forget set into a retrained model. Models trained elsewhere have their own values."""

Constant = float | list[float]
"""One number for all channels, or one for each."""


class Backbone(nn.Module):
    """A classifier that takes images in [0, 1] and normalises them itself.

    Mixed in before the class of the network, whose parameter names are kept.
    """

    architecture: Architecture
    """The architecture, from which `rebuild` builds the network."""
    image_format: ImageFormat | None = None
    """The images that it takes; set by `load_model`."""
    class_names: tuple[str, ...] | None = None
    """A name for each class, if the file of its weights contains them."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, C) of images (N, in_channels, H, W) in [0, 1]."""
        mean, std = (_constant(self.architecture[name], x) for name in ("mean", "std"))
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
        architecture: The arguments that built it; `mean` and `std` are added if they are missing.
    """
    kind = type(network)
    network.__class__ = type(kind.__name__, (Backbone, kind), {"__module__": kind.__module__})
    assert isinstance(network, Backbone)
    network.architecture = {**architecture, "mean": architecture.get("mean", MEAN), "std": architecture.get("std", STD)}
    return network


def check_constant(value: Any, in_channels: int, name: str) -> Constant:
    """Return a mean or a standard deviation of pixels in [0, 1], as one number if all channels have the same.

    Args:
        value: One number, or one for each channel.
        in_channels: Number of channels.
        name: `mean` or `std`.

    Raises:
        ValueError: If it is neither; the message has the problem and, after a semicolon, the remedy.

    Example:
        >>> check_constant([0.5, 0.5, 0.5], 3, "mean"), check_constant([0.485, 0.456, 0.406], 3, "mean")
        (0.5, [0.485, 0.456, 0.406])
    """
    numbers = list(value) if isinstance(value, list | tuple) else [value]
    if not all(type(each) in (int, float) and math.isfinite(each) for each in numbers):
        raise ValueError("is no number; give one, or one for each channel")
    if len(numbers) not in (1, in_channels):
        raise ValueError(f"has {len(numbers)} numbers for {in_channels} channel(s); give one, or one for each channel")
    low, high = min(numbers), max(numbers)
    if not (0 <= low <= high <= 1 if name == "mean" else low > 0):
        wanted = "from 0 to 1" if name == "mean" else "above 0"
        raise ValueError(f"is not {wanted}; give it for pixels in [0, 1]: divide one for 0 to 255 by 255")
    return float(low) if low == high else [float(each) for each in numbers]


def set_normalisation(network: Backbone, values: Mapping[str, Any]) -> None:
    """Set the `mean` and `std` by which a network normalises images; they belong to its weights."""
    network.architecture = {**network.architecture, "mean": values.get("mean", MEAN), "std": values.get("std", STD)}


def _constant(value: Constant, x: Tensor) -> float | Tensor:
    """Return a mean or standard deviation in a shape that broadcasts over images (N, C, H, W)."""
    if not isinstance(value, list):
        return float(value)
    return torch.tensor(value, dtype=x.dtype, device=x.device)[:, None, None]


class unallocated(TorchFunctionMode):
    """Builds networks whose weights take no memory, as `torch.device("meta")` does.

    Only weights have no values; numbers that a network computes while it is built, such as its widths, have.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call `func`, on the meta device if it creates a tensor from a shape."""
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
        except Exception:  # the network may need values
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
    """Return a parameter's name without the prefixes that `torch.compile` adds.

    Example:
        >>> plain_name("backbone._orig_mod.fc.weight")
        'backbone.fc.weight'
    """
    return name.replace("_orig_mod.", "")
