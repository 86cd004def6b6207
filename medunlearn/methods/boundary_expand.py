"""Boundary expand: forgotten images move to a class of their own, which is dropped at the end."""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medunlearn.contracts import Batch, Draw, Part
from medunlearn.methods.unlearner import Unlearner
from medunlearn.models import features_and_logits, last_linear


class BoundaryExpand(Unlearner):
    """Boundary expand (Chen et al., CVPR 2023, Sec. 3.4): CE on the forget set to an extra class K.

    The head gains one row, initialised from the seed. This row is not part of the backbone: the model that is
    validated, measured and saved has K classes, whereas some public code evaluates K + 1 classes and counts predictions
    of the extra one as forgotten. The method was designed to forget classes: on images forgotten at random it changes
    almost nothing once the row is dropped. BatchNorm ends on the forget set: see `refresh_statistics`. A mask never
    freezes the extra row.

    Args:
        lr: Learning rate; 1e-6 to 1e-4 at random forgetting.

    Raises:
        InputError: If a value is out of range, the backbone has no last linear layer, or the original's weights are
            missing or do not fit.
    """

    uses: ClassVar[tuple[Part, ...]] = ("forget",)
    cost: ClassVar[tuple[float, float] | None] = (0.1, 0.0)

    def __init__(self, *args: Any, lr: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(*args, lr=lr, **kwargs)
        # A submodule of the method, so that checkpoints contain it and a resumed run restores it.
        self.extra = nn.Linear(last_linear(self.backbone, self.num_classes).in_features, 1)

    def trained(self) -> list[nn.Parameter]:
        """Return the weights of the backbone and of the extra row."""
        return [*super().trained(), *self.extra.parameters()]

    def images(self, epoch: int) -> Draw:
        """Return the forget set alone."""
        return "forget"

    def targets(self, batch: Batch) -> Tensor:
        """Return the extra class for each image."""
        return torch.full_like(batch.labels, self.num_classes)

    def losses(self, batch: Batch) -> Tensor:
        """Return the cross-entropy over K + 1 classes."""
        features, logits = features_and_logits(self.backbone, batch.images, self.num_classes)
        widened = torch.cat([logits.float(), self.extra(features).float()], dim=1)
        return F.cross_entropy(widened, self.targets(batch), reduction="none")
