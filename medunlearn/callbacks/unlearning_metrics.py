"""Measures UA, RA, TA and MIA of the trained model on every image."""

from collections.abc import Sequence
from typing import Any, Literal, cast, get_args

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer

from medunlearn.callbacks.extra_metrics import find_extra, measure_extra
from medunlearn.callbacks.predicting import all_finite, original_predictions, predict
from medunlearn.callbacks.rewind import EpochGap, check_rewind
from medunlearn.contracts import KeepsArguments, UnlearningData, UnlearningModule
from medunlearn.errors import InputError, check_least
from medunlearn.metrics import (
    GAP_METRICS,
    Feature,
    Loss,
    Predictions,
    Solver,
    accuracies,
    attack_draws,
    attack_sample,
    average_gap,
    proxy_gap,
    proxy_targets,
    unlearning_metrics,
    validation_metrics,
)
from medunlearn.training.progress import passing

Nonmembers = Literal["test", "val"]


class UnlearningMetrics(KeepsArguments, Callback):
    """Measures UA, RA, TA and MIA in one pass over all images at the end of fit and, on request, curves during it.

    Args:
        every_n_epochs: Log UA, RA and TA every so many epochs; 0 for the end only. Each time costs a pass over all
            images, which does not count as run time.
        feature: What the membership attack sees: `confidence` (the paper's), `correctness`, `entropy` or `prob`.
        nonmembers: Where the attack's non-members come from: `test`, or `val` where the test set is from another
            source, as PathMNIST's is, and the attack would learn that difference.
        seed: Seed of the attack's samples.
        solver: `interior_point`, or `libsvm` for the slow reference with the same decisions.
        extra: Names of further metrics, which `medunlearn list metrics` lists; they go below `extra` in `metrics.json`.

    Raises:
        InputError: If a value is out of range.
    """

    def __init__(
        self,
        every_n_epochs: int = 0,
        feature: Feature = "confidence",
        nonmembers: Nonmembers = "test",
        seed: int = 0,
        solver: Solver = "interior_point",
        extra: Sequence[str] | None = None,
    ) -> None:
        if every_n_epochs < 0:
            raise InputError(
                f"every_n_epochs={every_n_epochs}: give a number of epochs, or 0 for none", part="evaluation"
            )
        check_least("seed", seed, part="evaluation")
        for name, value, choices in (
            ("feature", feature, Feature),
            ("nonmembers", nonmembers, Nonmembers),
            ("solver", solver, Solver),
        ):
            if value not in get_args(choices):
                raise InputError(f"{name}={value}: choose one of {', '.join(get_args(choices))}", part="evaluation")
        self.every_n_epochs = every_n_epochs
        self.feature: Feature = feature
        self.nonmembers: Nonmembers = nonmembers
        self.seed = seed
        self.solver: Solver = solver
        self.extra = extra
        self._extra = find_extra(extra)
        self.predictions: Predictions | None = None
        self.metrics: dict[str, float | None] = {}
        self.validation: dict[str, float | None] = {}
        self.extra_metrics: dict[str, Any] = {}
        self._epoch_gap: EpochGap | None = None

    def attack_settings(self) -> dict[str, Any]:
        """Return the attack settings that two runs must share for their MIA to be comparable."""
        return {"feature": self.feature, "nonmembers": self.nonmembers, "seed": self.seed}

    def measure(self, predictions: Predictions) -> dict[str, float | None]:
        """Return UA, RA, TA and MIA in % of any model's predictions, with this callback's attack."""
        return unlearning_metrics(predictions, **self.attack_settings(), solver=self.solver)

    def attack_draws(self, predictions: Predictions) -> list[float]:
        """Return MIA in % under several draws of the attack's samples, the first of them MIA itself."""
        return attack_draws(predictions, **self.attack_settings(), solver=self.solver)

    def measure_validation(self, predictions: Predictions) -> dict[str, float | None]:
        """Return the same with the validation set in the test set's place."""
        return validation_metrics(predictions, self.feature, self.seed, self.solver)

    def measure_proxy(
        self, predictions: Predictions, original: Predictions, loss: Loss | None = None
    ) -> dict[str, float | None]:
        """Return the proxy gap and its parts, with this callback's attack and the predicted loss of a Retrain."""
        return proxy_gap(predictions, original, self.feature, self.seed, self.solver, loss)

    def proxy_targets(self, original: Predictions, loss: Loss | None = None) -> dict[str, float | None]:
        """Return the targets of the proxy gap, in %."""
        return proxy_targets(original, self.feature, self.seed, self.solver, loss)

    def validation_to(self, reference: dict[str, Any] | None) -> dict[str, float | None]:
        """Return the metrics and AG with the validation set for the test set, which may guide the choice of settings.

        Args:
            reference: Content of the reference's `metrics.json`.
        """
        known = (reference or {}).get("validation")
        if known is None or any(known.get(key) is None for key in GAP_METRICS):
            return {**self.validation, "AG": None}
        return {**self.validation, "AG": average_gap(self.validation, known)}

    def attack_rows(self) -> dict[str, np.ndarray]:
        """Return which rows of the retain part and of the non-members' part the attack learned from."""
        assert self.predictions is not None
        retain, outside = self.predictions.retain, getattr(self.predictions, self.nonmembers)
        members, nonmembers = attack_sample(len(retain.labels), len(outside.labels), self.seed)
        return {"attack_member_rows": members, "attack_nonmember_rows": nonmembers}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Prepare the per-epoch proxy gap, unless `RunRecord` has done so already."""
        method, known = _method(pl_module), self._epoch_gap
        if stage == "fit" and getattr(method, "rewind", False) and (not known or known.network is not method.backbone):
            self.take_up(trainer, method, method.datamodule, original_predictions(method, method.datamodule))

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Drop the prepared proxy gap: the next fit may start from another model."""
        self._epoch_gap = None

    def take_up(
        self, trainer: Trainer, method: UnlearningModule, data: UnlearningData, original: Predictions | None
    ) -> None:
        """Prepare the per-epoch proxy gap if the method has `rewind`; reject runs in which it cannot be measured.

        Args:
            trainer: The Trainer.
            method: The method.
            data: The data module.
            original: The original's predictions on this run's split, if there is an original.
        """
        if getattr(method, "rewind", False) and original is not None:
            check_rewind(trainer, original)
            self.compare_epochs(method, data, original)

    def compare_epochs(self, method: UnlearningModule, data: UnlearningData, original: Predictions) -> None:
        """Prepare `epoch_gap`; the arguments are those of `take_up`."""
        self._epoch_gap = EpochGap(method, data, original, self.measure_proxy, self.seed)

    def epoch_gap(self, trainer: Trainer, pl_module: LightningModule) -> float:
        """Return the proxy gap of the current model, for `rewind` and `tune`; every process must call this."""
        assert self._epoch_gap is not None
        return self._epoch_gap.measure(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log a point of the curves every `every_n_epochs`; the last one comes from the final evaluation."""
        epoch = trainer.current_epoch + 1
        if self.every_n_epochs and epoch % self.every_n_epochs == 0:
            with _method(pl_module).stopwatch.measure("evaluation"):
                measured = accuracies(predict(trainer, pl_module))
            curves = {f"unlearning/{name}": value for name, value in measured.items() if value is not None}
            for logger in trainer.loggers:
                logger.log_metrics(curves | {"epoch": epoch - 1}, step=trainer.global_step)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure the final model, also if a resumed run had no epoch left to train."""
        if cast(Any, trainer).fast_dev_run:
            return
        pl_module.to(trainer.strategy.root_device)
        _method(pl_module).finish()
        with _method(pl_module).stopwatch.measure("evaluation"):
            self.predictions = predict(trainer, pl_module)
            self.extra_metrics = measure_extra(self._extra, self.predictions)
        _check_finite(_method(pl_module), self.predictions)
        with _method(pl_module).stopwatch.measure("attack"):
            for _ in passing(trainer, range(1), "Membership inference"):
                self.metrics = self.measure(self.predictions)
                self.validation = self.measure_validation(self.predictions)


def _check_finite(method: UnlearningModule, predictions: Predictions) -> None:
    """Reject a model that has diverged."""
    if not all_finite(method.backbone, predictions):
        argument, remedy = method.diverged
        raise InputError(
            f"{argument}: the model has diverged, its weights or outputs are not finite; "
            f"{remedy} and start again with `--overwrite true`",
            part="model.init_args",
        )


def _method(module: LightningModule) -> UnlearningModule:
    return cast(UnlearningModule, module)
