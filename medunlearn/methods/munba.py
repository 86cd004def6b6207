"""MUNBa: each step serves both the retain set and the forget set, whatever the sizes of their gradients."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from medunlearn.contracts import Batch, Draw, Part
from medunlearn.methods.random_labels import relabelled
from medunlearn.methods.schedules import Schedule
from medunlearn.methods.unlearner import Unlearner


class MUNBa(Unlearner):
    """Unlearning by Nash bargaining, MUNBa (Wu & Harandi, ICCV 2025): steps that serve both sets equally.

    Each step takes the gradients g_r of CE on the retain set and g_f of CE towards random labels on the forget set, and
    goes along a_r g_r + a_f g_f with a = 1 / (|g| sqrt(1 + cos)), where cos is the cosine of their angle: the bisector
    of the two, whose length is sqrt(2) whatever the lengths of g_r and g_f. The second backward pass makes a step cost
    5/3 of a fine-tuning step.

    Args:
        lr: Learning rate; the length of a step, since the Trainer clips the bisector to 1 as the public code does.
        lr_schedule: `cosine` from `lr` to `lr_min` over all steps, `constant`, or `step` at the milestones.
    """

    uses: ClassVar[tuple[Part, ...]] = ("retain", "forget")
    cost: ClassVar[tuple[float, float] | None] = (3.0, 0.0)  # 1.8, with two backward passes
    trainer_arguments: ClassVar[dict[str, Any]] = {"max_epochs": 10, "gradient_clip_val": 1.0}

    # The public code has a constant rate; but steps of constant length do not converge unless the rate falls.
    def __init__(self, *args: Any, lr: float = 0.01, lr_schedule: Schedule = "cosine", **kwargs: Any) -> None:
        super().__init__(*args, lr=lr, lr_schedule=lr_schedule, **kwargs)
        self._forget: Tensor | None = None  # gradient on forgotten images, summed over the batches since the last step

    def images(self, epoch: int) -> Draw:
        """Return both sets side by side."""
        # The public code pairs only the first retain batches of an epoch, as many as the forget set has.
        return "paired"

    def targets(self, batch: Batch) -> Tensor:
        """Return random labels for the forget set and the true labels for the rest."""
        return torch.where(batch.forget, relabelled(batch, self.num_classes, "random"), batch.labels)

    def losses(self, batch: Batch) -> Tensor:
        """Return the cross-entropy of each image, and add up the gradient of the forget part on the way."""
        losses = super().losses(batch)
        part = (losses * batch.weight * batch.forget).sum()
        weights = list(self.backbone.parameters())
        found = torch.autograd.grad(part, weights, retain_graph=True)
        gradient = torch.cat([each.flatten() for each in found])
        self._forget = gradient if self._forget is None else self._forget + gradient
        return losses

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Replace the sum of both gradients, which the backward pass has accumulated, by their bisector."""
        assert self._forget is not None
        share = 1 / (self.trainer.world_size * self.trainer.accumulate_grad_batches)
        forget, self._forget = self.summed({"forget": self._forget})["forget"] * share, None
        if self.mask is not None:  # frozen weights must not affect the angle
            forget *= torch.cat([free.to(forget.device).flatten() for free in self.mask.values()])
        gradients = [each.grad for each in self.backbone.parameters() if each.grad is not None]
        both = torch.cat([each.flatten() for each in gradients])
        parts = torch.split(bisector(both - forget, forget), [each.numel() for each in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


def bisector(first: Tensor, second: Tensor) -> Tensor:
    """Return the bisector of two gradients (P,), of length sqrt(2).

    It is zero where the gradients are opposite or one of them is zero; the step then consists of momentum and weight
    decay alone.
    """
    lengths = [torch.linalg.vector_norm(each, dtype=torch.float64) for each in (first, second)]
    units = [each / length.clamp_min(1e-30).float() for each, length in zip((first, second), lengths, strict=True)]
    total = units[0] + units[1]
    length = torch.linalg.vector_norm(total, dtype=torch.float64)
    none = (length <= 1e-6) | (lengths[0] == 0) | (lengths[1] == 0)
    return torch.where(none, torch.zeros_like(total), total * (2**0.5 / length).float())
