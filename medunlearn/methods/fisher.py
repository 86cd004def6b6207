"""Per-image gradients, the diagonal of the Fisher information, and solutions with the full, damped Fisher matrix."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

Gradients = dict[str, Tensor]
"""Gradients by parameter name: of the parameter's shape, or (b, *shape) with one gradient for each of b images."""


def by_image(model: nn.Module) -> Callable[[Tensor, Tensor], Gradients]:
    """Return a function from images (b, channels, H, W) and labels (b,) to the gradient of each image's loss.

    The loss is the cross-entropy. The model must be in evaluation mode: in training mode BatchNorm makes an image's
    loss depend on the other images. Memory is b times that of the weights. Computed in float32 even under autocast,
    since bfloat16's eight bits of mantissa are too few for squares of gradients.

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
        stance = torch.compiler.set_stance("force_eager")
        with torch.autocast(images.device.type, enabled=False), stance, _exact_convolutions():
            found: Gradients = gradients(weights, images.float().contiguous(), labels)
        return {name: value.detach() for name, value in found.items()}

    return call


@contextmanager
def _exact_convolutions() -> Iterator[None]:
    """Leave oneDNN out where it has AVX2 and no AVX-512.

    There its convolutions under `vmap` (torch 2.14) err by up to 8 % of the largest gradient of a DenseNet-121, and are
    no faster than PyTorch's own.
    """
    before = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(before and torch.backends.cpu.get_cpu_capability() != "AVX2")
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(before)


def add_squares(
    sums: Gradients, model: nn.Module, images: Tensor, labels: Tensor, block: int, weights: Tensor | None = None
) -> None:
    """Add each image's squared gradient to `sums`: over n images, n times the diagonal of the Fisher information.

    Each image's gradient is squared separately. Public code squares the mean gradient of a batch, which gives values
    that fall with the batch size.

    Args:
        sums: Float64, by parameter name; changed in place.
        model: As of `by_image`.
        images: (b, channels, H, W); b may be 0.
        labels: Classes (b,) that the cross-entropy is taken against.
        block: Number of images processed at a time.
        weights: Weight of each image's squares, (b,); 1 by default.
    """
    gradients = by_image(model)
    for start in range(0, len(images), block):
        part = slice(start, start + block)
        for name, gradient in gradients(images[part], labels[part]).items():
            # Summed in float32 within a block, where the rounding error is negligible, and in float64 over blocks.
            squares = gradient.square()
            if weights is not None:
                squares *= weights[part].reshape(-1, *(1,) * (squares.ndim - 1))
            sums[name] += squares.sum(0)


def add_gradients(sums: Gradients, model: nn.Module, images: Tensor, labels: Tensor, size: int) -> None:
    """Add the gradient of the summed cross-entropy to `sums`, `size` images at a time; see `add_squares`."""
    names, weights = zip(*model.named_parameters(), strict=True)
    for start in range(0, len(images), size):
        part = slice(start, start + size)
        with torch.enable_grad(), torch.autocast(images.device.type, enabled=False):
            loss = F.cross_entropy(model(images[part].float()), labels[part], reduction="sum")
            found = torch.autograd.grad(loss, weights, materialize_grads=True)
        for name, gradient in zip(names, found, strict=True):
            sums[name] += gradient


def zeros(model: nn.Module) -> Gradients:
    """Return float64 zeros of the shape of each parameter of a model, by parameter name."""
    return {name: torch.zeros_like(value, dtype=torch.float64) for name, value in model.named_parameters()}


def damped_solution(
    vector: Gradients, gradients: Callable[[Tensor], Gradients], blocks: tuple[Tensor, ...], damping: float
) -> Gradients:
    """Return (damping I + G'G / m)^-1 v = (v - G' (m damping I + G G')^-1 G v) / damping, by Woodbury's identity.

    Two blocks of rows of G are in memory at a time and are recomputed for each pair of blocks: with B blocks, m (B + 3)
    / 2 image gradients are computed.

    Args:
        vector: v, in float64, by parameter name.
        gradients: Returns the rows of G for some images, (b, *shape) by parameter name.
        blocks: The m images, in blocks.
        damping: Above 0.

    Raises:
        ValueError: If G or v are not finite, or `damping` is so small that it vanishes in rounding.
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
    """Return the scalar products (a, b) between a and b gradients, over all weights."""
    return torch.stack([_flat(left[name]) @ _flat(right[name]).T for name in left]).sum(0)


def _flat(gradient: Tensor) -> Tensor:
    return gradient.flatten(1).double()
