"""The base of methods that change the weights once and train for no epoch."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from lightning.pytorch import Trainer

from medunlearn.contracts import Batch, Part
from medunlearn.methods.fisher import Gradients, zeros
from medunlearn.methods.no_epochs import check_no_epochs
from medunlearn.methods.ranges import whole
from medunlearn.methods.unlearner import Unlearner


class OneShot(Unlearner):
    """Changes the weights once, in `prepare`: no epoch follows.

    Arguments of training, such as `lr`, are rejected, since they would change nothing.

    Args:
        block: Number of images whose gradients are in memory at a time, each as large as the weights. It affects only
            memory and speed.

    Raises:
        InputError: If a value is out of range, or the original's weights are missing or do not fit.
    """

    trainer_arguments: ClassVar[dict[str, Any]] = {"max_epochs": 0}

    def __init__(self, *args: Any, block: int = 16, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        whole(1, block=block)
        self.block = block

    def check_run(self, trainer: Trainer) -> None:
        """Reject epochs, and arguments of training."""
        super().check_run(trainer)
        check_no_epochs(self, trainer, "changes the weights once")

    def total(self, part: Part, add: Callable[[Gradients, Batch], None]) -> tuple[Gradients, int]:
        """Return the sums of `add` over a part of the data and over all processes, and the number of images.

        Args:
            part: Which images.
            add: Called with the sums and each batch.
        """
        sums, count = zeros(self.backbone), torch.zeros((), dtype=torch.float64, device=self.device)
        for batch in self.batches(part):
            if len(batch.labels):  # a process may have no share of the last batch
                add(sums, batch)
                count += len(batch.labels)
        return self.summed(sums), int(self.summed({"count": count})["count"])
