"""SSD: dampens the weights that matter more to the forget set than to the whole training set."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from medunlearn.contracts import Batch, Part
from medunlearn.methods.fisher import Gradients, add_squares
from medunlearn.methods.one_shot import OneShot
from medunlearn.methods.ranges import positive, within


class SSD(OneShot):
    """Selective synaptic dampening, SSD (Foster et al., AAAI 2024): shrinks the forget set's most important weights.

    A weight whose diagonal Fisher information on the forget set, I_F, is more than `alpha` times that on all training
    images, I_D, is multiplied by min(dampening I_D / I_F, 1). BatchNorm's weights and biases are among them.

    I_F is at most n / n_f times I_D, with n_f forgotten images among all n. So at a forget rate of 10 %, an `alpha` of
    10 or more, which the paper uses for whole classes, changes nothing.

    Args:
        alpha: How many times I_D a weight's I_F must exceed; 0 or more. The lower, the more weights are dampened.
        dampening: The paper's lambda; above 0. The lower, the more each is dampened.

    Raises:
        InputError: If a value is out of range, or the original's weights are missing or do not fit.
    """

    uses: ClassVar[tuple[Part, ...]] = ("retain", "forget")
    cost: ClassVar[tuple[float, float] | None] = (0.0, 1.0)
    diverged: ClassVar[tuple[str, str]] = ("original", "train it again with a lower learning rate")

    def __init__(self, *args: Any, alpha: float = 2.0, dampening: float = 1.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        within("a number of 0 or more", lambda value: value >= 0, alpha=alpha)  # infinity: nothing is dampened
        positive(dampening=dampening)
        self.alpha, self.dampening = alpha, dampening

    def prepare(self) -> dict[str, Tensor]:
        """Dampen weights, and keep the number of dampened ones."""
        # The reference code squares gradients of batch means, with different batch sizes on F and D; such values fall
        # with the batch size and are not comparable. D is the union of F and R, so one pass through F is enough.
        (forget, n_forget), (retain, n_retain) = self.total("forget", self._add), self.total("retain", self._add)
        dampened = torch.zeros((), dtype=torch.int64, device=self.device)
        for name, weight in self.backbone.named_parameters():
            of_all = (forget[name] + retain[name]) / (n_forget + n_retain)
            factor = dampening_factor(forget[name] / n_forget, of_all, self.alpha, self.dampening)
            weight.data.mul_(factor.to(weight.dtype))
            dampened += (factor < 1).sum()
        return {"dampened": dampened}

    def _add(self, sums: Gradients, batch: Batch) -> None:
        add_squares(sums, self.backbone, batch.images, batch.labels, self.block)

    def facts(self) -> dict[str, float | str]:
        """Return how many weights were dampened."""
        return {"dampened": float(self.kept["dampened"])}


def dampening_factor(forget: Tensor, of_all: Tensor, alpha: float, dampening: float) -> Tensor:
    """Return min(dampening I_D / I_F, 1) where I_F > alpha I_D, and 1 elsewhere.

    Args:
        forget: I_F, of any shape.
        of_all: I_D, of the same shape.
        alpha: See `SSD`; infinity selects nothing.
        dampening: See `SSD`.
    """
    chosen = forget > alpha * of_all  # never where both are 0: infinity times 0 is NaN
    return torch.where(chosen, (dampening * of_all / forget).clamp(max=1), torch.ones_like(forget))
