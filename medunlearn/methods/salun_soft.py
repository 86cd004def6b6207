"""SalUn-soft: random labels, with every weight pulled back towards the original's."""

from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from medunlearn.errors import InputError
from medunlearn.methods.random_labels import RandomLabels
from medunlearn.methods.ranges import not_negative


class SalUnSoft(RandomLabels):
    """SalUn-soft (Fan et al., ICLR 2024, appendix): random labels with an l1 pull to the original in place of a mask.

    The forget set is trained towards random labels. After each step d = w - w_original becomes
    sign(d) max(|d| - beta_t, 0), the proximal step of beta_t |d|. beta_t falls linearly from `beta` at the first step
    towards 0 after the last one: beta (1 - t / T) at step t of T.

    Running statistics of BatchNorm are not weights and are not pulled.

    Args:
        beta: Strength of the pull at the first step, in units of the weights; 0 or more. With 0 this is random labels;
            if it exceeds the change of a step, the weights stay the original's.

    Raises:
        InputError: If a value is out of range, the run has no known end, or the original's weights are missing or do
            not fit.
    """

    # The released code takes as beta_t the k-th smallest |d|, with k a share of all weights that falls with the
    # epochs, which sorts all weights after each step; and it measures d from the weights at the epoch's beginning.

    def __init__(self, *args: Any, beta: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        not_negative(beta=beta)
        self.beta = beta

    def check_run(self, trainer: Trainer) -> None:
        """Reject a run that has no known end."""
        super().check_run(trainer)
        if self.beta and trainer.max_epochs in (None, -1) and trainer.max_steps == -1:
            raise InputError(
                f"beta={self.beta}: falls to 0 at the end of the run; set trainer.max_epochs", part="model.init_args"
            )

    def after_step(self) -> None:
        """Pull the weights."""
        if self.beta:
            beta = self.beta * (1 - self.trainer.global_step / self.total_steps())  # global_step counts from 0
            for weight, original in zip(self.backbone.parameters(), self.teacher().parameters(), strict=True):
                weight.copy_(pulled(weight, original, beta))


def pulled(weights: Tensor, original: Tensor, beta: float) -> Tensor:
    """Return weights moved by beta towards the original's; those within beta of it become the original's bit for bit.

    original + sign(d) max(|d| - beta, 0) of d = weights - original, up to rounding.
    """
    away = weights - original
    return torch.where(away.abs() > beta, weights - beta * away.sign(), original)
