"""Influence unlearning: one Newton step towards the model without the forget set."""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from medunlearn.contracts import Batch, Part
from medunlearn.errors import InputError
from medunlearn.methods.fisher import Gradients, add_gradients, by_image, damped_solution
from medunlearn.methods.one_shot import OneShot
from medunlearn.methods.ranges import not_negative, positive, whole


class Influence(OneShot):
    """Influence unlearning (Izzo et al., AISTATS 2021): one Newton step towards the model without the forget set.

    theta + scale H^-1 v, with v = (1/n) sum_F g - (n_f / (n n_r)) sum_R g over the gradients g of the cross-entropy on
    the forget set F and the retain set R, and H = damping I + G'G / m from the gradients G, (m, P), of m retained
    images: the Fisher information in the Hessian's place, as in Jia et al. (NeurIPS 2023).

    Args:
        scale: Length of the step, the papers' alpha; 1 is Newton's, 0 changes nothing.
        damping: Added to H's diagonal; above 0. Without it H has rank m, so along most directions the step is v /
            damping. At 0.1 the step destroyed models trained on blood cells.
        samples: m, at most the number of retained images; which ones is drawn from the seed.

    Raises:
        InputError: If a value is out of range, or the original's weights are missing or do not fit.
    """

    uses: ClassVar[tuple[Part, ...]] = ("retain", "forget")
    cost: ClassVar[tuple[float, float] | None] = (0.0, 1.1)  # and some passes over `samples` images
    diverged: ClassVar[tuple[str, str]] = ("scale", "lower it, or raise `damping`,")

    def __init__(self, *args: Any, scale: float = 1.0, damping: float = 1.0, samples: int = 128, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        not_negative(scale=scale)
        positive(damping=damping)
        whole(1, samples=samples)
        self.scale, self.damping, self.samples = scale, damping, samples

    def prepare(self) -> dict[str, Tensor]:
        """Make the step, and keep its length relative to the norm of the weights."""
        (forget, n_forget), (retain, n_retain) = self.total("forget", self._add), self.total("retain", self._add)
        # The ImageNet branch of the public code uses the gradient of F twice, where one should be that of R.
        vector = {name: (g - n_forget / n_retain * retain[name]) / (n_forget + n_retain) for name, g in forget.items()}
        images, labels = self._drawn(n_forget + n_retain)
        rows, gradients = torch.arange(len(labels), device=self.device), by_image(self.backbone)
        try:
            # "WoodFisher" in public code starts its recursion from one gradient and only rescales it, so its
            # "inverse Hessian" takes a multiple of the first image's gradient from v; here the identity is exact.
            step = damped_solution(
                vector, lambda part: gradients(images[part], labels[part]), torch.split(rows, self.block), self.damping
            )
        except ValueError:
            raise InputError(
                f"damping={self.damping}: too small for float64; raise it", part="model.init_args"
            ) from None
        weights = dict(self.backbone.named_parameters())
        moved = torch.stack([each.square().sum() for each in step.values()]).sum().sqrt() * self.scale
        length = torch.stack([weight.detach().double().square().sum() for weight in weights.values()]).sum().sqrt()
        for name, weight in weights.items():
            weight.data.add_((self.scale * step[name]).to(weight.dtype))
        return {"step": moved / length}

    def facts(self) -> dict[str, float | str]:
        """Return the length of the step relative to the norm of the weights."""
        return {"step": float(self.kept["step"])}

    def _add(self, sums: Gradients, batch: Batch) -> None:
        add_gradients(sums, self.backbone, batch.images, batch.labels, self.datamodule.batch_size)

    def _drawn(self, size: int) -> tuple[Tensor, Tensor]:
        """Return m retained images (m, channels, H, W) and their labels (m,), the same in every process."""
        retain = torch.from_numpy(np.setdiff1d(np.arange(size), self.datamodule.forget_indices))
        order = torch.randperm(len(retain), generator=torch.Generator().manual_seed(self.datamodule.seed))
        rows, side = retain[order[: self.samples]].to(self.device), self.datamodule.image_size
        images = torch.zeros(len(rows), self.datamodule.in_channels, side, side, device=self.device)
        labels = torch.zeros(len(rows), dtype=torch.int64, device=self.device)
        for batch in self.batches("retain"):  # of each batch, this process has a share
            here, place = (batch.rows[:, None] == rows).nonzero(as_tuple=True)
            images[place], labels[place] = batch.images[here], batch.labels[here]
        found = self.summed({"images": images, "labels": labels})
        return found["images"], found["labels"]
