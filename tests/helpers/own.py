"""A method as a user writes it: a loss of its own, the original as teacher, a preparation, under the saliency mask."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from medunlearn import Unlearner


class Distil(Unlearner):
    """Stays near the original on the retain set and leaves it on the forget set; each step holds a batch of both.

    Args:
        strength: Weight of the forget set against the retain set.
        mask_ratio: Share of the weights that may move.
    """

    def __init__(self, *args: Any, strength: float = 0.2, mask_ratio: float = 0.3, **kwargs: Any) -> None:
        super().__init__(*args, mask_ratio=mask_ratio, **kwargs)
        self.strength = strength

    def images(self, epoch: int) -> str:
        return "paired"

    def prepare(self) -> dict[str, Tensor]:
        sums = torch.zeros(self.num_classes)
        for batch in self.batches("retain"):
            sums += self(batch.images).softmax(1).detach().sum(0)
        return {"prior": F.normalize(self.summed({"prior": sums})["prior"], p=1, dim=0)}

    def losses(self, batch: Any) -> Tensor:
        logits, original = self(batch.images).float(), self.teacher()(batch.images).float()
        far = F.kl_div(logits.log_softmax(1), self.kept["prior"].log(), log_target=True, reduction="none").sum(1)
        near = F.cross_entropy(logits, original.softmax(1), reduction="none")
        return torch.where(batch.forget, self.strength * far, near)

    def facts(self) -> dict[str, float | str]:
        return {"largest_prior": float(self.kept["prior"].max())}
