"""The images that a saved model takes: stated by the model that `load_model` returns, and checked at each call."""

import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from medunlearn.errors import InputError

LARGEST = 2**16
"""Largest side length in pixels that is accepted from a file of weights."""


@dataclass(frozen=True)
class ImageFormat:
    """The images that a model takes: (N, channels, H, W), float in `value_range` or uint8.

    Example:
        >>> ImageFormat(num_classes=8, channels=3, size=64, gray=True).value_range
        (0.0, 1.0)
    """

    num_classes: int
    """Number of classes C: the model returns logits (N, C)."""
    channels: int
    """Channels of the images."""
    size: int | None = None
    """Height and width of the images that it was trained on, in pixels; None where the file does not say."""
    gray: bool | None = None
    """Whether those were gray, repeated to three channels if `channels` is 3; None if the file does not say."""
    value_range: tuple[float, float] = (0.0, 1.0)
    """Smallest and largest value of a pixel given as float; uint8 is divided by 255."""

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "ImageFormat":
        """Return the image properties stated in a file of weights; malformed ones are treated as missing.

        Args:
            content: What `read_weights` returns.
        """
        architecture, said = content["architecture"], content.get("images")
        said = said if isinstance(said, dict) else {}
        size, gray = said.get("size", architecture.get("image_size")), said.get("gray")
        return cls(
            num_classes=architecture["num_classes"],
            channels=architecture["in_channels"],
            size=size if type(size) is int and 0 < size <= LARGEST else None,
            gray=gray if type(gray) is bool else None,
        )


class ImageCheck:
    """Checks the images of each call of a model, and scales uint8 to [0, 1]; a hook that is called before `forward`.

    Float images are passed on unchanged. A warning is given once if values or sizes are unusual. If a call is traced,
    compiled or exported, values are not checked, and a compiled model is as fast as without this.
    """

    def __init__(self, images: ImageFormat) -> None:
        self.images = images
        self._warned: set[str] = set()

    def __call__(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """Return the arguments with scaled images; None to leave them unchanged.

        Raises:
            InputError: If they are not images that the model accepts.
        """
        if len(args) + len(kwargs) != 1:  # Python itself says that `forward` takes no such arguments
            return None
        images = args[0] if args else next(iter(kwargs.values()))
        self._check(images)
        if images.dtype != torch.uint8 and not _is_traced(images):
            self._warn(images)
        given = images
        if images.dtype == torch.uint8:
            images = images.to(_dtype(module)).div(255)
        elif images.dtype == torch.float64:  # NumPy's usual type
            images = images.to(_dtype(module))
        if images is given:
            return None
        return ((images,), {}) if args else ((), dict.fromkeys(kwargs, images))

    def _check(self, images: Any) -> None:
        """Reject arguments that are not a batch of images with the model's number of channels."""
        if not isinstance(images, Tensor):
            raise InputError(f"images={type(images).__name__}: give a torch.Tensor, as from torch.as_tensor(images)")
        if images.dtype != torch.uint8 and not images.is_floating_point():
            name = str(images.dtype).removeprefix("torch.")
            raise InputError(f"images={name}: give uint8 from 0 to 255, or float from 0 to 1")
        if images.ndim != 4 or images.shape[1] != self.images.channels:
            raise InputError(f"images={tuple(images.shape)}: {self._remedy(tuple(images.shape))}")

    def _remedy(self, shape: tuple[int, ...]) -> str:
        """Describe the images that the model takes, and how to convert other shapes."""
        channels = self.images.channels
        takes = f"the model takes (N, {channels}, H, W)"
        if len(shape) == 3 and channels in (shape[0], shape[2]):
            first = "images" if shape[0] == channels else "images.permute(2, 0, 1)"
            return f"{takes}; add the dimension of the batch, as in {first}.unsqueeze(0)"
        if len(shape) == 4 and shape[3] == channels:
            return f"{takes}; put the channels first, as in images.permute(0, 3, 1, 2)"
        if channels == 3 and len(shape) == 4 and shape[1] == 1:
            trained = " and was trained on gray images as RGB (as_rgb)" if self.images.gray else ""
            return f"{takes}{trained}; repeat the channel, as in images.expand(-1, 3, -1, -1)"
        if channels == 1 and len(shape) == 4 and shape[1] == 3:
            return f"{takes} and was trained on gray images; give one channel"
        return f"{takes}; give such images"

    def _warn(self, images: Tensor) -> None:
        """Warn once about values out of range, and once about a size other than that of the training images."""
        low, high = (float(value) for value in images.detach().aminmax()) if images.numel() else (0.0, 1.0)
        if low < 0 or high > 1:
            self._once("range", f"images: values from {low:g} to {high:g}, but the model was trained on 0 to 1")
        size, given = self.images.size, tuple(images.shape[2:])
        if size is not None and given != (size, size):
            self._once("size", f"images: {given[0]}x{given[1]}, but the model was trained on {size}x{size}")

    def _once(self, kind: str, message: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            warnings.warn(f"{message}; its outputs may mean nothing", stacklevel=_callers_level())


def check_images(model: nn.Module, images: ImageFormat) -> None:
    """Let a model check the images that it is called with."""
    model.register_forward_pre_hook(ImageCheck(images), with_kwargs=True)


def _callers_level() -> int:
    """Return the `stacklevel` of the line that called the model: frames of this file and PyTorch are skipped."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in ("medunlearn", "torch"):
        level, frame = level + 1, frame.f_back
    return level


def _dtype(module: nn.Module) -> torch.dtype:
    """Return the type that a model computes in."""
    return next((each.dtype for each in module.parameters() if each.is_floating_point()), torch.float32)


def _is_traced(images: Tensor) -> bool:
    """Return whether the values of images cannot be read: they are being traced, or have none."""
    return (
        torch.compiler.is_compiling()
        or torch._C._get_tracing_state() is not None
        or images.is_meta
        or torch._C._functorch.is_functorch_wrapped_tensor(images)
        or isinstance(images, torch._subclasses.FakeTensor)
    )
