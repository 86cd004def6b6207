"""Measures the proxy gap after each epoch, by which `rewind` chooses one, and checks that it can be measured."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer

from medunlearn.callbacks.predicting import all_finite, predict_parts
from medunlearn.callbacks.retrain_loss import retrain_loss
from medunlearn.contracts import UnlearningData, UnlearningModule
from medunlearn.errors import InputError
from medunlearn.metrics import Loss, Predictions, why_no_proxy

Proxy = Callable[[Predictions, Predictions, Loss | None], dict[str, float | None]]


class EpochGap:
    """Measures the proxy gap of a model in training: on the forget set, the validation set and as many retained images.

    A sample of the retain set is enough: the attack uses no more, and the accuracy is compared with the original's on
    the same images. The whole retain set would cost up to a third of an epoch each time.

    Args:
        method: The method.
        data: The data module.
        original: What the original predicts on this run's split.
        proxy: Function from the predictions, the original's predictions and the loss of a Retrain to a dict with `gap`.
        seed: Seed of the sample.
    """

    def __init__(
        self, method: UnlearningModule, data: UnlearningData, original: Predictions, proxy: Proxy, seed: int
    ) -> None:
        self.data, self.network, self.proxy = data, method.backbone, proxy
        self.loss = retrain_loss(method, original)
        chosen = np.random.default_rng(seed).permutation(len(original.retain.labels))[: len(original.val.labels)]
        self.chosen = np.sort(chosen)
        """Indices into the retain set of the images that are used."""
        retain = original.retain.take(self.chosen)
        self.original = replace(original, retain=retain, test=original.val)  # the test set must not choose

    def measure(self, trainer: Trainer, module: LightningModule) -> float:
        """Return the proxy gap of the current model, equal in every process; infinite if it has diverged."""
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


def check_rewind(trainer: Trainer, original: Predictions) -> None:
    """Reject `rewind` for a run without epochs, or without the images that the proxy gap needs.

    Args:
        trainer: The Trainer.
        original: What the original predicts on this run's split.

    Raises:
        InputError: If `rewind` is impossible.
    """
    if trainer.max_epochs == 0:
        raise InputError(
            "rewind=true: keeps the best of several epochs, and max_epochs=0 trains none; leave it out",
            part="model.init_args",
        )
    if why := why_no_proxy(original):
        raise InputError(
            f"rewind=true: needs the proxy gap, which cannot be measured: {why}; leave it out", part="model.init_args"
        )
