"""Fine-tuning with an l1 penalty that falls to zero ("Model Sparsity Can Simplify Machine Unlearning")."""

from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from medunlearn.errors import InputError
from medunlearn.methods.fine_tune import FineTune
from medunlearn.methods.ranges import not_negative, whole


class L1Sparse(FineTune):
    """l1-sparse unlearning (Jia et al., NeurIPS 2023): fine-tuning with an l1 penalty that falls to zero.

    loss = mean CE over the retain set + gamma_t |weights|_1, with gamma_t = l1 (1 - t / T) in epoch t = 0..T - 1. The
    norm is over all parameters, those of BatchNorm and the biases too. Subgradient steps leave hardly any weight at
    exactly zero, so nothing here counts sparsity.

    Args:
        l1: Strength of the penalty in the first epoch, 0 or more (gamma in the paper, 1e-6 to 1e-4 in SalUn's range);
            with 0 this is `FineTune`.
        l1_free_epochs: Epochs without the penalty at the end, 0 or more: T is the number of epochs less these.
        lr: Learning rate at the first step.
    """

    def __init__(self, *args: Any, l1: float = 1e-4, l1_free_epochs: int = 0, lr: float = 0.01, **kwargs: Any) -> None:
        super().__init__(*args, lr=lr, **kwargs)
        not_negative(l1=l1)
        whole(0, l1_free_epochs=l1_free_epochs)
        self.l1, self.l1_free_epochs = l1, l1_free_epochs

    def check_run(self, trainer: Trainer) -> None:
        """Reject a run without a known number of epochs, or whose epochs are all free of the penalty."""
        epochs = trainer.max_epochs
        if self.l1 and epochs in (None, -1):
            raise InputError("l1: falls over the epochs of the run; set trainer.max_epochs", part="model.init_args")
        if self.l1 and epochs and epochs <= self.l1_free_epochs:
            raise InputError(
                f"l1_free_epochs={self.l1_free_epochs}: leaves none of {epochs} epochs to the penalty; give less",
                part="model.init_args",
            )
        super().check_run(trainer)

    def penalty(self) -> Tensor | None:
        """Return gamma_t |weights|_1; its gradient is gamma_t times the sign of each weight, 0 where a weight is 0."""
        epochs = (self.trainer.max_epochs or 0) - self.l1_free_epochs
        # Computed from `l1` in each epoch. AMUN's copy multiplies the previous epoch's value, which grows to 9.7 times
        # `l1`.
        strength = falling(self.l1, self.current_epoch, epochs)
        if not strength:
            return None
        return strength * torch.stack([weight.abs().sum() for weight in self.backbone.parameters()]).sum()


def falling(first: float, epoch: int, epochs: int) -> float:
    """Return the value in epoch `epoch` of a quantity that falls linearly from `first` to 0 over `epochs` epochs."""
    return first * max(0.0, 1 - epoch / epochs) if epochs > 0 else 0.0
