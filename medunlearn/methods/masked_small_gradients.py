"""Masked small gradients: reinitialises the weights that distinguish the two sets least, then fine-tunes."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from medunlearn.contracts import Part
from medunlearn.methods.convolutions import check_statistics, convolutions
from medunlearn.methods.fine_tune import FineTune
from medunlearn.methods.ranges import share
from medunlearn.methods.saliency import diverged, forget_gradients, mask_size
from medunlearn.models import plain_name


class MaskedSmallGradients(FineTune):
    """MSG, masked small gradients (Triantafillou et al., NeurIPS competition 2023): reinitialise, then fine-tune.

    The entry "Kookmin" (arXiv 2406.09073). g is the gradient of cross-entropy over the forget set minus that over
    equally many retained images, drawn at random. In each convolution the weights with the smallest |g| are
    reinitialised; fine-tuning on the retain set multiplies the gradient of the convolution's other weights by 0.1. All
    other layers are trained as usual. An optimiser that divides by the gradient's magnitude, such as Adam, cancels that
    factor.

    BatchNorm's running statistics are the original's at the first step and adapt during fine-tuning: after s steps the
    original's still have weight 0.9^s. With fewer than about 50 steps, set `refresh_statistics`.

    Args:
        redrawn_share: Share of each convolution's weights that is reinitialised, rounded down; in [0, 1].
        kept_factor: Factor of the gradient of the convolution's other weights; in [0, 1].
        lr: Learning rate at the first step.

    Raises:
        InputError: If a value is out of range, the backbone has no convolution, or `freeze_statistics` is set.
    """

    uses: ClassVar[tuple[Part, ...]] = ("retain", "forget")
    cost: ClassVar[tuple[float, float] | None] = (0.9, 0.2)
    trainer_arguments: ClassVar[dict[str, Any]] = {"max_epochs": 5}

    def __init__(
        self,
        *args: Any,
        redrawn_share: float = 0.3,
        kept_factor: float = 0.1,
        lr: float = 0.004,  # the entry's 0.001 at a batch of 64; it warms up and decays linearly, this is a cosine
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, lr=lr, **kwargs)
        share(redrawn_share=redrawn_share, kept_factor=kept_factor)
        check_statistics(self.freeze_statistics)
        convolutions(self.backbone)
        self.redrawn_share, self.kept_factor = redrawn_share, kept_factor

    @torch.no_grad()
    def prepare(self) -> dict[str, Tensor]:
        """Reinitialise weights, and return a boolean mask of them by parameter name."""
        generator = torch.Generator().manual_seed(self.datamodule.seed)
        forget = torch.from_numpy(self.datamodule.forget_indices)
        retain = torch.from_numpy(self.datamodule.retain_indices)
        retain = retain[torch.randperm(len(retain), generator=generator)[: len(forget)]]
        # Means rather than sums: equivalent, except where the retain set is smaller than the forget set.
        of_forget, of_retain = self._mean_gradient("forget", forget), self._mean_gradient("retain", retain)
        redrawn = {}
        for name, layer in convolutions(self.backbone).items():
            weight, key = layer.weight, f"{name}.weight"
            redrawn[key] = smallest((of_forget[key] - of_retain[key]).abs(), self.redrawn_share)
            fresh = nn.init.kaiming_normal_(torch.empty(weight.shape), mode="fan_out", generator=generator)
            weight.copy_(torch.where(redrawn[key], fresh.to(weight), weight))  # biases are kept, unlike in the port
        return redrawn

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Scale the gradients of the kept weights by `kept_factor`, once per optimiser step and before clipping."""
        stepped = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        for name, layer in convolutions(self.backbone).items():
            if layer.weight.grad is not None and id(layer.weight) in stepped:
                layer.weight.grad.mul_(torch.where(self.kept[f"{name}.weight"], 1.0, self.kept_factor))

    def _mean_gradient(self, part: Part, rows: Tensor) -> dict[str, Tensor]:
        """Return the gradient over these rows of a part, by name; in evaluation mode, so that no statistics move."""
        batches = ((batch, torch.isin(batch.rows.cpu(), rows).to(self.device)) for batch in self.batches(part))
        chosen = ((batch.images[here], batch.labels[here]) for batch, here in batches if here.any())
        sums = self.summed(forget_gradients(self.backbone, chosen))
        if not all(gradient.isfinite().all() for gradient in sums.values()):
            raise diverged(self.original)
        return {plain_name(name): gradient / len(rows) for name, gradient in sums.items()}


def smallest(magnitude: Tensor, share: float) -> Tensor:
    """Return where the floor(share x numel) smallest values are; of equal ones the first ones are taken."""
    order = magnitude.flatten().argsort(stable=True)
    chosen = torch.zeros_like(order, dtype=torch.bool)
    chosen[order[: mask_size(share, order.numel())]] = True
    return chosen.view(magnitude.shape)
