"""Boundary shrink: forgotten images move to the class across the nearest boundary."""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medunlearn.contracts import Batch, Draw, Part
from medunlearn.methods.ranges import within
from medunlearn.methods.unlearner import Unlearner


class BoundaryShrink(Unlearner):
    """Boundary shrink (Chen et al., CVPR 2023, Sec. 3.3): CE to the class that an adversarial attack finds nearby.

    Trains on the forget set alone. The target y' is the class that the frozen original predicts at x + epsilon
    sign(grad of CE(x, y)). It was made to forget classes: on images forgotten at random it does nothing at a low rate
    and destroys the model at a high one. Where the attack fails, y' is the true class: `attack_success` in
    `metrics.json` is the share, in %, of the unaugmented forgotten images whose y' is another class. BatchNorm ends on
    the forget set: see `refresh_statistics`.

    Args:
        epsilon: Size of the attack in pixel values of [0, 1], above 0 and up to 1.
        lr: Learning rate; 1e-6 to 1e-4 at random forgetting.

    Raises:
        InputError: If a value is out of range, or the original's weights are missing or do not fit.
    """

    uses: ClassVar[tuple[Part, ...]] = ("forget",)
    cost: ClassVar[tuple[float, float] | None] = (0.233, 0.133)  # the attack is a pass and a third

    def __init__(self, *args: Any, epsilon: float = 0.1, lr: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(*args, lr=lr, **kwargs)
        within("a number above 0 and up to 1", lambda value: 0 < value <= 1, epsilon=epsilon)
        self.epsilon = epsilon

    def images(self, epoch: int) -> Draw:
        """Return the forget set alone."""
        return "forget"

    def prepare(self) -> dict[str, Tensor]:
        """Attack the unaugmented forget set and count successes; training steps attack their own augmented images."""
        counts = torch.zeros(2, dtype=torch.int64, device=self.device)
        for batch in self.batches("forget"):
            missed = self.targets(batch) != batch.labels
            counts += torch.stack([missed.sum(), torch.ones_like(missed).sum()])
        succeeded, total = self.summed({"counts": counts})["counts"]
        return {"attack_success": 100 * succeeded / total}

    def facts(self) -> dict[str, float | str]:
        """Return the share of successful attacks in %."""
        return {"attack_success": float(self.kept["attack_success"])}

    def targets(self, batch: Batch) -> Tensor:
        """Return the classes (b,) that the original predicts for the attacked images."""
        return nearest_classes(self.teacher(), batch.images, batch.labels, self.epsilon)


def nearest_classes(model: nn.Module, images: Tensor, labels: Tensor, epsilon: float) -> Tensor:
    """Return the classes (b,) predicted at x + epsilon sign(grad of CE(x, y)), cut to [0, 1] (FGSM, Goodfellow 2015).

    Args:
        model: A classifier in evaluation mode; its weights get no gradient.
        images: (b, channels, H, W) in [0, 1].
        labels: True classes (b,).
        epsilon: Size of the change of each pixel.
    """
    # In float32: a gradient that underflows has no sign. The public code also rounds to whole pixel values.
    with torch.enable_grad(), torch.autocast(images.device.type, enabled=False):
        varied = images.detach().float().requires_grad_()
        loss = F.cross_entropy(model(varied), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, varied)
    with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
        attacked = (varied + epsilon * gradient.sign()).clamp(0, 1)
        return torch.as_tensor(model(attacked).argmax(1))
