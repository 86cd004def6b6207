"""Carries an unlearner from its original to its last step; the Trainer's own hooks stay free for the methods."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, cast

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.optim import Optimizer

from medunlearn.errors import InputError
from medunlearn.methods.rewind import judge

if TYPE_CHECKING:
    from medunlearn.methods.unlearner import Unlearner


class UnlearnerHooks(Callback):
    """Prepares an unlearner before the first step, keeps its mask, and puts what must be resumed into checkpoints.

    An `Unlearner` brings it along, and it is called after the callbacks of the Trainer. So frozen weights are frozen
    whatever moves them: an optimiser of the user's own, a hook, another callback.
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compute the mask and prepare."""
        _unlearner(pl_module).begin()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Hold frozen statistics, whatever has set modes since the last batch: preparation, mask, another hook."""
        _unlearner(pl_module).hold_statistics()

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Clear the gradients of frozen weights."""
        _unlearner(pl_module).clear_frozen_gradients()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Restore frozen weights."""
        _unlearner(pl_module).hold()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore frozen weights, and judge the epoch, once every other callback has changed what it changes."""
        method = _unlearner(pl_module)
        method.hold()
        if method.rewind and not cast(Any, trainer).fast_dev_run:
            with method.stopwatch.measure("rewind"):
                gap = judge(trainer).epoch_gap(trainer, method)
                method.nearest.offer(trainer.current_epoch + 1, gap, method.backbone)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore frozen weights."""
        _unlearner(pl_module).hold()

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keep the mask, what was prepared and the nearest epoch: the weights say nothing of them any more."""
        method = _unlearner(pl_module)
        method.hold()  # the checkpoint's weights share their memory with the model's
        if method.mask is not None:
            checkpoint["saliency_mask"] = {name: mask.cpu() for name, mask in method.mask.items()}
        checkpoint["kept"] = {name: value.cpu() for name, value in method.kept.items()}
        if method.nearest.epoch:
            checkpoint["nearest_epoch"] = method.nearest.state_dict()

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Take them up again."""
        _unlearner(pl_module).resume(checkpoint.get("saliency_mask"), checkpoint.get("kept", {}))
        _unlearner(pl_module).nearest.load_state_dict(checkpoint.get("nearest_epoch", {}))


def _unlearner(module: LightningModule) -> "Unlearner":
    return cast("Unlearner", module)


def check_prepared(kept: Any, added: Collection[str]) -> None:
    """Refuse what `prepare` cannot leave: only tensors by name are kept for a run that goes on.

    Args:
        kept: What it returned.
        added: Names of the networks that it has put into the method.

    Raises:
        InputError: If a resumed run would lack some of it.
    """
    if not isinstance(kept, Mapping) or not all(isinstance(value, Tensor) for value in kept.values()):
        found = type(kept).__name__
        if isinstance(kept, Mapping):
            name, value = next((name, value) for name, value in kept.items() if not isinstance(value, Tensor))
            found = f"{name}: {type(value).__name__}"
        raise InputError(f"prepare: returns {found}; return a dict of tensors by name, which becomes `self.kept`")
    if added:
        name = sorted(added)[0]
        raise InputError(
            f"prepare: sets self.{name}, a network, which a resumed run would lack; "
            "call `self.teacher()` where it is used, or make the network in `__init__`, frozen unless it is trained too"
        )
