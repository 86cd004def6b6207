"""Weight negation: the first convolution is turned round, and fine-tuning repairs what that breaks."""

from typing import Any

import torch
from torch import Tensor

from medunlearn.methods.convolutions import check_statistics, convolutions
from medunlearn.methods.fine_tune import FineTune


class WeightNegation(FineTune):
    """NoT, unlearning by weight negation (Khalil et al., CVPR 2025): W_1 <- -W_1, then fine-tuning on the retain set.

    W_1 are the weights of the first convolution in the order in which the network defines them, which in each of
    torchvision's is the first that an image meets. The forget set is not needed.

    BatchNorm's running statistics are the original's at the first step, and each step replaces a tenth of them: after
    s steps 0.9^s is left of them. So set `refresh_statistics` where there are fewer than about 50 steps.

    Args:
        lr: Learning rate at the first step.
        lr_schedule: `cosine` from `lr` to `lr_min` over all steps, `constant`, or `step` at the milestones.

    Raises:
        InputError: If a value is out of range, the backbone has no convolution, or `freeze_statistics` is set.
    """

    # CoUn's settings of NoT are FineTune's (SGD, a cosine from 0.01 to 0.1), over 50 epochs where here there are 10.

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        check_statistics(self.freeze_statistics)
        convolutions(self.backbone)

    @torch.no_grad()
    def prepare(self) -> dict[str, Tensor]:
        """Negate the weights of the first convolution; a bias stays, since the paper negates weights."""
        next(iter(convolutions(self.backbone).values())).weight.neg_()
        return {}
