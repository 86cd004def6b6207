from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim import Optimizer

from medunlearn.contracts import Batch, Preset
from medunlearn.errors import InputError
from medunlearn.methods.classifier import Classifier
from medunlearn.methods.saliency import FrozenWeights, Mask, forget_gradients, saliency_mask
from medunlearn.models import Stem
from medunlearn.training.progress import progress

Relabel = Literal["random", "random_other", "none"]
Schedule = Literal["mixed", "sequential"]


class SalUn(Classifier):
    """Saliency unlearning, SalUn (Fan et al., ICLR 2024).

    From the original model, train the salient weights towards random labels on the forget set and true labels on the
    retain set. Every other weight stays bit-identical.

    Args:
        num_classes: Number of classes C; the command line takes it from the data.
        original: Run directory of the trained model to unlearn from.
        mask_ratio: Share of the weights that may move, those with the largest gradient over the forget set; in (0, 1].
        relabel: `random` draws from all classes, as SalUn's code does; `random_other` from all but the true one, as
            its text says; `none` keeps the true labels, which is masked fine-tuning and what the code of Falcao &
            Cordeiro does on MedMNIST.
        schedule: `mixed` goes through both sets in one shuffled pass; `sequential` through the whole forget set, then
            the whole retain set.
        saliency_augmentation: Augmentation of the forget set while the mask is computed.
        in_channels: Channels of the images; the command line takes it from the data.
        stem: The original's stem.
        backbone: The original's backbone.
        image_size: Height and width of the images; the command line takes it from the data.
        lr: Learning rate, constant.
        momentum: Momentum of SGD.
        weight_decay: L2 penalty on the weights that may move.

    Raises:
        InputError: If a value is out of range, or the original's weights are missing or do not fit.
    """

    default_epochs: ClassVar[int] = 10

    def __init__(
        self,
        num_classes: int,
        original: Path,
        mask_ratio: float = 0.5,
        relabel: Relabel = "random",
        schedule: Schedule = "mixed",
        saliency_augmentation: Preset = "NoAug",
        in_channels: int = 3,
        stem: Stem = "cifar",
        backbone: str = "resnet18",
        image_size: int | None = None,
        lr: float = 0.013,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
    ) -> None:
        super().__init__(
            num_classes, in_channels, stem, backbone, image_size, lr, momentum, weight_decay, milestones=()
        )
        if not isinstance(mask_ratio, int | float) or not 0 < mask_ratio <= 1:
            raise InputError(f"model.init_args.mask_ratio={mask_ratio}: give a share above 0 and up to 1, such as 0.5")
        for name, value, choices in (("relabel", relabel, Relabel), ("schedule", schedule, Schedule)):
            if value not in get_args(choices):
                raise InputError(f"model.init_args.{name}={value}: choose one of {', '.join(get_args(choices))}")
        self.original = Path(original)
        self.mask_ratio, self.relabel, self.schedule = mask_ratio, relabel, schedule
        self.saliency_augmentation = saliency_augmentation
        self.training_part = "all" if schedule == "mixed" else "forget_then_retain"
        self._frozen: FrozenWeights | None = None

    def on_fit_start(self) -> None:
        """Compute the saliency mask of the original model, unless a resumed run brought it along."""
        if self.mask is None:
            with self.stopwatch.measure("saliency"):
                self.mask = self._saliency_mask()
        # A resumed run holds its own weights: the frozen ones among them are the original's.
        self._frozen = FrozenWeights(self.backbone, self.mask)

    def targets(self, batch: Batch) -> Tensor:
        """Return random labels for the forget set, drawn anew each epoch, and the true labels for the rest."""
        return torch.where(batch.forget, relabelled(batch, self.num_classes, self.relabel), batch.labels)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return SGD whose steps leave the frozen weights where they are."""
        optimizer = super().configure_optimizers()
        assert isinstance(optimizer, Optimizer)
        optimizer.register_step_post_hook(lambda *_: self._restore_frozen_weights())
        return optimizer

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clear the gradient of frozen weights, so that clipping sees only what moves."""
        if self._frozen is not None:
            self._frozen.clear_gradients()

    def _restore_frozen_weights(self) -> None:
        if self._frozen is not None:
            self._frozen.restore()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the mask: on resuming, the weights are no longer the original's."""
        if self.mask is not None:
            checkpoint["saliency_mask"] = {name: mask.cpu() for name, mask in self.mask.items()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up the mask of the run that is resumed."""
        self.mask = checkpoint.get("saliency_mask")

    def _saliency_mask(self) -> Mask:
        gradients = forget_gradients(self.backbone, self._forget_batches())
        # Summed over the processes before the absolute value is taken, so that the mask is the one of a single process.
        summed = {name: self.trainer.strategy.reduce(value, reduce_op="sum") for name, value in gradients.items()}
        try:
            return saliency_mask({name: torch.as_tensor(value) for name, value in summed.items()}, self.mask_ratio)
        except ValueError:  # the ratio was checked when this was built
            raise InputError(
                f"model.init_args.original={self.original}: its gradients are not numbers: the model has diverged; "
                "train it again with a lower learning rate"
            ) from None

    def _forget_batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        loader = self.datamodule.forget_dataloader(self.saliency_augmentation)
        shown = self.trainer.is_global_zero and self.trainer.progress_bar_callback is not None
        for batch in progress(loader, "Saliency mask", shown):
            batch = self.trainer.strategy.batch_to_device(batch)
            yield batch.images, batch.labels


def relabelled(batch: Batch, num_classes: int, relabel: Relabel) -> Tensor:
    """Return the labels (b,) that `relabel` gives the images of a batch, from the one random number of each.

    Each image is met once an epoch, in either schedule, so its label is drawn once an epoch.
    """
    if relabel == "random":
        return (batch.uniform * num_classes).long()
    if relabel == "random_other":
        return (batch.labels + 1 + (batch.uniform * (num_classes - 1)).long()) % num_classes
    return batch.labels
