"""Kernel transpose: the original is made to see images transposed, and fine-tuned on the retain set in that view."""

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
    edited network maps an image x to what the original maps x transposed to. So it starts nearly as accurate as the
    original on images without an orientation, such as cells or tissue, and far less so on organs in a fixed pose.
    BatchNorm's running statistics are then those of transposed images. It does nothing for a model that was trained
    with transposed images too. In networks that know positions, such as transformers, the kernels of the
    convolutions are transposed all the same, but the output is not that for the transposed image.

    Args:
        lr: Learning rate at the first step.

    Raises:
        InputError: If a value is out of range, or the backbone has a convolution that is not square, or none.
    """

    trainer_arguments: ClassVar[dict[str, Any]] = {"max_epochs": 3}

    # The entry's rate is 0.001 at a batch of 64, for faces; 0.05 is what a trial on blood cells ran with.
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
        # The public port makes new parameters, which an optimiser built before would not move.
        layer.weight.copy_(layer.weight.transpose(2, 3).clone())


def check_square(backbone: Backbone) -> None:
    """Refuse a backbone that treats height and width differently.

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
