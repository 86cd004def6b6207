"""Retraining from scratch, which every unlearning method is compared with."""

from typing import ClassVar

from medunlearn.contracts import Draw, Part, Role
from medunlearn.methods.classifier import Classifier


class Retrain(Classifier):
    """The gold standard: trained from scratch like the original, but on the retain set alone.

    It gets no image or label of the forget set, so its weights do not depend on them.
    """

    uses: ClassVar[tuple[Part, ...]] = ("retain",)
    cost: ClassVar[tuple[float, float] | None] = (0.9, 0.0)
    role: ClassVar[Role] = "retrained"

    def images(self, epoch: int) -> Draw:
        """Return the retain set alone."""
        return "retain"
