"""CoUn: fine-tuning on the retain set with a contrastive loss between two views of each image."""

import math
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from medunlearn.contracts import Batch
from medunlearn.methods.fine_tune import FineTune
from medunlearn.methods.ranges import not_negative, positive
from medunlearn.models import features_and_logits, last_linear
from medunlearn.training.processes import gather_rows


class CoUn(FineTune):
    """Contrastive unlearning, CoUn (Khalil, Setayesh & Li, arXiv 2025): fine-tuning with a contrastive loss.

    Loss on the retain set: cross-entropy of one augmented view + weight x InfoNCE between two views. The contrastive
    loss rearranges the features of retained images, so that forgotten images end up where unseen images of their class
    do. Negatives are the other images of the global batch, whatever the number of processes. Two views are two forward
    passes, so a step costs twice that of fine-tuning; weak augmentation (`Default`) makes the better views.

    Args:
        weight: Weight of InfoNCE against the cross-entropy, 0 or more; the paper's range is 0.1 to 6. 0 is `FineTune`.
        temperature: Divides the cosine similarities, above 0; the paper's are 0.1 to 0.3.

    Raises:
        InputError: If a value is out of range, the backbone has no last linear layer, or images are not augmented.
    """

    cost: ClassVar[tuple[float, float] | None] = (1.8, 0.0)  # two views
    trainer_arguments: ClassVar[dict[str, Any]] = {"max_epochs": 50}

    def __init__(self, *args: Any, weight: float = 1.0, temperature: float = 0.1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        not_negative(weight=weight)
        positive(temperature=temperature)
        last_linear(self.backbone, self.num_classes)
        self.weight, self.temperature = weight, temperature
        self.views = 2 if weight else 1

    def losses(self, batch: Batch) -> Tensor:
        """Return CE of the first view + weight x InfoNCE of both, for each image."""
        if not self.weight:
            return super().losses(batch)
        first, logits = features_and_logits(self.backbone, batch.images, self.num_classes)
        # A separate forward pass, so that BatchNorm normalises each view by itself, the first one as in fine-tuning.
        second, _ = features_and_logits(self.backbone, batch.second, self.num_classes)
        real = batch.weight > 0  # images that only pad an empty batch must not be negatives
        contrast = torch.zeros_like(batch.weight)
        contrast[real] = info_nce(first[real], second[real], self.temperature)
        return F.cross_entropy(logits.float(), batch.labels, reduction="none") + self.weight * contrast


def info_nce(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Return InfoNCE of each image, (b,), the mean over its two views, as in SimCLR (Chen et al. 2020, Eq. 1).

    loss(i) = -log(exp(s_ij / temperature) / sum over k != i of exp(s_ik / temperature)) with the cosine similarity s,
    j the other view of the same image, and k all views of all images, of every process.

    Args:
        first: Features (b, D) of one view.
        second: Features (b, D) of the other.
        temperature: Divides the similarities.
    """
    with torch.autocast(first.device.type, enabled=False):  # 8 bits of mantissa, divided by 0.1, would be too few
        pairs, start = gather_rows(torch.cat([F.normalize(view.float(), dim=1) for view in (first, second)], dim=1))
        views = torch.cat(pairs.chunk(2, dim=1))
        own = start + torch.arange(len(first), device=first.device)
        losses = [
            _one_way(views, own, own + len(pairs), temperature),
            _one_way(views, own + len(pairs), own, temperature),
        ]
        return torch.stack(losses).mean(0)


def _one_way(views: Tensor, anchors: Tensor, positives: Tensor, temperature: float) -> Tensor:
    similarities = (views[anchors] @ views.T / temperature).scatter(1, anchors[:, None], -math.inf)
    return F.cross_entropy(similarities, positives, reduction="none")
