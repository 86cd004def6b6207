"""Fisher forgetting: adds noise to the weights, more to those that matter less for the retain set."""

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from medunlearn.contracts import Batch, Draw, Part
from medunlearn.methods.fisher import Gradients, add_squares
from medunlearn.methods.one_shot import OneShot
from medunlearn.methods.ranges import not_negative, one_of

Labels = Literal["drawn", "all"]


class FisherForgetting(OneShot):
    """Fisher forgetting (Golatkar et al., CVPR 2020): normal noise whose variance is alpha / F.

    (The paper's text derives a variance of F^(-1/2); its code, and all later code, uses 1 / F.)

    F is the diagonal of the Fisher information of the retain set, with labels from the model's own prediction: for each
    image, the mean squared gradient of the cross-entropy over the labels that it predicts.

    Args:
        alpha: Variance of the noise times F; 0 or more, at 0 nothing changes. Public code has 1e-9 to 1e-6.
        largest: Largest standard deviation of a weight's noise, for weights whose F is nearly 0; 0 or more.
        labels: `drawn` takes one label per image, drawn from the prediction, an unbiased estimate; `all` weights each
            of the K labels by its probability, which takes K times as long.

    Raises:
        InputError: If a value is out of range, or the original's weights are missing or do not fit.
    """

    uses: ClassVar[tuple[Part, ...]] = ("retain",)
    cost: ClassVar[tuple[float, float] | None] = (
        0.0,
        1.2,
    )  # a forward pass that draws labels, then another with its gradient
    diverged: ClassVar[tuple[str, str]] = ("largest", "lower it")

    def __init__(
        self, *args: Any, alpha: float = 1e-8, largest: float = 1e-3, labels: Labels = "drawn", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        not_negative(alpha=alpha, largest=largest)
        one_of(Labels, labels=labels)
        self.alpha, self.largest, self.labels = alpha, largest, labels

    def images(self, epoch: int) -> Draw:
        """Return the retain set, the only images that are read."""
        return "retain"

    def prepare(self) -> dict[str, Tensor]:
        """Add noise to the weights."""
        if self.alpha == 0 or self.largest == 0:
            return {}
        sums, count = self.total("retain", self._add_drawn if self.labels == "drawn" else self._add_all)
        generator = torch.Generator().manual_seed(self.datamodule.seed)
        for name, weight in self.backbone.named_parameters():
            # Public code averages F over the input channels of a convolution and gives BatchNorm and the last layer ten
            # times the noise; here the noise of each weight follows from its own F.
            scale = noise_scale(sums[name] / count, self.alpha, self.largest).to(weight)
            weight.data.add_(scale * torch.randn(weight.shape, generator=generator).to(weight))
        return {}

    def _add_drawn(self, sums: Gradients, batch: Batch) -> None:
        # Random numbers belong to images, so that the draw does not depend on the number of processes.
        size = self.datamodule.split_record()["train_size"]
        uniform = torch.rand(size, generator=torch.Generator().manual_seed(self.datamodule.seed + 1))
        labels = drawn_labels(self._probs(batch), uniform[batch.rows.cpu()].to(self.device))
        add_squares(sums, self.backbone, batch.images, labels, self.block)

    def _add_all(self, sums: Gradients, batch: Batch) -> None:
        for label, probs in enumerate(self._probs(batch).T):
            add_squares(sums, self.backbone, batch.images, torch.full_like(batch.labels, label), self.block, probs)

    def _probs(self, batch: Batch) -> Tensor:
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            probs: Tensor = self(batch.images).softmax(1)
        return probs


def drawn_labels(probs: Tensor, uniform: Tensor) -> Tensor:
    """Return labels (b,) drawn from rows of probabilities (b, C), given one uniform number in [0, 1) per row, (b,)."""
    return (probs.double().cumsum(1) <= uniform[:, None]).sum(1).clamp(max=probs.shape[1] - 1)


def noise_scale(fisher: Tensor, alpha: float, largest: float) -> Tensor:
    """Return the standard deviation sqrt(alpha / F), at most `largest`; where F is 0 it is `largest`."""
    return (alpha / fisher).sqrt().clamp(max=largest)
