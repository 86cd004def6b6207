"""The proxy gap after an epoch, by which `rewind` chooses: how it is measured, and where it cannot be."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer

from medunlearn.callbacks.foretold import foretold_loss
from medunlearn.callbacks.predicting import all_finite, original_predictions, predict_parts
from medunlearn.contracts import UnlearningData, UnlearningModule
from medunlearn.errors import InputError
from medunlearn.metrics import Loss, Part, Predictions, why_no_proxy

Proxy = Callable[[Predictions, Predictions, Loss | None], dict[str, float | None]]


class EpochGap:
    """Measures the proxy gap of a model in training: on the forget set, the validation set and as many retained images.

    A sample of the retain set is enough: the attack takes no more of it, and the accuracy is compared with the
    original's on the same images. The whole of it would cost up to a third of an epoch each time.

    Args:
        method: The method, attached to the Trainer.
        proxy: Returns the proxy gap as `gap`, of predictions, the original's, and what a Retrain loses.
        seed: Seed of the sample.
    """

    def __init__(self, method: UnlearningModule, proxy: Proxy, seed: int) -> None:
        self.data, self.network, self.proxy = method.datamodule, method.backbone, proxy
        found = original_predictions(method, self.data)
        assert found is not None
        self.loss = foretold_loss(method, self.data)
        chosen = np.random.default_rng(seed).permutation(len(found.retain.labels))[: len(found.val.labels)]
        self.chosen = np.sort(chosen)
        """Which images of the retain set, by their places in it."""
        retain = Part(*(array[self.chosen] for array in found.retain))
        self.original = replace(found, retain=retain, test=found.val)  # the test set chooses nothing

    def measure(self, trainer: Trainer, module: LightningModule) -> float:
        """Return the gap of the model as it is, the same in every process; infinite where it has diverged."""
        parts = predict_parts(
            trainer,
            module,
            {
                "forget": self.data.part_dataloader("forget"),
                "retain": self.data.part_dataloader("retain", "NoAug", torch.from_numpy(self.chosen)),
                "val": self.data.part_dataloader("val"),
            },
        )
        predictions = Predictions(**parts, test=parts["val"])
        if not all_finite(self.network, predictions):
            return math.inf
        gap = self.proxy(predictions, self.original, self.loss)["gap"]
        assert gap is not None  # see `check_rewind`
        return float(trainer.strategy.broadcast(gap))


def check_rewind(trainer: Trainer, method: UnlearningModule, data: UnlearningData | None = None) -> None:
    """Refuse to keep the nearest epoch where there is none, or where no images are there to measure it by.

    Args:
        trainer: The Trainer.
        method: The method.
        data: The data module; by default that of the Trainer, once it fits.

    Raises:
        InputError: If `rewind` is set and cannot be had.
    """
    if not getattr(method, "rewind", False):
        return
    if trainer.max_epochs == 0:
        raise InputError(
            "rewind=true: keeps the best of several epochs, and max_epochs=0 trains none; leave it out",
            part="model.init_args",
        )
    found = original_predictions(method, method.datamodule if data is None else data)
    if found is not None and (why := why_no_proxy(found)):
        raise InputError(
            f"rewind=true: goes by the proxy gap, which cannot be measured: {why}; leave it out", part="model.init_args"
        )
