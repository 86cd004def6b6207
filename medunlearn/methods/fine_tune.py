"""Fine-tuning on the retain set: the baseline that every other method has to beat."""

from typing import Any, ClassVar

from medunlearn.contracts import Draw, Part
from medunlearn.methods.schedules import Schedule
from medunlearn.methods.unlearner import Unlearner


class FineTune(Unlearner):
    """Goes on training on the retain set and relies on forgetting: the baseline `FT` of SalUn's paper.

    From a high learning rate that falls along a cosine: at a low one nothing moves, since the retain set is learned
    already, and a constant high one ends before the model has settled (CoUn's settings, with fewer epochs).

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
