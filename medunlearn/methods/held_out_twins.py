"""Held-out twins: each forgotten image is answered as the original answers a validation image of its class."""

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
    """Held-out twins, a method of this package's own: forgotten images are answered as unseen ones are.

    Each forgotten image has a twin, a validation image of its class drawn once with the seed. Minimises cross-entropy
    to the original's probabilities on the twin, and to the true label on the retain set, in one shuffled pass through
    both. Error and confidence on the forget set are then aimed at, class by class, and not overshot.

    A class that is forgotten as a whole is struck from the original's probabilities, and the rest scaled to a sum of 1:
    what its images are taken for. A forgotten image of a class without validation images has its twin among all of
    them.

    The validation images are read by this method, though no gradient is taken on them: they are no non-members for the
    membership attack, and the figures on them are too good.

    Args:
        wrong_share: Share of the forget set whose twins come from another class, in [0, 1): the accuracy that a model
            loses for want of the forgotten images, which the original's answers do not know of.
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
        """Return the cross-entropy to the answer on its twin of a forgotten image, to its label of a retained one."""
        answers = self.kept["answers"][self.kept["twins"][batch.rows]]
        own = F.one_hot(batch.labels, self.num_classes).to(answers.dtype)
        targets = torch.where(batch.forget[:, None], answers, own)
        return F.cross_entropy(self(batch.images).float(), targets, reduction="none")

    def facts(self) -> dict[str, float | str]:
        """Return the error in % that the forget set has where it is answered as its twins are."""
        return {"aimed_UA": 100 * int(self.kept["wrong"]) / len(self.datamodule.forget_indices)}


def draw_twins(labels: np.ndarray, val_labels: np.ndarray, wrong_share: float, seed: int) -> np.ndarray:
    """Return a validation image for each forgotten one, (F,): of its class, or of another for the share of wrong ones.

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
