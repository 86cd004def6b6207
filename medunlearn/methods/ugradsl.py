"""UGradSL ("Label Smoothing Improves Machine Unlearning"): NegGrad+ with ascent against negatively smoothed labels."""

import math
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from medunlearn.contracts import Batch, Draw
from medunlearn.methods.neg_grad_plus import NegGradPlus, against
from medunlearn.methods.ranges import within


class UGradSL(NegGradPlus):
    """UGradSL (Di et al., ICLR 2026): NegGrad+ with negative label smoothing; an epoch is one pass over the forget set.

    loss = p mean CE over a retain batch - (1 - p) mean CE(t) over a forget batch, with the smoothed labels
    t = (1 - alpha) onehot(y) + alpha / C and alpha < 0. So the true class is pushed down and the others are drawn
    towards a uniform answer. As in NegGrad+, the loss has no lower bound.

    Args:
        smoothing: alpha, 0 or less, such as -0.2 or -1; with 0 this is `NegGradPlus`, except that the forget set
            determines the length of an epoch.
        retain_weight: p, the weight of the retain set, in [0, 1]. With 1 the forget set is left out altogether, and
            this is `FineTune`.
    """

    cost: ClassVar[tuple[float, float] | None] = (0.2, 0.0)
    pairs: ClassVar[Draw] = "paired_by_forget"

    # The paper can also set alpha for each image from its neighbours in feature space; here it is one number.

    def __init__(self, *args: Any, smoothing: float = -0.2, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        within("a number of 0 or less, such as -0.2", lambda value: -math.inf < value <= 0, smoothing=smoothing)
        self.smoothing = smoothing

    def losses(self, batch: Batch) -> Tensor:
        """Return the weighted cross-entropy of each image, negative and against smoothed labels on the forget set."""
        smoothing = torch.where(batch.forget, float(self.smoothing), 0.0)
        losses = smoothed_cross_entropy(self(batch.images).float(), self.targets(batch), smoothing)
        return against(losses, batch.forget, self.retain_weight)


class UGradSLPlus(UGradSL):
    """UGradSL+ (Di et al., ICLR 2026): UGradSL whose epoch is one pass over the larger of the two sets.

    It costs more than `UGradSL` if the forget set is the smaller one, and performs better in the paper.

    Args:
        smoothing: alpha, 0 or less, such as -0.2 or -1; with 0 this is `NegGradPlus`.

    Raises:
        InputError: If a value is out of range, or the original's weights are missing or do not fit.
    """

    cost: ClassVar[tuple[float, float] | None] = (1.8, 0.0)
    pairs: ClassVar[Draw] = "paired"


def smoothed_cross_entropy(logits: Tensor, labels: Tensor, smoothing: Tensor) -> Tensor:
    """Return the cross-entropy (b,) of logits (b, C) to (1 - smoothing) onehot(labels) + smoothing / C.

    PyTorch's `label_smoothing` does not accept negative values. `smoothing`, (b,), has one value per image.
    """
    true = F.cross_entropy(logits, labels, reduction="none")
    return (1 - smoothing) * true - smoothing * logits.log_softmax(1).mean(1)
