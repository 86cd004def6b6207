"""Keeps the weights of the epoch with the smallest proxy gap, which estimates the distance to a Retrain."""

import math
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn

from medunlearn.errors import InputError
from medunlearn.models import plain_name


class NearestEpoch:
    """The epoch with the smallest proxy gap so far (the first of equal ones), with its weights and statistics."""

    def __init__(self) -> None:
        self.epoch = self.epochs = 0
        """Number of the kept epoch and of the last epoch seen, counted from 1; 0 for none."""
        self.gap = math.inf
        self.weights: dict[str, Tensor] = {}

    def offer(self, epoch: int, gap: float, network: nn.Module) -> None:
        """Keep an epoch if its gap is smaller than all before.

        Args:
            epoch: Its number, from 1 on.
            gap: Its proxy gap; infinite where the model has diverged, which is never kept.
            network: The network as the epoch left it.
        """
        self.epochs = epoch
        if gap < self.gap:
            self.epoch, self.gap = epoch, gap
            state = network.state_dict().items()
            self.weights = {plain_name(name): value.detach().clone() for name, value in state}

    @torch.no_grad()
    def restore(self, network: nn.Module) -> bool:
        """Load the kept weights into the network, once; return whether there were any."""
        kept, self.weights = self.weights, {}
        own = {plain_name(name): value for name, value in network.state_dict().items()}
        for name, value in kept.items():
            own[name].copy_(value)
        return bool(kept)

    def facts(self) -> dict[str, float | str]:
        """Return which epoch is kept, of how many, and its gap."""
        found: dict[str, float | str] = {"rewind_epoch": self.epoch, "rewind_epochs": self.epochs}
        return found | {"rewind_gap": self.gap} if self.epoch else {}

    def __str__(self) -> str:
        return f"rewind: epoch {self.epoch} of {self.epochs} is kept, with a proxy gap of {self.gap:.2f} points"

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a resumed run restores."""
        return {**vars(self), "weights": {name: value.cpu() for name, value in self.weights.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state in a resumed run."""
        vars(self).update(state)


def judge(trainer: Trainer) -> Any:
    """Return the callback that measures the proxy gap of an epoch, `UnlearningMetrics`.

    Raises:
        InputError: If the Trainer has none.
    """
    callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]
    if (found := next((each for each in callbacks if hasattr(each, "epoch_gap")), None)) is None:
        raise InputError(
            "rewind=true: UnlearningMetrics measures the epochs, and is not among the Trainer's callbacks; "
            "list it there, as in `Trainer(callbacks=[UnlearningMetrics()])`",
            part="model.init_args",
        )
    return found


def check_unseen(method: type) -> None:
    """Reject a method that learns from validation images, since these no longer represent unseen images."""
    if getattr(method, "reads_validation", False):
        raise InputError(
            f"rewind=true: {method.__name__} learns from the original's answers on the validation images, which then "
            "cannot judge its epochs; leave it out",
            part="model.init_args",
        )
