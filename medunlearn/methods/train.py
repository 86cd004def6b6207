"""Training on every image, which gives the original model."""

from typing import ClassVar

from medunlearn.contracts import Part
from medunlearn.methods.classifier import Classifier


class Train(Classifier):
    """The original model: trained on the whole training set (Falcao & Cordeiro 2025: 200 epochs, lr 0.1, batch 256).

    A forget set may be given too; the model is then also measured on it.
    """

    uses: ClassVar[tuple[Part, ...]] = ("retain", "forget")
    cost: ClassVar[tuple[float, float] | None] = (1.0, 0.0)
