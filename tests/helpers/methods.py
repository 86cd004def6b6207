"""Methods and callbacks that try what `Unlearner` promises; found by import path, as a user's own are."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback
from torch import Tensor

from helpers.own import Distil
from medunlearn import SalUn, Unlearner
from medunlearn.methods import Classifier, FineTune, Retrain


class AdamSalUn(SalUn):
    """Brings an optimiser of its own, with weight decay on every weight."""

    fused = False

    def configure_optimizers(self) -> torch.optim.Optimizer:
        options = {"fused": True} if self.fused else {}
        return torch.optim.AdamW(self.backbone.parameters(), lr=self.lr, weight_decay=0.5, **options)


class FusedSalUn(AdamSalUn):
    """The same with PyTorch's fused step."""

    fused = True


class Lookahead(torch.optim.Optimizer):
    """An optimiser around another: every second step it goes half of the way back."""

    def __init__(self, inner: torch.optim.Optimizer) -> None:
        self.inner, self.steps = inner, 0
        super().__init__(inner.param_groups, {})
        self.param_groups = inner.param_groups
        self.slow = [parameter.detach().clone() for group in inner.param_groups for parameter in group["params"]]

    def step(self, closure: Any = None) -> Any:
        loss = self.inner.step(closure)
        self.steps += 1
        fast = [parameter for group in self.param_groups for parameter in group["params"]]
        for slow, parameter in zip(self.slow, fast, strict=True):
            if self.steps % 2 == 0:
                parameter.data.mul_(0.5).add_(slow, alpha=0.6)  # 0.6 rather than 0.5: it shall move frozen weights
        return loss


class WrappedSalUn(SalUn):
    """Wraps its optimiser."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return Lookahead(torch.optim.SGD(self.backbone.parameters(), lr=self.lr, weight_decay=0.5))


class DecayingSalUn(SalUn):
    """Changes every weight in hooks of its own, of which none calls `super()`."""

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        shrink(self)

    def on_train_batch_end(self, *_: Any) -> None:
        shrink(self)

    def on_fit_start(self) -> None:
        shrink(self)

    def on_before_optimizer_step(self, optimizer: Any) -> None:
        shrink(self)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["own"] = 1


class SteppingSalUn(SalUn):
    """Changes every weight after each step."""

    def after_step(self) -> None:
        shrink(self)


class SpikedSalUn(SalUn):
    """Adds to the gradients of frozen weights what clipping must not see."""

    spike = 1e4

    def on_before_optimizer_step(self, optimizer: Any) -> None:
        for name, parameter in self.backbone.named_parameters():
            if parameter.grad is not None:
                parameter.grad += self.spike * ~self.mask[name].to(parameter.device)


class Meddler(Callback):
    """Changes every weight in one hook of a callback."""

    def __init__(self, hook: str) -> None:
        setattr(self, hook, lambda trainer, module, *_: shrink(module))


class Phases(Unlearner):
    """Goes through other images in each epoch."""

    draws = ("forget", "paired", "retain", "all", "forget_then_retain")

    def images(self, epoch: int) -> str:
        return self.draws[epoch % len(self.draws)]


class KeepsTeacher(FineTune):
    """Puts the original into itself while it prepares."""

    def prepare(self) -> dict[str, Tensor]:
        self.old = self.teacher()
        return {}


class Noise(Unlearner):
    """Prepares at random: moves the weights, keeps what it has drawn, and says so."""

    prepared = 0

    def prepare(self) -> dict[str, Tensor]:
        type(self).prepared += 1
        assert not self.backbone.training
        noise = torch.randn(4, generator=torch.Generator().manual_seed(self.datamodule.seed))
        with torch.no_grad():
            next(self.backbone.parameters()).mul_(-1)
        return {"noise": noise}

    def penalty(self) -> Tensor:
        return 0.01 * self.kept["noise"].sum() * sum(weight.square().sum() for weight in self.backbone.parameters())

    def facts(self) -> dict[str, float | str]:
        return {"noise": float(self.kept["noise"].sum()), "kind": "normal"}


class StillDistil(Distil):
    """Keeps BatchNorm out of training, so that a process's share of a batch changes nothing but the order of sums."""

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        self.backbone.eval()


class TrainingFineTune(FineTune):
    """Sets the whole network to training before each batch."""

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        self.train()


class Unknown(Unlearner):
    """Asks for images that there are not."""

    def images(self, epoch: int) -> str:
        return "forgotten" if epoch else "all"


class Scalar(Unlearner):
    """Returns one loss for all images."""

    def losses(self, batch: Any) -> Tensor:
        return super().losses(batch).mean()


class SeeingRetrain(Retrain):
    """Says that it never saw the forget set, and goes through it."""

    def images(self, epoch: int) -> str:
        return "all"


class PairedTrain(Classifier):
    """Trains on both sets side by side."""

    def images(self, epoch: int) -> str:
        return "paired"


def shrink(module: Any) -> None:
    """Move every weight a little, behind autograd's back."""
    for parameter in module.backbone.parameters():
        parameter.data.mul_(0.99).sub_(1e-3)


def ask_to_end(trainer: Any, epoch: int, batch: int) -> None:
    """Send SIGTERM to this process where `ASKED` names its rank, this epoch and this batch."""
    if os.environ.get("ASKED") == f"{trainer.global_rank} {epoch} {batch}":
        os.kill(os.getpid(), signal.SIGTERM)


class AskToEnd(Callback):
    """Lets a run be asked to end within an epoch."""

    def on_before_zero_grad(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        ask_to_end(trainer, trainer.current_epoch, trainer.fit_loop.batch_idx)  # in the step, before its end


class WaitAtWork(Callback):
    """Keeps a run at work after its first epoch until a file named `go_on` is there; says by a file whose run it is."""

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        if trainer.current_epoch == 1:
            Path(f"{type(pl_module).__name__}.pid").write_text(str(os.getpid()))
            while not Path("go_on").exists():
                time.sleep(0.05)
