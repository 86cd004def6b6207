"""The base of every method that starts from a trained model: mask, preparation, teacher, statistics."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from lightning.pytorch import Callback, Trainer
from torch import Tensor, nn

from medunlearn.contracts import Batch, Part, Preset, Role
from medunlearn.errors import owned_by
from medunlearn.methods.classifier import Classifier
from medunlearn.methods.hooks import UnlearnerHooks, check_prepared
from medunlearn.methods.ranges import within
from medunlearn.methods.rewind import NearestEpoch, check_unseen, judge
from medunlearn.methods.saliency import FrozenWeights, Mask, check_size, diverged, forget_gradients, saliency_mask
from medunlearn.methods.schedules import Schedule
from medunlearn.methods.statistics import check_choice, check_layers, hold_statistics, recalibrate
from medunlearn.models import load_weights, weights_for
from medunlearn.runs import RunDir
from medunlearn.training.processes import share_tensors
from medunlearn.training.progress import passing, say
from medunlearn.training.settings import has_sync_batchnorm


class Unlearner(Classifier):
    """Starts from the weights of `original` and makes them forget.

    A method overrides what differs: `images`, `targets`, `losses` and `penalty` as in `Classifier`, `prepare` for work
    before the first step, `after_step` for work after each step, `facts` for entries in `metrics.json`. It can use
    `kept`, `batches`, `summed`, `teacher` and `untrained`.

    Args:
        original: Run directory of the trained model to unlearn from.
        mask_ratio: Share of the weights that may move, those with the largest gradient over the forget set (SalUn's
            saliency mask); in (0, 1]. Without it all may.
        saliency_augmentation: Augmentation of the forget set while the mask is computed.
        freeze_statistics: Keep BatchNorm's running statistics at the original's values and use them in training. A mask
            does not freeze them, since they are not weights.
        refresh_statistics: Recompute BatchNorm's running statistics after the last step, on the retain set augmented as
            in training, so that they match the images that the weights were trained on.
        rewind: Measure the proxy gap after each epoch, and end with the weights of the epoch where it was smallest. It
            is measured on the forget set, the validation set and equally many retained images; its time counts as run
            time.
        lr: Learning rate.
        lr_schedule: `constant`, `cosine` from `lr` to `lr_min` over all steps, or `step` at the milestones.

    Raises:
        InputError: If a value is out of range, or the original's weights are missing or do not fit.
    """

    role: ClassVar[Role] = "unlearned"
    trainer_arguments: ClassVar[dict[str, Any]] = {"max_epochs": 10}

    def __init__(
        self,
        *args: Any,
        original: Path,
        mask_ratio: float | None = None,
        saliency_augmentation: Preset = "NoAug",
        freeze_statistics: bool = False,
        refresh_statistics: bool = False,
        rewind: bool = False,
        lr: float = 0.01,
        lr_schedule: Schedule = "constant",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, lr=lr, lr_schedule=lr_schedule, **kwargs)  # type: ignore[misc]  # of args, num_classes
        if mask_ratio is not None:
            within("a share above 0 and up to 1, such as 0.5", lambda value: 0 < value <= 1, mask_ratio=mask_ratio)
        check_choice(freeze_statistics, refresh_statistics)
        self.original: Path = RunDir.given(original, "original", "model.init_args").path
        self.mask_ratio, self.saliency_augmentation = mask_ratio, saliency_augmentation
        self.freeze_statistics, self.refresh_statistics = freeze_statistics, refresh_statistics
        if rewind:
            check_unseen(type(self))
        self.rewind, self.nearest = rewind, NearestEpoch()
        self.kept: dict[str, Tensor] = {}
        """The tensors that `prepare` returned, on the device; restored in a resumed run."""
        self._prepared = self._refreshed = False
        self._frozen: FrozenWeights | None = None
        self._teacher: list[nn.Module] = []  # in a list, so that it is not registered as a submodule

    def prepare(self) -> dict[str, Tensor]:
        """Do the work before the first step, and return the tensors to keep as `self.kept`.

        Called once, on the original's weights in evaluation mode; a resumed run does not call it again. It may change
        weights in place. Its time counts as run time of the method. Random draws come from the run's seed. With several
        processes, all take the weights and results of the first; each has a share of the images, so sums over images
        need `summed`.
        """
        return {}

    def after_step(self) -> None:
        """Called after each optimiser step, without gradients; frozen weights are restored afterwards."""

    def facts(self) -> dict[str, float | str]:
        """Return entries for `metrics.json`, computed from `kept` and arguments only, which a resumed run has too."""
        return {}

    def batches(self, part: Part, augmentation: Preset = "NoAug") -> Iterator[Batch]:
        """Yield a part of the data in order, on the device; each process yields its share of every batch."""
        loader = self.datamodule.part_dataloader(part, augmentation)
        for batch in passing(self.trainer, loader, f"Going through {part}"):
            yield self.trainer.strategy.batch_to_device(batch)

    def summed(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the sums of tensors over all processes, by name."""
        reduce = self.trainer.strategy.reduce
        return {name: torch.as_tensor(reduce(value, reduce_op="sum")) for name, value in tensors.items()}

    def teacher(self) -> nn.Module:
        """Return the unchanged original in evaluation mode; its weights get no gradient.

        It is not part of `state_dict`, the optimiser or a checkpoint: a resumed run reads the original again.
        """
        if not self._teacher:
            teacher = deepcopy(self.backbone)
            with owned_by("model.init_args", "original"):
                load_weights(teacher, self.original)
            self._teacher.append(teacher.requires_grad_(False).eval())
        return self._teacher[0].to(self.device)

    def untrained(self) -> nn.Module:
        """Return an untrained backbone, initialised from the seed of the run."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.datamodule.seed)
            return self.new_backbone().to(self.device)

    def setup(self, stage: str) -> None:
        """Load the original's weights; in a resumed run the checkpoint replaces them afterwards."""
        self.datamodule.require_forget_set()
        super().setup(stage)
        if stage == "fit":
            self.nearest = NearestEpoch()
            if self.rewind:
                judge(self.trainer)
            with owned_by("model.init_args", "original"):
                load_weights(self.backbone, self.original)

    def check_run(self, trainer: Trainer) -> None:
        """Reject settings that this method cannot run with, and a mask that leaves no weight free."""
        super().check_run(trainer)
        if self.refresh_statistics:
            check_layers(self.backbone, trainer.world_size, has_sync_batchnorm(trainer))
        if self.mask_ratio is not None:
            check_size(self.mask_ratio, sum(weight.numel() for weight in self.backbone.parameters()))

    def configure_callbacks(self) -> list[Callback]:
        """Return the callback that prepares this method and enforces its mask."""
        return [UnlearnerHooks()]

    def resume(self, mask: Mask | None, kept: dict[str, Tensor]) -> None:
        """Restore the mask and the prepared tensors of the run that is resumed."""
        self.mask, self.kept, self._prepared = mask, kept, True

    def begin(self) -> None:
        """Compute the mask and prepare, unless both were restored from a checkpoint."""
        self._refreshed = False
        if not self._prepared and self.mask_ratio is not None:
            with self.stopwatch.measure("saliency"):
                self.mask = self._saliency_mask()
        if self.mask is not None:
            with owned_by("model.init_args", "original"):
                original = weights_for(self.backbone, self.original)
            self._frozen = FrozenWeights(self.backbone, self.mask, original)
        if not self._prepared and type(self).prepare is not Unlearner.prepare:
            with self.stopwatch.measure("preparation"):
                self._prepare()
        self.kept = {name: value.to(self.device) for name, value in self.kept.items()}
        self._prepared = True
        self.hold()

    def train(self, mode: bool = True) -> Self:
        """Set the mode; frozen statistics stay in evaluation mode."""
        super().train(mode)
        self.hold_statistics()
        return self

    def hold_statistics(self) -> None:
        """Put layers with running statistics into evaluation mode if `freeze_statistics` is set."""
        if self.freeze_statistics:
            hold_statistics(self.backbone)

    def hold(self) -> None:
        """Reset the frozen weights to the original's."""
        if self._frozen is not None:
            self._frozen.restore()

    def clear_frozen_gradients(self) -> None:
        """Set the gradients of frozen weights to 0, so that clipping sees only what moves."""
        if self._frozen is not None:
            self._frozen.clear_gradients()

    def configure_gradient_clipping(self, *args: Any, **kwargs: Any) -> None:
        """Clip the gradients of the free weights, after the method's own hooks."""
        self.clear_frozen_gradients()
        super().configure_gradient_clipping(*args, **kwargs)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Make a step and call `after_step`; neither changes a frozen weight."""
        super().optimizer_step(*args, **kwargs)
        self.hold()
        if type(self).after_step is not Unlearner.after_step:
            with torch.no_grad():
                self.after_step()
            self.hold()

    @property
    def rewound(self) -> dict[str, float | str]:
        """Entries for `metrics.json` on the epoch that was kept, in addition to `facts`."""
        return self.nearest.facts()

    def finish(self) -> None:
        """Go back to the nearest epoch and refresh the statistics, before the model is measured and saved."""
        if self.nearest.restore(self.backbone) and self.trainer.is_global_zero:
            say(self.nearest)
        self.hold()
        if self.refresh_statistics and not self._refreshed:
            with self.stopwatch.measure("statistics"):
                batches = map(self.trainer.strategy.batch_to_device, self.datamodule.statistics_dataloader())
                recalibrate(self.backbone, (batch.images for batch in batches), self.summed)
            self._refreshed = True

    def on_fit_end(self) -> None:
        """Call `finish` even if no callback measures the model."""
        self.finish()

    def _prepare(self) -> None:
        training = self.backbone.training
        self.backbone.eval()
        before = {name for name, _ in self.named_children()}
        kept = self.prepare() or {}
        check_prepared(kept, {name for name, _ in self.named_children()} - before)
        self.kept = {name: value.detach().to(self.device) for name, value in kept.items()}
        self.backbone.train(training)
        share_tensors([*self.backbone.state_dict().values(), *self.kept.values()])

    def _saliency_mask(self) -> Mask:
        batches = self.batches("forget", self.saliency_augmentation)
        gradients = forget_gradients(self.backbone, ((batch.images, batch.labels) for batch in batches))
        assert self.mask_ratio is not None
        try:
            # Summed over processes before the absolute value is taken, so that the mask equals that of a single
            # process.
            return saliency_mask(self.summed(gradients), self.mask_ratio)
        except ValueError:  # raised for the gradients: the ratio has been checked
            raise diverged(self.original) from None
