"""Check for methods that train for no epoch: rejects epochs and arguments of training."""

from typing import Any

from lightning.pytorch import Trainer

from medunlearn.errors import InputError

OF_TRAINING = (
    *("lr", "lr_schedule", "lr_min", "momentum", "weight_decay", "milestones", "gamma", "freeze_statistics"),
    "rewind",
)


def check_no_epochs(method: Any, trainer: Trainer, what: str) -> None:
    """Reject a number of epochs and arguments of training, such as `lr`, which would have no effect.

    Args:
        method: The method.
        trainer: The Trainer.
        what: What the method does instead, as in "changes the weights once".

    Raises:
        InputError: If there are any.
    """
    name = type(method).__name__
    if trainer.max_epochs != 0 and not getattr(trainer, "fast_dev_run", False):
        raise InputError(
            f"max_epochs={trainer.max_epochs}: {name} {what} and trains for no epoch; give 0",
            part="trainer",
        )
    for argument, value in method.departures().items():
        if argument in OF_TRAINING:
            raise InputError(
                f"{argument}={value}: {name} trains for no epoch, so it would change nothing; leave it out",
                part="model.init_args",
            )
