"""Sends the results of a run to Weights & Biases."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from lightning.pytorch.loggers import Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_warn

from medunlearn.metrics import GAP_METRICS, Predictions
from medunlearn.runs import RunDir

HISTOGRAM_BINS = np.linspace(0, 1, 51)


def track(
    loggers: Iterable[Logger],
    run: RunDir,
    metrics: dict[str, Any],
    predictions: Predictions,
    reference: dict[str, Any] | None,
) -> None:
    """Send what came of a run to every Weights & Biases logger: summary, gap table and histograms.

    A failure to log is a warning: the run's result does not hang on it.

    Args:
        loggers: The trainer's loggers; others than WandbLogger are passed over.
        run: The run directory.
        metrics: The content of `metrics.json`.
        predictions: What the metrics derive from.
        reference: The metrics of the retrained model, if there is one.
    """
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            try:
                _log_run(logger.experiment, run, metrics, predictions, reference)
            except Exception as error:  # whatever goes wrong in the service must not cost the result
                rank_zero_warn(f"Weights & Biases did not take the results of {run}: {error}")


def _log_run(
    experiment: Any, run: RunDir, metrics: dict[str, Any], predictions: Predictions, reference: dict[str, Any] | None
) -> None:
    import wandb

    parts = [part for part in ("forget", "retain", "test") if len(getattr(predictions, part).labels)]
    experiment.log({f"true_class_probability/{part}": _histogram(predictions, part) for part in parts})
    columns: list[str | int] = ["metric", "this run", "reference", "gap", "before unlearning"]
    experiment.log({"gaps": wandb.Table(columns=columns, data=_gap_rows(metrics, reference))})
    summary = {key: metrics[key] for key in (*GAP_METRICS, "AG", "RTE") if metrics[key] is not None}
    summary |= {f"runtime/{stage}": seconds for stage, seconds in metrics["runtime"].items()}
    summary |= {f"validation/{key}": value for key, value in metrics["validation"].items() if value is not None}
    summary |= {f"before/{key}": value for key, value in (metrics["before"] or {}).items()}
    experiment.summary.update(summary)
    described = ("method", "data", "split_sha256", "n", "versions", "hardware", "attack", "parameters")
    experiment.config.update({"run_dir": str(run), **{key: metrics[key] for key in described}}, allow_val_change=True)


def _gap_rows(metrics: dict[str, Any], reference: dict[str, Any] | None) -> list[Any]:
    before = metrics["before"] or {}
    rows = []
    for key in GAP_METRICS:
        other = (reference or {}).get(key)
        gap = None if other is None or metrics[key] is None else abs(metrics[key] - other)
        rows.append([key, metrics[key], other, gap, before.get(key)])
    return rows


def _histogram(predictions: Predictions, part: str) -> Any:
    import wandb

    probs, labels, _ = getattr(predictions, part)
    confidence = probs[np.arange(len(labels)), labels]
    return wandb.Histogram(np_histogram=np.histogram(confidence, bins=HISTOGRAM_BINS))
