"""Gradient ascent on the forget set alone."""

from typing import Any, ClassVar

from torch import Tensor

from medunlearn.contracts import Batch, Draw, Part
from medunlearn.methods.unlearner import Unlearner


class GradientAscent(Unlearner):
    """Gradient ascent (Graves et al., AAAI 2021; Thudi et al.): training with the sign of the loss reversed.

    loss = -mean CE over the forget set. At the original the gradient is nearly zero, and it grows with each step, so
    the range of learning rates between no effect and a destroyed model is narrow. `trainer.gradient_clip_val` bounds
    the steps; BatchNorm's statistics end as the forget set's, unless `freeze_statistics` or `refresh_statistics` is
    set. A model whose weights or outputs are no longer finite is rejected when it is measured.

    Args:
        lr: Learning rate; 1e-5 for a tenth of the images, 1e-4 for half of them.
    """

    uses: ClassVar[tuple[Part, ...]] = ("forget",)
    cost: ClassVar[tuple[float, float] | None] = (0.1, 0.0)

    # The sign of weight decay is not reversed: it still shrinks the weights, as in the public code.
    trainer_arguments: ClassVar[dict[str, Any]] = {"max_epochs": 5}

    def __init__(self, *args: Any, lr: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(*args, lr=lr, **kwargs)

    def images(self, epoch: int) -> Draw:
        """Return the forget set alone."""
        return "forget"

    def losses(self, batch: Batch) -> Tensor:
        """Return the cross-entropy of each image, negated."""
        return -super().losses(batch)
