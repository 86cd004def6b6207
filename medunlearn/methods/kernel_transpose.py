"""Kernel transpose: transposes every convolution kernel of the original, then fine-tunes on the retain set."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from medunlearn.errors import InputError
from medunlearn.methods.convolutions import backbone_name, convolutions
from medunlearn.methods.fine_tune import FineTune
from medunlearn.models import Backbone


class KernelTranspose(FineTune):
    """CT, convolution transpose (Triantafillou et al., NeurIPS competition 2023): fine-tuning with kernels transposed.

    The entry "Sebastian" (arXiv 2406.09073). Swaps the two spatial axes of every kernel, K(c, d, i, j) becoming
    K(c, d, j, i), then fine-tunes on the retain set. The forget set is not needed.

    Convolution commutes with transposition, and so do BatchNorm, activations and an average over all positions: the
    edited network maps an image x to what the original maps x transposed to. So fine-tuning starts from nearly the
    original's accuracy on images without a fixed orientation, such as cells or tissue, and from a far lower one on
    organs in a fixed pose. BatchNorm's running statistics are then those of transposed images. It has no effect on a
    model that was also trained on transposed images. In networks with position embeddings, such as transformers, the
    convolution kernels are transposed too, but the output is not that for the transposed image.

    Args:
        lr: Learning rate at the first step.

    Raises:
        InputError: If a value is out of range, or the backbone has a convolution that is not square, or none.
    """

    trainer_arguments: ClassVar[dict[str, Any]] = {"max_epochs": 3}

    # The entry's rate is 0.001 at a batch of 64, for faces; 0.05 was used in a trial on blood cells.
    def __init__(self, *args: Any, lr: float = 0.05, **kwargs: Any) -> None:
        super().__init__(*args, lr=lr, **kwargs)
        check_square(self.backbone)

    @torch.no_grad()
    def prepare(self) -> dict[str, Tensor]:
        """Transpose every kernel in place."""
        transpose_kernels(self.backbone)
        return {}


@torch.no_grad()
def transpose_kernels(backbone: Backbone) -> None:
    """Swap the two spatial axes of every convolution's kernels in place; twice is the identity."""
    for layer in convolutions(backbone).values():
        # In place: the public port creates new parameters, which an optimiser that was built before would not update.
        layer.weight.copy_(layer.weight.transpose(2, 3).clone())


def check_square(backbone: Backbone) -> None:
    """Reject a backbone that treats height and width differently.

    Raises:
        InputError: If a convolution's kernel, stride, padding or dilation is not square, or there is no convolution.
    """
    for name, layer in convolutions(backbone).items():
        for what in ("kernel_size", "stride", "padding", "dilation"):
            value = getattr(layer, what)
            if not isinstance(value, str) and len(set(value)) > 1:
                raise InputError(
                    f"backbone={backbone_name(backbone)}: its convolution {name} has {what}={tuple(value)}, and only "
                    "square ones can be transposed; choose another network",
                    part="model.init_args",
                )
