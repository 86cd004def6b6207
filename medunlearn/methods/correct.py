"""Accuracy in %, computed in float64 so that logged values equal those in `metrics.json` exactly."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric


class PercentCorrect(Metric):
    """Counts correct classifications and returns 100 x correct / images, in %.

    Computed in float64, unlike torchmetrics' accuracy, a float32 share: the logged value is then exactly the one in
    `metrics.json`.

    Example:
        >>> correct = PercentCorrect()
        >>> correct.update(torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]), torch.tensor([0, 1, 1]))
        >>> float(correct.compute())
        66.66666666666667
    """

    full_state_update = False
    correct: Tensor
    images: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("correct", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("images", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, probs: Tensor, labels: Tensor) -> None:
        """Compare the most probable classes of `probs`, (N, C), with labels (N,); of equal ones the first counts."""
        self.correct += (probs.argmax(1) == labels).sum()
        self.images += len(labels)

    def compute(self) -> Tensor:
        """Return the share in %."""
        return 100 * self.correct.cpu().double() / self.images.cpu()
