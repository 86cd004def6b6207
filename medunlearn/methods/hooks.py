"""Callback that prepares an unlearner and keeps frozen weights frozen, so that methods need not use Trainer hooks."""

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
    """Prepares an unlearner before the first step, enforces its mask, and saves both in checkpoints.

    `Unlearner.configure_callbacks` adds it, and it runs after the Trainer's callbacks. So frozen weights stay frozen
    whatever else changes weights: a custom optimiser, a hook, another callback.
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compute the mask and prepare."""
        _unlearner(pl_module).begin()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Put layers with frozen statistics back into evaluation mode, which other hooks may have changed."""
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
        """Restore frozen weights and measure the epoch's proxy gap, after all other callbacks."""
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
        """Save the mask, the prepared tensors and the nearest epoch: current weights cannot restore them."""
        method = _unlearner(pl_module)
        method.hold()  # the checkpoint's weights share their memory with the model's
        if method.mask is not None:
            checkpoint["saliency_mask"] = {name: mask.cpu() for name, mask in method.mask.items()}
        checkpoint["kept"] = {name: value.cpu() for name, value in method.kept.items()}
        if method.nearest.epoch:
            checkpoint["nearest_epoch"] = method.nearest.state_dict()

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Restore the mask, the prepared tensors and the nearest epoch."""
        _unlearner(pl_module).resume(checkpoint.get("saliency_mask"), checkpoint.get("kept", {}))
        _unlearner(pl_module).nearest.load_state_dict(checkpoint.get("nearest_epoch", {}))


def _unlearner(module: LightningModule) -> "Unlearner":
    return cast("Unlearner", module)


def check_prepared(kept: Any, added: Collection[str]) -> None:
    """Reject results of `prepare` that a resumed run would lack: only a dict of tensors is saved in checkpoints.

    Args:
        kept: What it returned.
        added: Names of the networks that `prepare` has added to the method.

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
