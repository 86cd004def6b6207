"""Held-out twins: the target of each forgotten image is the original's output on a validation image of its class."""

from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from medunlearn.contracts import Batch, Part
from medunlearn.methods.held_out import held_out
from medunlearn.methods.ranges import within
from medunlearn.methods.schedules import Schedule
from medunlearn.methods.unlearner import Unlearner


class HeldOutTwins(Unlearner):
    """Held-out twins, introduced by this package: forgotten images get the outputs of unseen images as targets.

    Each forgotten image has a twin, a validation image of its class drawn once with the seed. Minimises cross-entropy
    to the original's probabilities on the twin, and to the true label on the retain set, in one shuffled pass through
    both. Error and confidence on the forget set are thereby driven to those on unseen images, class by class, and not
    beyond.

    The probability of a class that is forgotten as a whole is set to 0, and the others are rescaled to a sum of 1. The
    twin of a forgotten image whose class has no validation images is drawn from all validation images.

    This method uses the outputs on validation images, though it takes no gradient on them: they cannot be non-members
    for the membership attack, and metrics on them are too optimistic.

    Args:
        wrong_share: Share of the forget set whose twins come from another class, in [0, 1): the accuracy that a
            model loses without the forgotten images, which the original's outputs do not show.
        lr: Learning rate.
        lr_schedule: `cosine` from `lr` to `lr_min` over all steps, `constant`, or `step` at the milestones.

    Raises:
        InputError: If a value is out of range, or the original's weights are missing or do not fit.
    """

    uses: ClassVar[tuple[Part, ...]] = ("retain", "forget")
    cost: ClassVar[tuple[float, float] | None] = (1.0, 0.0)
    reads_validation: ClassVar[bool] = True
    trainer_arguments: ClassVar[dict[str, Any]] = {"max_epochs": 5}

    def __init__(
        self,
        *args: Any,
        wrong_share: float = 0.0,
        lr: float = 0.01,
        lr_schedule: Schedule = "cosine",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, lr=lr, lr_schedule=lr_schedule, **kwargs)
        within("a share of 0 or more and below 1", lambda value: 0 <= value < 1, wrong_share=wrong_share)
        self.wrong_share = wrong_share

    def prepare(self) -> dict[str, Tensor]:
        """Draw the twins: a row of `answers` for each training image, of which those of the forget set are used."""
        forget = self.datamodule.forget_indices
        found = held_out(self.original, forget, self.datamodule.split_record())
        drawn = draw_twins(found.train_labels[forget], found.labels, self.wrong_share, self.datamodule.seed)
        twins = np.zeros_like(found.train_labels)
        twins[forget] = drawn
        wrong = found.answers[drawn].argmax(1) != found.train_labels[forget]
        kept = {"answers": found.answers, "twins": twins, "wrong": np.array(wrong.sum())}
        return {name: torch.from_numpy(value) for name, value in kept.items()}

    def losses(self, batch: Batch) -> Tensor:
        """Return the cross-entropy (b,): to the twin's output for forgotten images, to the label for retained ones."""
        answers = self.kept["answers"][self.kept["twins"][batch.rows]]
        own = F.one_hot(batch.labels, self.num_classes).to(answers.dtype)
        targets = torch.where(batch.forget[:, None], answers, own)
        return F.cross_entropy(self(batch.images).float(), targets, reduction="none")

    def facts(self) -> dict[str, float | str]:
        """Return the error in % on the forget set that a perfect fit to the twins' outputs would give."""
        return {"aimed_UA": 100 * int(self.kept["wrong"]) / len(self.datamodule.forget_indices)}


def draw_twins(labels: np.ndarray, val_labels: np.ndarray, wrong_share: float, seed: int) -> np.ndarray:
    """Return a validation image for each forgotten one, (F,), of the same class or, for `wrong_share` of them, another.

    Args:
        labels: True classes of the forget set, (F,).
        val_labels: True classes of the validation images, (V,).
        wrong_share: Share of images that get one of another class.
        seed: Seed of the draw.
    """
    random = np.random.default_rng(seed)
    wrong = random.random(len(labels)) < wrong_share
    twins = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        for where, of in ((~wrong, val_labels == label), (wrong, val_labels != label)):
            images = (labels == label) & where
            choice = np.flatnonzero(of) if of.any() else np.arange(len(val_labels))
            twins[images] = random.choice(choice, images.sum())
    return twins
