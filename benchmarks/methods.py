"""What does each unlearning method cost, against fine-tuning in the same run?

Preparation (saliency mask included), the median step, and the whole run under the method's own number of epochs, all in
one process on one original. A step is timed from the batch on the device to the updated weights; only a few of the
first epochs are made, and the whole run is the sum over all epochs of its number of steps times the median step of that
kind of epoch. `epochs` is the unit of the literature: one epoch of FineTune's steps over all training images.
"""

import logging
import statistics
import tempfile
import time
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from common import DEVICE, SMALL, fit, made_up, options, report, synchronise
from lightning.pytorch import Callback, Trainer

from medunlearn import ForgetSpec, MedMNISTDataModule, Unlearner
from medunlearn.plugins import built_ins, find
from medunlearn.training.memory import keep_freed_memory
from medunlearn.training.precision import default_precision

BASELINE = "FineTune"
RATE = 0.1


class Steps(Callback):
    """Keeps the seconds of each step by the kind of epoch, but for the first of all, which warms up."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self._since, self._warm = 0.0, False

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        synchronise()
        self._since = time.perf_counter()

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *_: Any) -> None:
        synchronise()
        if self._warm:
            self.seconds[pl_module.images(trainer.current_epoch)].append(time.perf_counter() - self._since)
        self._warm = True


def unlearners() -> list[str]:
    """Return the names of all registered methods that unlearn, the baseline first."""
    names = [plugin.name for plugin in built_ins("methods") if issubclass(plugin.load(), Unlearner)]
    return sorted(names, key=lambda name: name != BASELINE)


def measure(name: str, original: Path, file: Path, batch: int, steps: int, most: int, backbone: str) -> dict[str, Any]:
    """Return the seconds of a method's own number of epochs, with a few steps made of the first `most`."""
    method_class = find("methods", name)
    torch.manual_seed(0)
    data = MedMNISTDataModule(file=file, batch_size=batch, forget=ForgetSpec(rate=RATE))
    method = method_class(data.num_classes, original=original, backbone=backbone)
    own, timer = dict(method_class.trainer_arguments), Steps()
    whole = own.pop("max_epochs")
    epochs = min(most, whole)
    trainer = Trainer(
        accelerator="auto",
        devices=1,
        precision=default_precision(),
        max_epochs=epochs,
        limit_train_batches=steps,
        limit_val_batches=0,
        callbacks=[timer],
        **own,
        **dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary", "enable_checkpointing"), False),
    )
    trainer.fit(method, data)
    step = {draw: statistics.median(found) for draw, found in timer.seconds.items()}
    stopwatch = method.stopwatch.seconds
    steps_of = {method.images(epoch): data.steps(epoch) for epoch in range(epochs)}
    draws = [draw for draw in map(method.images, range(whole)) if draw in steps_of]
    return {
        "preparation": stopwatch["preparation"] + stopwatch["saliency"],
        "step": statistics.median([each for found in timer.seconds.values() for each in found]) if step else 0.0,
        "epochs": len(draws),
        "steps": sum(steps_of[draw] for draw in draws),
        "training": sum(steps_of[draw] * step[draw] for draw in draws),
    }


def row(name: str, found: dict[str, Any], step: float, epoch: float) -> dict[str, Any]:
    """Return a line of the table.

    Args:
        name: The method.
        found: What was measured of it.
        step: Seconds of the baseline's step.
        epoch: Seconds of the baseline's steps over all images.
    """
    return {
        "method": name,
        "preparation, s": found["preparation"],
        "in epochs": found["preparation"] / epoch,
        "step, ms": 1e3 * found["step"],
        "x FineTune's": found["step"] / step,
        "epochs": found["epochs"],
        "steps": found["steps"],
        "whole run, s": found["preparation"] + found["training"],
        "whole run, in epochs": (found["preparation"] + found["training"]) / epoch,
    }


def main() -> None:
    args = options(__doc__)
    count, size, batch, steps, most = (40, 8, 4, 2, 2) if args.short else (320, 28, 64, 2, 8)
    backbone = SMALL if args.short else "resnet18"
    if DEVICE.type == "cuda" and not args.short:
        count, size, batch, steps = 12_032, 64, 256, 10
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    if DEVICE.type == "cpu":
        keep_freed_memory()  # as `medunlearn fit` does
    with tempfile.TemporaryDirectory() as folder:
        file, original = made_up(Path(folder) / "images.npz", count, size), Path(folder) / "train"
        arguments = (f"--data.batch_size={batch}", "--trainer.max_epochs=1", f"--model.init_args.backbone={backbone}")
        fit("Train", original, file, *arguments, apart=False)
        found = {name: measure(name, original, file, batch, steps, most, backbone) for name in unlearners()}
    step = found[BASELINE]["step"]
    rows = [row(name, each, step, step * count / batch) for name, each in found.items()]
    report(args, rows, images=count, size=size, batch=batch, forget_rate=RATE, precision=default_precision())


if __name__ == "__main__":
    main()
