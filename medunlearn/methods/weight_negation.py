"""Weight negation: negates the first convolution's weights, then fine-tunes on the retain set."""

from typing import Any

import torch
from torch import Tensor

from medunlearn.methods.convolutions import check_statistics, convolutions
from medunlearn.methods.fine_tune import FineTune


class WeightNegation(FineTune):
    """NoT, unlearning by weight negation (Khalil et al., CVPR 2025): W_1 <- -W_1, then fine-tuning on the retain set.

    W_1 are the weights of the first convolution in the order in which the network defines them, in each of
    torchvision's networks the first one applied to the image. The forget set is not needed.

    BatchNorm's running statistics are the original's at the first step, and each step replaces a tenth of them: after s
    steps the original's still have weight 0.9^s. So set `refresh_statistics` with fewer than about 50 steps.

    Args:
        lr: Learning rate at the first step.
        lr_schedule: `cosine` from `lr` to `lr_min` over all steps, `constant`, or `step` at the milestones.

    Raises:
        InputError: If a value is out of range, the backbone has no convolution, or `freeze_statistics` is set.
    """

    # CoUn's settings of NoT are FineTune's (SGD, a cosine that begins at 0.01 to 0.1), over 50 epochs instead of 10.

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        check_statistics(self.freeze_statistics)
        convolutions(self.backbone)

    @torch.no_grad()
    def prepare(self) -> dict[str, Tensor]:
        """Negate the weights of the first convolution; a bias is kept, since the paper negates weights only."""
        next(iter(convolutions(self.backbone).values())).weight.neg_()
        return {}
