"""The base of every method: network, loss, optimiser, and the hooks in which methods differ."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, cast, final

import torch
import torch.nn.functional as F
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, MultiStepLR
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from medunlearn.contracts import Batch, Draw, KeepsArguments, Part, Role, UnlearningData
from medunlearn.methods.arguments import departures
from medunlearn.methods.correct import PercentCorrect
from medunlearn.methods.losses import check_losses, check_step, check_trained
from medunlearn.methods.ranges import not_negative, one_of
from medunlearn.methods.roles import check_names, check_role, vary
from medunlearn.methods.schedules import Schedule, check_end, cosine_factor, steps_of_run
from medunlearn.models import Stem, another_like, build_backbone, plain_name
from medunlearn.timing import Stopwatch


class Classifier(KeepsArguments, LightningModule):
    """What every method shares: a backbone, cross-entropy, SGD with momentum, and a schedule of the learning rate.

    A method overrides what differs: `images` names the images of an epoch, `targets` returns the labels for the loss,
    `losses` the loss of each image, `penalty` a term added once per step. Methods that start from a trained model
    derive from `Unlearner`.

    Args:
        num_classes: Number of classes C; the command line takes it from the data.
        in_channels: Channels of the images; the command line takes it from the data.
        stem: `cifar` (3x3, stride 1, no max-pool) or `imagenet` (7x7, stride 2, max-pool); for ResNets.
        backbone: `resnet18`, another of torchvision's classifiers by name, or the import path of a network of your own.
        image_size: Height and width of the images; the command line takes it from the data.
        lr: Learning rate.
        momentum: Momentum of SGD.
        weight_decay: L2 penalty on every parameter that may move.
        lr_schedule: `step` at the milestones, `constant`, or `cosine` from `lr` to `lr_min` over all steps.
        lr_min: The learning rate at the end of a cosine.
        milestones: Epochs after which the learning rate is multiplied by `gamma`.
        gamma: See `milestones`.

    Raises:
        InputError: If a value is out of range.
    """

    role: ClassVar[Role] = "original"
    trainer_arguments: ClassVar[dict[str, Any]] = {"max_epochs": 200}
    """Defaults for Trainer arguments that the user has not set."""
    reads_validation: ClassVar[bool] = False
    """Whether it learns from the original's outputs on validation images, which then cannot serve as non-members."""
    trained_elsewhere: ClassVar[bool] = False
    """Whether its weights were trained elsewhere; which images they have seen is then unknown, and is tested."""
    uses: ClassVar[tuple[Part, ...]] = ()
    """Parts of the data whose images it uses, not counting the original's saved outputs on them; () if not stated."""
    cost: ClassVar[tuple[float, float] | None] = None
    """Cost of an epoch and of the preparation at a forget rate of 10 %, in training passes over all images."""
    diverged: ClassVar[tuple[str, str]] = ("lr", "lower the learning rate")
    """For the error on a diverged model: the argument that probably caused it, and the remedy."""
    original: Path | None = None
    mask: dict[str, Tensor] | None = None
    views: int = 1
    """Augmented views of each training image; with 2, the second one is `batch.second`."""

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
        lr_schedule: Schedule = "step",
        lr_min: float = 0.0,
        milestones: Sequence[int] = (91, 136),
        gamma: float = 0.1,
    ) -> None:
        super().__init__()
        not_negative(lr=lr, momentum=momentum, weight_decay=weight_decay, lr_min=lr_min, gamma=gamma)
        one_of(Schedule, lr_schedule=lr_schedule)
        self.num_classes = num_classes
        self.lr, self.momentum, self.weight_decay = lr, momentum, weight_decay
        self.lr_schedule, self.lr_min = lr_schedule, lr_min
        self.milestones, self.gamma = tuple(milestones), gamma
        network = build_backbone(backbone, num_classes, in_channels, stem, image_size)
        self.backbone = network.to(memory_format=torch.channels_last)
        self.val_loss = MeanMetric()
        self.val_accuracy = MulticlassAccuracy(num_classes, average="micro")
        self.correct = PercentCorrect()
        self.stopwatch = Stopwatch()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_names(cls)

    def images(self, epoch: int) -> Draw:
        """Return which images an epoch goes through; it may differ between epochs."""
        return "all"

    def targets(self, batch: Batch) -> Tensor:
        """Return the labels (b,) that the loss is taken against."""
        return batch.labels

    def losses(self, batch: Batch) -> Tensor:
        """Return the loss of each image, (b,) in float32; `batch.forget` says which are in the forget set."""
        # In float32 also under autocast: a weight of 1/B rounded to bfloat16 would scale every gradient.
        return F.cross_entropy(self(batch.images).float(), self.targets(batch), reduction="none")

    def penalty(self) -> Tensor | None:
        """Return a term that is added to the loss once per step, such as a norm of the weights; None for no term."""
        return None

    def trained(self) -> list[nn.Parameter]:
        """Return the weights that the optimiser updates: the backbone's, and those of a head that a method adds."""
        return list(self.backbone.parameters())

    def check_run(self, trainer: Trainer) -> None:
        """Reject Trainer settings that this method cannot run with, before setup and before anything is written."""
        if self.lr_schedule == "cosine" and self.lr > 0:
            check_end(trainer.max_epochs, trainer.max_steps)

    def facts(self) -> dict[str, float | str]:
        """Return the method's own entries for `metrics.json`, in addition to the metrics."""
        return {}

    def departures(self) -> dict[str, Any]:
        """Return the arguments that differ from the method's defaults."""
        return departures(self)

    def finish(self) -> None:
        """Bring the model into the state that is measured and saved."""

    def new_backbone(self) -> nn.Module:
        """Return a new network of the same architecture, with freshly initialised weights."""
        return another_like(self.backbone).to(memory_format=torch.channels_last)

    @property
    def datamodule(self) -> UnlearningData:
        """The data of this run.

        Raises:
            TypeError: If the trainer was given bare data loaders, which do not identify the forget set.
        """
        data = getattr(self.trainer, "datamodule", None)
        if not hasattr(type(data), "train_on"):
            raise TypeError(
                f"Expected `trainer.fit({type(self).__name__}, datamodule)` with a MedMNISTDataModule, but got {data!r}"
            )
        return cast(UnlearningData, data)

    def setup(self, stage: str) -> None:
        """Tell the data module which images each epoch goes through."""
        if self.original is not None and self.role != "unlearned":
            raise TypeError(f"Expected {type(self).__name__} to derive from Unlearner, since it has an `original`")
        if stage == "fit":
            self.check_run(self.trainer)
        self.datamodule.train_on(self.checked_images, self.trainer.max_epochs or 1, self.views)
        if stage == "fit" and vary(self.images, self.trainer.max_epochs, type(self).images is not Classifier.images):
            # Lightning reads the length of a loader once, and epochs of different draws differ in length.
            cast(Any, self.trainer).reload_dataloaders_every_n_epochs = 1

    def checked_images(self, epoch: int) -> Draw:
        """Return the draw of an epoch.

        Raises:
            InputError: If the draw is unknown, or contradicts the method's role.
        """
        return check_role(self.images(epoch), self.role, type(self).__name__)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (N, C) of images (N, channels, H, W) in [0, 1]."""
        return torch.as_tensor(self.backbone(images))

    @final
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the sum of the weighted losses; averaged over processes, it is the mean over the global batch."""
        name, first = type(self).__name__, self._trainer is not None and not self.trainer.global_step
        losses = check_losses(self.losses(batch), len(batch.weight), name, first)
        loss = check_step((losses * batch.weight).sum(), self.penalty(), name, first)
        self.log("train/loss", loss, on_step=True, on_epoch=True, prog_bar=True, batch_size=len(losses), sync_dist=True)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log the validation loss and accuracy: as a share during a fit, for monitoring only, and in % in `validate`.

        With several processes, one may have no images of the last batch; torchmetrics does not accept empty batches.
        """
        logits, images = self(batch.images).float(), len(batch.labels)
        finished = self._trainer is not None and self.trainer.state.fn == TrainerFn.VALIDATING
        if images:
            self.val_accuracy.update(logits, batch.labels)
            # Not Lightning's own mean over processes, which rounds down each one's number of images.
            self.val_loss.update(F.cross_entropy(logits, batch.labels), images)
        self.log("val/loss", self.val_loss, batch_size=images)
        if finished:
            self.correct.update(logits.softmax(1), batch.labels)
            self.log("validation/TA", self.correct, batch_size=images)
        else:
            self.log("val/accuracy", self.val_accuracy, prog_bar=True, batch_size=images)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Log the accuracy on the test set in %."""
        if len(batch.labels):
            self.correct.update(self.predict_step(batch, batch_idx)["probs"], batch.labels)
        self.log("TA", self.correct, batch_size=len(batch.labels))

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Return `probs` (b, C), `labels` (b,), `index` (b,) and `logits` (b, C) of a batch."""
        logits = self(batch.images).float()
        return {"probs": logits.softmax(1), "labels": batch.labels, "index": batch.rows, "logits": logits}

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return SGD with the learning rate's schedule."""
        optimizer = torch.optim.SGD(self.trained(), self.lr, self.momentum, weight_decay=self.weight_decay)
        if self.lr_schedule == "cosine" and self.lr > 0:
            cosine = LambdaLR(optimizer, cosine_factor(cache(self.total_steps), self.lr_min / self.lr))
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cosine, "interval": "step"}}
        if self.lr_schedule == "step" and self.milestones:
            return {"optimizer": optimizer, "lr_scheduler": MultiStepLR(optimizer, list(self.milestones), self.gamma)}
        return optimizer

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Make a step; after the first, check that the optimiser has every weight that gets a gradient."""
        first = not self.trainer.global_step
        super().optimizer_step(*args, **kwargs)
        if first and type(self).configure_optimizers is Classifier.configure_optimizers:
            check_trained(self.named_parameters(), self.trained(), type(self).__name__)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the weights under the names that they have without `torch.compile`."""
        checkpoint["state_dict"] = {plain_name(name): value for name, value in checkpoint["state_dict"].items()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Rename the weights to match this model, compiled or not."""
        own = {plain_name(name): name for name in self.state_dict()}
        checkpoint["state_dict"] = {own.get(name, name): value for name, value in checkpoint["state_dict"].items()}

    def total_steps(self) -> int:
        """Return how many steps the optimiser makes in the whole run."""
        return steps_of_run(self.trainer, self.datamodule.steps)
