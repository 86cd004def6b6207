"""The saliency mask of SalUn (Fan et al., ICLR 2024, Eq. 3-4): which weights unlearning may move."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medunlearn.errors import InputError

Mask = dict[str, Tensor]
"""For each parameter, by name, a boolean tensor of its shape: True where it may move."""


def forget_gradients(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """Return the gradient of the summed cross-entropy over a forget set, by parameter name.

    The model is in evaluation mode, so that the sum does not depend on how the set is cut into batches, and every image
    counts the same, also those of a smaller last batch. (The reference code sums the gradients of batch means, in which
    an image of a smaller batch counts more.) The signed gradients are summed; the absolute value comes after.

    Args:
        model: Any classifier of C classes; its mode and its gradients are restored afterwards.
        batches: Images (b, channels, H, W) and true labels (b,).
    """
    names, parameters = zip(*model.named_parameters(), strict=True)
    sums = [torch.zeros_like(parameter) for parameter in parameters]
    training = model.training
    model.eval()
    with torch.enable_grad():
        for images, labels in batches:
            loss = F.cross_entropy(model(images), labels, reduction="sum")
            for total, gradient in zip(sums, torch.autograd.grad(loss, parameters), strict=True):
                total += gradient
    model.train(training)
    return dict(zip(names, sums, strict=True))


def mask_size(ratio: float, total: int) -> int:
    """Return how many of `total` coordinates may move: floor(ratio x total), with the ratio as a decimal number."""
    return math.floor(ratio * total + 1e-6)


def check_size(ratio: float, total: int) -> None:
    """Reject a ratio that leaves none of `total` coordinates free."""
    if not mask_size(ratio, total):
        raise InputError(
            f"mask_ratio={ratio}: leaves none of {total} weights free; give at least {1 / total:.1g}",
            part="model.init_args",
        )


def saliency_mask(gradients: dict[str, Tensor], ratio: float) -> Mask:
    """Return the mask of the floor(ratio x P) coordinates, among P in all, with the largest absolute gradient.

    All parameters are ranked together. Among equal values at the threshold, the first in parameter order are taken, so
    that the number is exact. It is computed from the decimal form of the ratio, not from its binary rounding.

    Args:
        gradients: The gradient over the forget set, by parameter name.
        ratio: Share of the coordinates that may move, in (0, 1].

    Raises:
        ValueError: If the ratio is out of range or selects nothing, or a gradient is not a number.
    """
    magnitude = torch.cat([gradient.reshape(-1) for gradient in gradients.values()]).abs_()
    if not 0 < ratio <= 1 or (count := mask_size(ratio, magnitude.numel())) == 0:
        raise ValueError(f"Expected argument `ratio` in (0, 1] to select at least one coordinate, but got {ratio}")
    if magnitude.isnan().any():
        raise ValueError("Expected argument `gradients` to be numbers, but some are NaN; the model has diverged")
    flat = _largest(magnitude, count)
    parts = torch.split(flat, [gradient.numel() for gradient in gradients.values()])
    return {name: part.view_as(gradients[name]) for name, part in zip(gradients, parts, strict=True)}


def diverged(original: Path) -> InputError:
    """Return the error for an original whose gradients are not numbers."""
    return InputError(
        f"original={original}: its gradients are not numbers: the model has diverged; "
        "train it again with a lower learning rate",
        part="model.init_args",
    )


class FrozenWeights:
    """Holds every weight outside a mask bit-identical, in place.

    Works on the bit patterns: one AND clears the frozen weights, one OR restores their held values. This is exact for
    any values, and several times faster than selecting with a boolean mask.

    Args:
        model: The model.
        mask: What may move; its tensors go to the device of the weights.
        weights: What frozen weights are held at, by parameter name; by default the model's as they are now.

    Raises:
        TypeError: If a weight is not in float32.
    """

    def __init__(self, model: nn.Module, mask: Mask, weights: Mapping[str, Tensor] | None = None) -> None:
        self._held: list[tuple[nn.Parameter, Tensor, Tensor]] = []
        for name, parameter in model.named_parameters():
            if parameter.dtype != torch.float32:
                raise TypeError(f"Expected `model` to have float32 weights, but {name} is {parameter.dtype}")
            free = -mask[name].to(parameter.device, torch.int32)  # every bit is set where the weight may move
            held = torch.empty_like(parameter).copy_(parameter if weights is None else weights[name])
            self._held.append((parameter, free, _bits(held) & ~free))

    def clear_gradients(self) -> None:
        """Set the gradients of frozen weights to 0."""
        for parameter, free, _ in self._held:
            if parameter.grad is not None:
                _bits(parameter.grad).bitwise_and_(free)

    def restore(self) -> None:
        """Restore frozen weights: weight decay and momentum change a weight even without a gradient."""
        for parameter, free, frozen in self._held:
            _bits(parameter).bitwise_and_(free).bitwise_or_(frozen)


def _bits(values: Tensor) -> Tensor:
    return values.detach().view(torch.int32)  # weights are float32, whatever the precision of the run


def _largest(values: Tensor, count: int) -> Tensor:
    threshold = values.topk(count, sorted=False).values.min()
    chosen = values > threshold
    equal = (values == threshold).nonzero().squeeze(1)
    chosen[equal[: count - int(chosen.sum())]] = True
    return chosen
