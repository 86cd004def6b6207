"""SCRUB: away from the original on the forget set, back to it on the retain set."""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from medunlearn.contracts import Batch, Draw, Part
from medunlearn.methods.divergence import divergences
from medunlearn.methods.ranges import not_negative, positive
from medunlearn.methods.schedules import Schedule
from medunlearn.methods.unlearner import Unlearner


class SCRUB(Unlearner):
    """SCRUB (Kurmanji et al., NeurIPS 2023, Eq. 3): a student that disobeys its teacher on the forget set.

    Each of the first epochs goes through the forget set and maximises KL(original, model). Every epoch then goes
    through the retain set and minimises kl_weight KL(original, model) + ce_weight cross-entropy.

    At the start the model equals the original, where KL has no gradient. The first updates come from BatchNorm: the
    model uses the batch's statistics, the original its running ones. With `freeze_statistics`, weight decay alone
    changes the model in the first pass through the forget set.

    Args:
        forget_epochs: How many epochs begin with the forget set (max-steps in the paper); 0 or more.
        kl_weight: Weight of KL on the retain set (alpha in the paper); 0 or more.
        ce_weight: Weight of cross-entropy on the retain set (gamma in the paper); 0 or more.
        temperature: Temperature of both models' answers in KL; above 0.
        lr: Learning rate.
        lr_schedule: `cosine` from `lr` to `lr_min` over all steps, `constant`, or `step` at the milestones.

    Raises:
        InputError: If a value is out of range, or the original's weights are missing or do not fit.
    """

    uses: ClassVar[tuple[Part, ...]] = ("retain", "forget")
    cost: ClassVar[tuple[float, float] | None] = (1.28, 0.0)  # 0.96 on average, with a forward pass of the original
    trainer_arguments: ClassVar[dict[str, Any]] = {"max_epochs": 5}

    def __init__(
        self,
        *args: Any,
        forget_epochs: int = 3,
        kl_weight: float = 0.5,
        ce_weight: float = 1.0,
        temperature: float = 4.0,
        lr: float = 5e-4,
        lr_schedule: Schedule = "cosine",  # the authors' code: times 0.1 after epochs 3, 5 and 9
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, lr=lr, lr_schedule=lr_schedule, **kwargs)
        not_negative(forget_epochs=forget_epochs, kl_weight=kl_weight, ce_weight=ce_weight)
        positive(temperature=temperature)
        self.forget_epochs, self.temperature = forget_epochs, temperature
        self.kl_weight, self.ce_weight = kl_weight, ce_weight

    def images(self, epoch: int) -> Draw:
        """Return both sets, one after the other, in the first `forget_epochs` epochs; afterwards the retain set."""
        return "forget_then_retain" if epoch < self.forget_epochs else "retain"

    def losses(self, batch: Batch) -> Tensor:
        """Return -KL for forgotten images and the sum of both terms for retained ones, (b,)."""
        logits = self(batch.images).float()
        divergence = divergences(self.teacher()(batch.images), logits, self.temperature)
        entropy = F.cross_entropy(logits, batch.labels, reduction="none")
        return torch.where(batch.forget, -divergence, self.kl_weight * divergence + self.ce_weight * entropy)
