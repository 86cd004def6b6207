"""Methods under a bare Trainer, which takes a fifth of the time of `medunlearn fit`, on one process or on two."""

import json
import sys
import traceback
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from lightning.pytorch import Callback, Trainer, seed_everything

import medunlearn
from helpers.backbones import TINY
from helpers.methods import AskToEnd
from medunlearn import ForgetSpec, MedMNISTDataModule, Unlearner
from medunlearn.callbacks import UnlearningMetrics
from medunlearn.callbacks.configuration import Configuration
from medunlearn.contracts import Batch
from medunlearn.models import build_backbone, save_weights
from medunlearn.plugins import find
from medunlearn.runs import RunDir

QUIET = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary", "enable_checkpointing"), False)


def train(
    name: str,
    original: Path | None,
    file: Path,
    epochs: int,
    batch_size: int = 4,
    callbacks: tuple[Callback, ...] = (),
    trainer: dict[str, Any] | None = None,
    backbone: str = TINY,
    forget: ForgetSpec = ForgetSpec(rate=0.25),  # noqa: B008  frozen, so it may be shared
    **arguments: Any,
) -> Unlearner:
    """Run a method of this name in deterministic mode and return it.

    Nothing but PyTorch's generator is seeded: whatever else a method drew from would differ between two runs. What
    measures the epochs is there where they are measured.
    """
    if arguments.get("rewind") and not callbacks:
        callbacks = (UnlearningMetrics(),)
    torch.manual_seed(0)
    data = MedMNISTDataModule(file=file, batch_size=batch_size, forget=forget)
    kind = find("methods", name)
    if original is not None:  # which a method that starts from no model does not take
        arguments["original"] = original
    method = kind(data.num_classes, backbone=backbone, **arguments)
    settings = {**kind.trainer_arguments, "max_epochs": epochs, "accelerator": "cpu", **QUIET, **(trainer or {})}
    Trainer(num_sanity_val_steps=0, deterministic=True, callbacks=[*callbacks], **settings).fit(method, data)
    return method


def fit(given: tuple[str, Path, Path, Path, int]) -> int:
    """Run `medunlearn.fit`, going on with what is there, and return 0.

    Without the parser that resolves the configuration, which takes two thirds of the time.

    Args:
        given: The method's name, run directory, original, images and number of epochs.
    """
    name, run, original, file, epochs = given
    seed_everything(0, verbose=False)
    data = MedMNISTDataModule(file=file, batch_size=4, forget=ForgetSpec(rate=0.25))
    method = find("methods", name)(data.num_classes, backbone=TINY, original=original)
    exact = {"precision": "32-true", "deterministic": True, "callbacks": AskToEnd(), "accelerator": "cpu"}
    quiet = {key: value for key, value in QUIET.items() if key != "enable_checkpointing"}
    known = Configuration({"trainer": {"logger": False}})
    with patch("medunlearn.callbacks.fitting.configuration", return_value=known):
        medunlearn.fit(method, data, run, resume=RunDir(run).started, max_epochs=epochs, **exact, **quiet)
    return 0


def state(method: Unlearner) -> dict[str, torch.Tensor]:
    """Return a copy of the weights of a method's network."""
    return {name: value.detach().clone() for name, value in method.backbone.state_dict().items()}


def untrained(path: Path, backbone: str = TINY, classes: int = 4, **changed: torch.Tensor) -> Path:
    """Write the weights of a network that has learned nothing, some of them changed, as an original to start from."""
    torch.manual_seed(1)
    network = build_backbone(backbone, classes)
    network.load_state_dict(network.state_dict() | changed)
    save_weights(network, path)
    return path


class Steps(Callback):
    """Keeps the batch of every training step, and the weights before the first step and after each."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.weights: list[dict[str, torch.Tensor]] = []

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        self.weights.append(state(pl_module))

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Batch, batch_idx: int) -> None:
        self.batches.append(batch)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *_: Any) -> None:
        self.weights.append(state(pl_module))

    def moves(self, lr: float) -> list[tuple[Batch, dict[str, torch.Tensor], dict[str, torch.Tensor]]]:
        """Return batch, weights before, and what was gone down, divided by the learning rate, of each step."""
        return [
            (batch, before, {name: (before[name].double() - after[name].double()) / lr for name in before})
            for batch, before, after in zip(self.batches, self.weights[:-1], self.weights[1:], strict=True)
        ]


def train_in_turn(plan: Path) -> None:
    """Run the methods of a plan, each in these processes, and leave weights and facts, or the error, of each."""
    for name, options in json.loads(plan.read_text()).items():
        try:
            method = train(name, **options)
            left = {
                "weights": state(method),
                "facts": method.facts(),
                "rewound": method.rewound,
                "processes": method.trainer.world_size,
            }
        except Exception:  # the others are to be run nevertheless
            left = {"error": traceback.format_exc()}
        torch.save(left, plan.with_name(f"{plan.stem}_{name}_{rank()}.pt"))


def rank() -> int:
    """Return the number of this process."""
    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


if __name__ == "__main__":
    train_in_turn(Path(sys.argv[1]))
