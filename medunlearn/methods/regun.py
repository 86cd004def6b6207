"""ReGUn: forgotten images are trained towards the original's mean output on unseen images."""

from typing import Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from medunlearn.contracts import Batch, Draw, Part
from medunlearn.methods.held_out import HeldOut, held_out
from medunlearn.methods.ranges import not_negative, one_of
from medunlearn.methods.unlearner import Unlearner

Mixture = Literal["classes", "prior"]


class ReGUn(Unlearner):
    """Reference-guided unlearning, ReGUn (Mirlach, Laguna & Vogt, ICLR workshops 2026): KL to mean held-out outputs.

    Minimises forget_weight KL(q, p) on the forget set and retain_weight cross-entropy on the retain set, side by side.
    q is one distribution for the whole batch: the original's mean output on held-out images, here the validation
    images, weighted by the classes of the batch's forgotten images.

    q is flat, nearly the class prior. So each image is trained towards an output that no unseen image has; only the
    retain term and early stopping keep the model accurate.

    The probability of a class that is forgotten as a whole is set to 0, and the others are rescaled to a sum of 1. A
    class without validation images gets the mean output on all of them. The validation images cannot be non-members for
    the membership attack, since this method uses the original's outputs on them, and metrics on them are too
    optimistic.

    Args:
        mixture: `classes` mixes by the classes of each batch's forgotten images, as in the paper; `prior` takes the
            mean over all validation images, the default of the authors' code.
        forget_weight: Weight of KL on the forget set; 0 or more.
        retain_weight: Weight of cross-entropy on the retain set; 0 or more.
        weight_decay: L2 penalty on every parameter that may move.

    Raises:
        InputError: If a value is out of range, or the original's weights are missing or do not fit.
    """

    uses: ClassVar[tuple[Part, ...]] = ("retain", "forget")
    cost: ClassVar[tuple[float, float] | None] = (0.2, 0.0)
    reads_validation: ClassVar[bool] = True

    def __init__(
        self,
        *args: Any,
        mixture: Mixture = "classes",
        forget_weight: float = 0.5,
        retain_weight: float = 0.5,
        weight_decay: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, weight_decay=weight_decay, **kwargs)
        one_of(Mixture, mixture=mixture)
        not_negative(forget_weight=forget_weight, retain_weight=retain_weight)
        self.mixture, self.forget_weight, self.retain_weight = mixture, forget_weight, retain_weight

    def images(self, epoch: int) -> Draw:
        """Return both sets side by side; an epoch is one pass over the forget set."""
        return "paired_by_forget"

    def prepare(self) -> dict[str, Tensor]:
        """Return the original's mean output on validation images of each class."""
        # The paper draws images by the batch's classes; here the mean over all images of a class replaces the draw.
        found = held_out(self.original, self.datamodule.forget_indices, self.datamodule.split_record())
        return {"means": torch.from_numpy(mean_answers(found, self.mixture))}

    def losses(self, batch: Batch) -> Tensor:
        """Return the weighted KL(q, p) of forgotten images and the weighted cross-entropy of retained ones, (b,)."""
        logits = self(batch.images).float()
        q = (self.class_shares(batch) @ self.kept["means"]).expand_as(logits)
        divergence = F.kl_div(logits.log_softmax(1), q, reduction="none").sum(1)
        entropy = F.cross_entropy(logits, batch.labels, reduction="none")
        return torch.where(batch.forget, self.forget_weight * divergence, self.retain_weight * entropy)

    def class_shares(self, batch: Batch) -> Tensor:
        """Return each class's share of the forgotten images of the global batch, (C,)."""
        weight = batch.weight.float() * batch.forget  # sums, over all processes, to the number of forgotten images
        shares = F.one_hot(batch.labels, self.num_classes).float().T @ weight
        return self.summed({"shares": shares})["shares"] / self.trainer.world_size


def mean_answers(found: HeldOut, mixture: Mixture) -> np.ndarray:
    """Return the mean output on validation images of each class, (C, C) float32; on all for a class without any.

    Args:
        found: The original's answers.
        mixture: With `prior`, every row is the mean over all validation images.
    """
    answers = found.answers.astype(np.float64)
    means = np.tile(answers.mean(0), (answers.shape[1], 1))
    for label in np.unique(found.labels) if mixture == "classes" else ():
        means[label] = answers[found.labels == label].mean(0)
    return means.astype(np.float32)
