import math
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from medunlearn.contracts import Batch, TrainingPart, UnlearningData
from medunlearn.errors import InputError
from medunlearn.models import Stem, build_backbone, load_weights
from medunlearn.timing import Stopwatch


class Classifier(LightningModule):
    """What every method shares: a backbone, cross-entropy, and SGD with momentum and step decay.

    A method says in `training_part` which images it trains on, in `default_epochs` for how long, and overrides
    `targets` where it trains towards other labels than the true ones. One that unlearns sets `original` to the run
    directory of the trained model and starts from its weights.

    Args:
        num_classes: Number of classes C; the command line takes it from the data.
        in_channels: Channels of the images; the command line takes it from the data.
        stem: `cifar` (3x3, stride 1, no max-pool) or `imagenet` (7x7, stride 2, max-pool); for ResNets.
        backbone: `resnet18`, another of torchvision's classifiers by name, or the import path of a network of your own.
        image_size: Height and width of the images; the command line takes it from the data.
        lr: Learning rate.
        momentum: Momentum of SGD.
        weight_decay: L2 penalty on every parameter.
        milestones: Epochs after which the learning rate is multiplied by `gamma`.
        gamma: See `milestones`.

    Raises:
        InputError: If a value is out of range.
    """

    training_part: TrainingPart = "all"
    default_epochs: ClassVar[int] = 200
    original: Path | None = None
    mask: dict[str, Tensor] | None = None

    def __init__(
        self,
        num_classes: int,
        in_channels: int = 3,
        stem: Stem = "cifar",
        backbone: str = "resnet18",
        image_size: int | None = None,
        lr: float = 0.1,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        milestones: Sequence[int] = (91, 136),
        gamma: float = 0.1,
    ) -> None:
        super().__init__()
        for name, value in (("lr", lr), ("momentum", momentum), ("weight_decay", weight_decay), ("gamma", gamma)):
            if not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise InputError(f"model.init_args.{name}={value}: give a number of 0 or more")
        self.num_classes = num_classes
        self.lr, self.momentum, self.weight_decay = lr, momentum, weight_decay
        self.milestones, self.gamma = tuple(milestones), gamma
        network = build_backbone(backbone, num_classes, in_channels, stem, image_size)
        self.backbone = network.to(memory_format=torch.channels_last)
        self.val_loss = MeanMetric()
        self.val_accuracy = MulticlassAccuracy(num_classes, average="micro")
        self.test_accuracy = MulticlassAccuracy(num_classes, average="micro")
        self.stopwatch = Stopwatch()

    @property
    def datamodule(self) -> UnlearningData:
        """The data of this run.

        Raises:
            TypeError: If the trainer was given bare data loaders, from which no method can tell the forget set.
        """
        data = getattr(self.trainer, "datamodule", None)
        if not hasattr(type(data), "train_on"):
            raise TypeError(
                f"Expected `trainer.fit({type(self).__name__}, datamodule)` with a MedMNISTDataModule, but got {data!r}"
            )
        return cast(UnlearningData, data)

    def setup(self, stage: str) -> None:
        """Tell the data which images this method trains on, and start from the original's weights.

        A resumed run gets its own weights back from its checkpoint after this.
        """
        if self.original is not None:
            self.datamodule.require_forget_set()
        self.datamodule.train_on(self.training_part)
        if stage == "fit" and self.original is not None:
            load_weights(self.backbone, self.original, "model.init_args.original")

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (N, C) of images (N, channels, H, W) in [0, 1]."""
        return torch.as_tensor(self.backbone(images))

    def targets(self, batch: Batch) -> Tensor:
        """Return the labels (b,) that the loss is taken against."""
        return batch.labels

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the cross-entropy, weighted so that the average over processes is the mean of the global batch."""
        # In float32 also under autocast: a weight of 1/B rounded to bfloat16 would scale every gradient.
        losses = F.cross_entropy(self(batch.images).float(), self.targets(batch), reduction="none")
        loss = (losses * batch.weight).sum()
        self.log("train/loss", loss, on_step=True, on_epoch=True, prog_bar=True, batch_size=len(losses), sync_dist=True)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log loss and accuracy on the validation set: for watching and tuning only.

        One of several processes may have no share of the last batch, which torchmetrics does not take.
        """
        logits = self(batch.images).float()
        if len(batch.labels):
            self.val_accuracy.update(logits, batch.labels)
            # A metric of its own: Lightning's mean over processes rounds the number of images of each down.
            self.val_loss.update(F.cross_entropy(logits, batch.labels), len(batch.labels))
        self.log("val/loss", self.val_loss, batch_size=len(batch.labels))
        self.log("val/accuracy", self.val_accuracy, prog_bar=True, batch_size=len(batch.labels))

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Log the accuracy on the test set."""
        if len(batch.labels):
            self.test_accuracy.update(self(batch.images), batch.labels)
        self.log("test/accuracy", self.test_accuracy, batch_size=len(batch.labels))

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Return `probs` (b, C), `labels` (b,) and `index` (b,) of a batch."""
        return {"probs": self(batch.images).float().softmax(1), "labels": batch.labels, "index": batch.rows}

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return SGD, and MultiStepLR where there are milestones."""
        optimizer = torch.optim.SGD(
            self.backbone.parameters(), lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay
        )
        if not self.milestones:
            return optimizer
        schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(self.milestones), self.gamma)
        return {"optimizer": optimizer, "lr_scheduler": schedule}
