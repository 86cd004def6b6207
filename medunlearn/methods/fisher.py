"""Gradients of each image by itself, and the Fisher information that they add up to, on its diagonal and in full."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

Gradients = dict[str, Tensor]
"""For each parameter, by name: its gradient, of its shape, or (b, *shape) with one for each of b images."""


def by_image(model: nn.Module) -> Callable[[Tensor, Tensor], Gradients]:
    """Return a function of images (b, channels, H, W) and labels (b,) that returns the gradient of each image's loss.

    The loss is the cross-entropy. The model is called in the mode that it is in, which has to be the evaluation mode:
    in training mode BatchNorm makes an image's loss depend on the others. Memory is b times that of the weights. In
    float32 also under autocast, whose eight bits of mantissa are too few for squares of gradients.

    Args:
        model: A classifier; torchvision's all work.
    """
    # Contiguous: `vmap` has no rule for the strides of pooled channels-last maps, and is slower on such weights.
    weights = {name: value.detach().contiguous() for name, value in model.named_parameters()}
    buffers = dict(model.named_buffers())

    def loss(weights: Gradients, image: Tensor, label: Tensor) -> Tensor:
        logits = functional_call(model, (weights, buffers), (image[None],))
        return F.cross_entropy(logits, label[None])

    gradients = vmap(grad(loss), in_dims=(None, 0, 0))

    def call(images: Tensor, labels: Tensor) -> Gradients:
        with torch.autocast(images.device.type, enabled=False), torch.compiler.set_stance("force_eager"):
            found: Gradients = gradients(weights, images.float().contiguous(), labels)
        return {name: value.detach() for name, value in found.items()}

    return call


def add_squares(
    sums: Gradients, model: nn.Module, images: Tensor, labels: Tensor, block: int, weights: Tensor | None = None
) -> None:
    """Add the squared gradients of images to sums: over all images, n times the diagonal of the Fisher information.

    Each image's gradient is squared by itself: the square of a batch's mean gradient, as public code takes it, falls
    with the batch size.

    Args:
        sums: Float64, by parameter name; changed in place.
        model: As of `by_image`.
        images: (b, channels, H, W); b may be 0.
        labels: Classes (b,) that the cross-entropy is taken against.
        block: How many images are gone through at a time.
        weights: (b,): what each image's squares count; 1 by default.
    """
    gradients = by_image(model)
    for start in range(0, len(images), block):
        part = slice(start, start + block)
        for name, gradient in gradients(images[part], labels[part]).items():
            # In float32 within a block, which loses nothing that counts; over blocks in float64.
            squares = gradient.square()
            if weights is not None:
                squares *= weights[part].reshape(-1, *(1,) * (squares.ndim - 1))
            sums[name] += squares.sum(0)


def add_gradients(sums: Gradients, model: nn.Module, images: Tensor, labels: Tensor, size: int) -> None:
    """Add the gradient of the summed cross-entropy to sums, `size` images at a time; else as `add_squares`."""
    names, weights = zip(*model.named_parameters(), strict=True)
    for start in range(0, len(images), size):
        part = slice(start, start + size)
        with torch.enable_grad(), torch.autocast(images.device.type, enabled=False):
            loss = F.cross_entropy(model(images[part].float()), labels[part], reduction="sum")
            found = torch.autograd.grad(loss, weights, materialize_grads=True)
        for name, gradient in zip(names, found, strict=True):
            sums[name] += gradient


def zeros(model: nn.Module) -> Gradients:
    """Return a zero in float64 for each weight of a model, by parameter name."""
    return {name: torch.zeros_like(value, dtype=torch.float64) for name, value in model.named_parameters()}


def damped_solution(
    vector: Gradients, gradients: Callable[[Tensor], Gradients], blocks: tuple[Tensor, ...], damping: float
) -> Gradients:
    """Return (damping I + G'G / m)^-1 v = (v - G' (m damping I + G G')^-1 G v) / damping, by Woodbury's identity.

    Two blocks of rows of G are in memory at a time, and are computed again for each pair: with B blocks that is
    (B + 3) / 2 times as many gradients of an image as m.

    Args:
        vector: v, in float64, by parameter name.
        gradients: Returns the rows of G of some images, (b, *shape) by parameter name.
        blocks: The m images, in blocks.
        damping: Above 0.

    Raises:
        ValueError: If G or v are not numbers, or `damping` is lost beside them.
    """
    size, device = sum(map(len, blocks)), next(iter(vector.values())).device
    gram = size * damping * torch.eye(size, dtype=torch.float64, device=device)
    right = torch.zeros(size, dtype=torch.float64, device=device)
    for number, rows in enumerate(blocks):
        left = gradients(rows)
        right[rows] = sum(_flat(left[name]) @ value.flatten() for name, value in vector.items())
        gram[rows[:, None], rows] += _products(left, left)
        for others in blocks[number + 1 :]:
            gram[rows[:, None], others] = products = _products(left, gradients(others))
            gram[others[:, None], rows] = products.T
    triangle, failed = torch.linalg.cholesky_ex(gram)
    if failed:
        raise ValueError(f"Expected argument `damping` to be large enough for float64, but got {damping}")
    coefficients = torch.cholesky_solve(right[:, None], triangle)[:, 0]
    found = {name: value.clone() for name, value in vector.items()}
    for rows in blocks:
        for name, value in gradients(rows).items():
            found[name] -= torch.tensordot(coefficients[rows], value.double(), 1)
    return {name: value / damping for name, value in found.items()}


def _products(left: Gradients, right: Gradients) -> Tensor:
    """Return the scalar products (a, b) of a gradients with b others, over all weights."""
    return torch.stack([_flat(left[name]) @ _flat(right[name]).T for name in left]).sum(0)


def _flat(gradient: Tensor) -> Tensor:
    return gradient.flatten(1).double()
