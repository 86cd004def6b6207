"""Fine-tuning on the retain set: the baseline that every other method has to beat."""

from typing import Any, ClassVar

from medunlearn.contracts import Draw, Part
from medunlearn.methods.schedules import Schedule
from medunlearn.methods.unlearner import Unlearner


class FineTune(Unlearner):
    """Continues training on the retain set and relies on catastrophic forgetting: the baseline `FT` of SalUn's paper.

    The learning rate starts high and falls along a cosine (CoUn's settings, with fewer epochs). A low rate changes
    nothing, since the retain set is learned already; with a constant high rate the model does not settle.

    Args:
        lr: Learning rate at the first step.
        lr_schedule: `cosine` from `lr` to `lr_min` over all steps, `constant`, or `step` at the milestones.
    """

    uses: ClassVar[tuple[Part, ...]] = ("retain",)
    cost: ClassVar[tuple[float, float] | None] = (0.9, 0.0)

    def __init__(self, *args: Any, lr: float = 0.1, lr_schedule: Schedule = "cosine", **kwargs: Any) -> None:
        super().__init__(*args, lr=lr, lr_schedule=lr_schedule, **kwargs)

    def images(self, epoch: int) -> Draw:
        """Return the retain set alone."""
        return "retain"
