"""Checks of what a method's `losses` and `penalty` return, run in every step."""

from collections.abc import Iterable
from typing import Any, TypeGuard

from torch import Tensor

from medunlearn.errors import InputError, counted


def check_losses(losses: Any, images: int, name: str, first: bool) -> Tensor:
    """Return the losses of a batch as float32.

    Args:
        losses: What `losses` returned.
        images: Number of images b in the batch.
        name: Class of the method.
        first: Whether no step has been made yet: losses that are not numbers then come from the method itself.

    Raises:
        InputError: If they are not one number per image.

    Example:
        >>> import torch
        >>> check_losses(torch.tensor(0.5), 4, "Own", first=True)
        Traceback (most recent call last):
        medunlearn.errors.InputError: losses: Own.losses must return one loss per image, a tensor of shape (4,), but \
returned a tensor of shape (); leave out its mean or sum
    """
    wanted = f"losses: {name}.losses must return one loss per image, a tensor of shape ({images},), but returned"
    if not _is_real(losses):
        raise InputError(f"{wanted} {_kind(losses)}; return real numbers, such as `loss.float()`")
    if losses.shape != (images,):
        remedy = "leave out its mean or sum" if losses.ndim == 0 else "take the mean over all other dimensions"
        raise InputError(f"{wanted} {_kind(losses)}; {remedy}")
    if first and (bad := int(losses.isnan().sum())):
        raise InputError(
            f"losses: {name}.losses returned nan for {counted(bad, 'image')} of {images} in the first step; look for a "
            "logarithm, root or division of 0 there"
        )
    return losses.float()


def check_step(loss: Tensor, penalty: Any, name: str, first: bool) -> Tensor:
    """Return the loss of a step, with the penalty added.

    Args:
        loss: The weighted sum of the losses.
        penalty: What `penalty` returned.
        name: Class of the method.
        first: Whether no step has been made yet; only then is it checked that the loss has a gradient.

    Raises:
        InputError: If the penalty is not one number, or no weight has a gradient.

    Example:
        >>> import torch
        >>> float(check_step(torch.ones((), requires_grad=True), torch.tensor(2.0), "Own", first=True))
        3.0
    """
    if penalty is not None:
        if not (_is_real(penalty) and penalty.ndim == 0):
            raise InputError(
                f"penalty: {name}.penalty must return one number, a tensor of shape (), or None, but returned "
                f"{_kind(penalty)}; return its sum or mean"
            )
        loss = loss + penalty
    if first and not loss.requires_grad:
        raise InputError(
            f"losses: {name}.losses does not depend on the weights; take it of `self(batch.images)`, without `detach`, "
            "`no_grad` or `argmax`"
        )
    return loss


def check_trained(named: Iterable[tuple[str, Tensor]], trained: Iterable[Tensor], name: str) -> None:
    """Reject weights that get a gradient but are not trained: a head missing from `trained`, an unfrozen teacher.

    Args:
        named: All named parameters of the method, after the first backward pass.
        trained: Those that the optimiser updates.
        name: Class of the method.

    Raises:
        InputError: If there are any.

    Example:
        >>> import torch
        >>> layer = torch.nn.Linear(2, 1)
        >>> check_trained(layer.named_parameters(), [], "Own")
        >>> layer(torch.ones(1, 2)).sum().backward()
        >>> check_trained(layer.named_parameters(), layer.parameters(), "Own")
    """
    moved = {id(weights) for weights in trained}
    left = [path for path, weights in named if weights.grad is not None and id(weights) not in moved]
    if left:
        raise InputError(
            f"trained: {name}.{left[0]} gets a gradient and is not trained; return it from `trained` beside the "
            "backbone's weights, or keep gradients out by `requires_grad_(False)`"
        )


def _is_real(value: Any) -> TypeGuard[Tensor]:
    return isinstance(value, Tensor) and not value.is_complex()


def _kind(value: Any) -> str:
    """Describe a value for an error message."""
    if not isinstance(value, Tensor):
        return "None" if value is None else f"{type(value).__name__}"
    numbers = "" if value.is_floating_point() else f" of {str(value.dtype).removeprefix('torch.')}"
    return f"a tensor{numbers} of shape {tuple(value.shape)}"
