"""Bad Teacher: on the forget set the model imitates an untrained network."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from medunlearn.contracts import Batch, Part
from medunlearn.methods.divergence import divergences
from medunlearn.methods.schedules import Schedule
from medunlearn.methods.unlearner import Unlearner


class BadTeacher(Unlearner):
    """Bad teaching (Chundawat et al., AAAI 2023): distillation from two teachers, one of them untrained.

    Minimises KL(untrained, model) on the forget set and KL(original, model) on the retain set, in one shuffled pass
    through both. An untrained network gives nearly the same output for every image, so this is close to random labels
    without their noise.

    KL is summed over classes. The authors' code also divides it by the number of classes C, which amounts to a learning
    rate C times smaller.

    Args:
        lr: Learning rate.
        lr_schedule: `cosine` from `lr` to `lr_min` over all steps, `constant`, or `step` at the milestones.

    Raises:
        InputError: If a value is out of range, or the original's weights are missing or do not fit.
    """

    uses: ClassVar[tuple[Part, ...]] = ("retain", "forget")
    cost: ClassVar[tuple[float, float] | None] = (1.67, 0.0)  # 1, with a forward pass of each teacher

    # The authors' code makes one pass through the forget set and 30 % of the retain set, with Adam at 1e-4. Here an
    # epoch covers both sets in full, with SGD and a schedule, as in the methods that it is compared with.
    trainer_arguments: ClassVar[dict[str, Any]] = {"max_epochs": 5}

    def __init__(self, *args: Any, lr: float = 0.01, lr_schedule: Schedule = "cosine", **kwargs: Any) -> None:
        super().__init__(*args, lr=lr, lr_schedule=lr_schedule, **kwargs)
        self._bad: list[nn.Module] = []  # in a list, so that it is not registered as a submodule

    def bad_teacher(self) -> nn.Module:
        """Return the untrained network in evaluation mode; a resumed run draws the same weights from the seed."""
        if not self._bad:
            self._bad.append(self.untrained().requires_grad_(False).eval())
        return self._bad[0].to(self.device)

    def losses(self, batch: Batch) -> Tensor:
        """Return KL to the untrained network for forgotten images and to the original for retained ones, (b,)."""
        bad, good = self.bad_teacher()(batch.images), self.teacher()(batch.images)
        return divergences(torch.where(batch.forget[:, None], bad, good), self(batch.images))
