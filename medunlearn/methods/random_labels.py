"""Random labels: the forget set is trained towards labels drawn at random."""

from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from medunlearn.contracts import Batch, Draw, Part
from medunlearn.methods.ranges import one_of
from medunlearn.methods.unlearner import Unlearner

Relabel = Literal["random", "random_other", "uniform", "none"]
Order = Literal["mixed", "sequential"]


class RandomLabels(Unlearner):
    """Random labels (Golatkar et al., CVPR 2020): wrong answers on the forget set, true ones on the retain set.

    Labels are redrawn each epoch, so that none is memorised: the gradient is, on average, that of a uniform target.

    Args:
        relabel: `random` draws from all classes, as SalUn's code does; `random_other` from all but the true one, as
            SalUn's paper says; `uniform` draws no label but trains towards 1 / C for each class, the average of
            `random`; `none` keeps the true labels, which is fine-tuning on all images and, with a mask, what the code
            of Falcao & Cordeiro does on MedMNIST.
        schedule: `mixed` goes through both sets in one shuffled pass; `sequential` through the whole forget set, then
            the whole retain set.
        lr: Learning rate.

    Raises:
        InputError: If a value is out of range, or the original's weights are missing or do not fit.
    """

    uses: ClassVar[tuple[Part, ...]] = ("retain", "forget")
    cost: ClassVar[tuple[float, float] | None] = (1.0, 0.0)

    def __init__(
        self,
        *args: Any,
        relabel: Relabel = "random",
        schedule: Order = "mixed",
        lr: float = 0.013,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, lr=lr, **kwargs)
        one_of(Relabel, relabel=relabel)
        one_of(Order, schedule=schedule)
        self.relabel, self.schedule = relabel, schedule

    def images(self, epoch: int) -> Draw:
        """Return both sets, mixed or one after the other."""
        return "all" if self.schedule == "mixed" else "forget_then_retain"

    def targets(self, batch: Batch) -> Tensor:
        """Return random labels for the forget set, drawn again each epoch, and the true labels for the rest."""
        return torch.where(batch.forget, relabelled(batch, self.num_classes, self.relabel), batch.labels)

    def losses(self, batch: Batch) -> Tensor:
        """Return the cross-entropy (b,), for forgotten images with `relabel=uniform` to the uniform distribution."""
        if self.relabel != "uniform":
            return super().losses(batch)
        logits = self(batch.images).float()
        true = F.cross_entropy(logits, batch.labels, reduction="none")
        return torch.where(batch.forget, uniform_cross_entropy(logits), true)


def relabelled(batch: Batch, num_classes: int, relabel: Relabel) -> Tensor:
    """Return the labels (b,) that `relabel` gives the images of a batch, from one random number per image.

    With either schedule each image occurs once per epoch, so its label is drawn once per epoch.
    """
    if relabel == "random":
        return (batch.uniform * num_classes).long()
    if relabel == "random_other":
        return (batch.labels + 1 + (batch.uniform * (num_classes - 1)).long()) % num_classes
    return batch.labels


def uniform_cross_entropy(logits: Tensor) -> Tensor:
    """Return the cross-entropy (b,) of logits (b, C) to the uniform distribution 1 / C.

    Its gradient softmax(logits) - 1 / C is the expected gradient for a label drawn from all classes.
    """
    return -logits.log_softmax(1).mean(1)
