"""NegGrad+, from "Towards Unbounded Machine Unlearning": descent on the retain set, ascent on the forget set."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from medunlearn.contracts import Batch, Draw, Part
from medunlearn.methods.ranges import share
from medunlearn.methods.unlearner import Unlearner


class NegGradPlus(Unlearner):
    """NegGrad+ (Kurmanji et al., NeurIPS 2023): descent on the retain set and ascent on the forget set in one step.

    loss = a mean CE over a retain batch - (1 - a) mean CE over a forget batch, with one batch of each in every step. An
    epoch goes once through the larger set and repeats the smaller one. The loss has no lower bound: if the retain
    weight is too small, the ascent dominates.

    Args:
        retain_weight: a, the weight of the retain set, in [0, 1]; 0.95 to 0.9999 are in use. With 1 the forget set is
            left out altogether, and this is `FineTune`.
        lr: Learning rate.
    """

    uses: ClassVar[tuple[Part, ...]] = ("retain", "forget")
    cost: ClassVar[tuple[float, float] | None] = (1.8, 0.0)
    pairs: ClassVar[Draw] = "paired"
    """The set whose size determines the length of an epoch."""

    # The paper's notebooks keep the network in evaluation mode and decay towards the original's weights. Here it is in
    # training mode (`freeze_statistics` restores theirs) with ordinary weight decay; and both batches go through the
    # network together, so that BatchNorm sees one mixture rather than two batches of one set each.

    def __init__(self, *args: Any, retain_weight: float = 0.95, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        share(retain_weight=retain_weight)
        self.retain_weight = retain_weight

    def images(self, epoch: int) -> Draw:
        """Return both sets side by side, or the retain set alone where the forget set has weight 0."""
        return "retain" if self.retain_weight == 1 else self.pairs

    def losses(self, batch: Batch) -> Tensor:
        """Return the weighted cross-entropy of each image, negative on the forget set."""
        return against(super().losses(batch), batch.forget, self.retain_weight)


def against(losses: Tensor, forget: Tensor, retain_weight: float) -> Tensor:
    """Return losses (b,) times `retain_weight` on the retain set, and times `retain_weight - 1` on the forget set."""
    return losses * torch.where(forget, retain_weight - 1.0, retain_weight)
