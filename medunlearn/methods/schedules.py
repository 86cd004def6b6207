"""Learning-rate schedules available to every method."""

import math
from collections.abc import Callable, Iterable
from typing import Literal

from lightning.pytorch import Trainer

from medunlearn.errors import InputError

Schedule = Literal["constant", "cosine", "step"]
"""Constant; half a cosine from `lr` to `lr_min` over all steps of the run; or times `gamma` after each milestone."""


def cosine_factor(total: Callable[[], int], least: float) -> Callable[[int], float]:
    """Return a function from the step to the factor of the learning rate: 1 at the first step, `least` at the end.

    factor(t) = least + (1 - least) (1 + cos(pi t / T)) / 2, and `least` after the end (Loshchilov & Hutter 2017, Eq. 5,
    without restarts).

    Args:
        total: Returns the number of steps T; called during training, when the data are known.
        least: The last factor.
    """

    def factor(step: int) -> float:
        done = min(1.0, step / total()) if step else 0.0
        return least + (1 - least) * (1 + math.cos(math.pi * done)) / 2

    return factor


def check_end(max_epochs: int | None, max_steps: int) -> None:
    """Reject a cosine schedule for a run that has no known end."""
    if max_epochs in (None, -1) and max_steps == -1:
        raise InputError("lr_schedule=cosine: needs the end of the run; set trainer.max_epochs", part="model.init_args")


def steps_of_run(trainer: Trainer, batches: Callable[[int], int]) -> int:
    """Return how many steps a Trainer's optimiser makes in the whole run.

    Args:
        trainer: The Trainer, which ends after a number of epochs or of steps.
        batches: Returns the number of batches of an epoch.
    """
    if trainer.max_epochs is None or trainer.max_epochs < 0:
        return trainer.max_steps
    counts = map(batches, range(trainer.max_epochs))
    steps = total_steps(counts, trainer.limit_train_batches, trainer.accumulate_grad_batches)
    return steps if trainer.max_steps < 0 else min(steps, trainer.max_steps)


def total_steps(batches: Iterable[int], limit: float, accumulated: int = 1) -> int:
    """Return how many steps an optimiser makes in a run.

    Args:
        batches: Number of batches of each epoch.
        limit: `trainer.limit_train_batches`: the largest number of batches per epoch, or, if not whole, a share of
            them.
        accumulated: Batches per step; the last step of an epoch takes the remaining ones.
    """
    limited = [min(count, limit) if isinstance(limit, int) else int(count * limit) for count in batches]
    return sum(-(-count // accumulated) for count in limited)
