"""Methods and callbacks that put into a checkpoint what users put there; found by import path."""

import argparse
import os
import signal
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback
from torch import nn

from medunlearn import Retrain, Train, Unlearner


class Kind(Enum):
    SOFT = "soft"


class HyperSalUn(Unlearner):
    """Has the signature of README's methods, and saves what Lightning's documentation says to save."""

    def __init__(self, num_classes: int, original: Path, rate: float = 0.01, **kwargs: Any) -> None:
        super().__init__(num_classes, original=original, lr=rate, **kwargs)
        self.save_hyperparameters()


class KeepingTrain(Train):
    """Keeps objects in the checkpoint, and paths, and looks at them when it goes on."""

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["own"] = {"folder": Path("a/b"), "kind": Kind.SOFT, "best": np.float32(0.5), "pair": (1, 2)}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        assert checkpoint["own"] == {"folder": "a/b", "kind": "soft", "best": 0.5, "pair": (1, 2)}


class NamespaceTrain(Train):
    """Saves a namespace as its hyper-parameters, as scripts with argparse do."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.save_hyperparameters(argparse.Namespace(folder=Path("a"), kind=Kind.SOFT))


class NetworkTrain(Train):
    """Saves a network as a hyper-parameter."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.save_hyperparameters({"net": nn.Linear(1, 1)})


class ObjectTrain(Retrain):
    """Keeps an object in its checkpoint."""

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["teacher"] = nn.Linear(1, 1)


class LambdaTrain(Train):
    """Has a schedule whose state is a callable object with a function in it."""

    def configure_optimizers(self) -> Any:
        class Factor:
            def __init__(self) -> None:
                self.inner = lambda step: 1.0

            def __call__(self, step: int) -> float:
                return self.inner(step)

        optimizer = torch.optim.SGD(self.parameters(), lr=0.01)
        return [optimizer], [torch.optim.lr_scheduler.LambdaLR(optimizer, Factor())]


class FolderCallback(Callback):
    """Keeps a path."""

    def state_dict(self) -> dict[str, Any]:
        return {"folder": Path("a")}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        assert state_dict == {"folder": "a"}


class ArrayCallback(Callback):
    """Keeps an array of NumPy."""

    def state_dict(self) -> dict[str, Any]:
        return {"scores": np.zeros(3)}


class EndAfterFirstEpoch(Callback):
    """Sends SIGTERM in the first batch of the second epoch, where `END` is set."""

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.current_epoch == 1 and batch_idx == 0 and os.environ.get("END"):
            os.kill(os.getpid(), signal.SIGTERM)
