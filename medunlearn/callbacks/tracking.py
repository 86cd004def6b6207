"""Sends the settings and results of a run to every logger, with tables and histograms for Weights & Biases."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from lightning.pytorch.loggers import Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_warn

from medunlearn.metrics import GAP_METRICS, Predictions
from medunlearn.runs import RunDir
from medunlearn.runs.group_text import group_text

HISTOGRAM_BINS = np.linspace(0, 1, 51)


def log_settings(
    loggers: Iterable[Logger], run: RunDir, settings: Mapping[str, Any], split: Mapping[str, Any], method: str
) -> None:
    """Send the resolved configuration and the identity of data and forget set to every logger.

    A failure to log is only a warning and does not end the run.

    Args:
        loggers: The trainer's loggers.
        run: The run directory.
        settings: The content of `config.yaml`.
        split: The content of `split.json`.
        method: Name of the method.
    """
    hashes = {"split_sha256": split["sha256"], "data_sha256": split["data_sha256"]}
    sent = {**without_names(settings), "run_dir": str(run), "method": method, **hashes}
    _to_each(loggers, run, "settings", lambda logger: logger.log_hyperparams(dict(sent)))


def without_names(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with patients' names, which must not leave the run directory, replaced by their number.

    Args:
        settings: The content of `config.yaml`.

    Example:
        >>> without_names({"data": {"forget": {"groups": ["P0017"], "group_by": "patient"}}})
        {'data': {'forget': {'groups': '1 patient', 'group_by': 'patient'}}}
    """
    data = settings.get("data") or {}
    forget = data.get("forget") or {}
    groups = forget.get("groups")
    if groups is None:
        return dict(settings)
    return {**settings, "data": {**data, "forget": {**forget, "groups": group_text(groups, forget.get("group_by"))}}}


def log_results(
    loggers: Iterable[Logger],
    run: RunDir,
    metrics: dict[str, Any],
    predictions: Predictions,
    reference: dict[str, Any] | None,
    step: int,
) -> None:
    """Send the results of a run to every logger; to Weights & Biases as summary, gap table and histograms.

    A failure to log is only a warning and does not affect the results.

    Args:
        loggers: The trainer's loggers.
        run: The run directory.
        metrics: The content of `metrics.json`.
        predictions: The predictions that the metrics were computed from.
        reference: The metrics of the retrained model, if there is one.
        step: Number of optimiser steps of the run.
    """

    def log(logger: Logger) -> None:
        if isinstance(logger, WandbLogger):
            _log_run(logger.experiment, run, metrics, predictions, reference)
        else:
            logger.log_metrics(result_values(metrics), step)

    _to_each(loggers, run, "results", log)


def result_values(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the numeric results of a run by name; missing ones are left out.

    Args:
        metrics: The content of `metrics.json`.

    Example:
        >>> figures = {"UA": 50.0, "RA": 99.0, "TA": 90.0, "MIA": 60.0, "AG": None, "RTE": 1.5}
        >>> result_values(figures | {"validation": {"AG": None}, "before": {"UA": 2.0}, "proxy": {"gap": 4.5}})
        {'UA': 50.0, 'RA': 99.0, 'TA': 90.0, 'MIA': 60.0, 'RTE': 1.5, 'before/UA': 2.0, 'proxy/gap': 4.5}
    """
    values = {key: metrics[key] for key in (*GAP_METRICS, "AG", "RTE")}
    for group in ("runtime", "validation", "before", "proxy", "extra"):
        values |= {f"{group}/{key}": value for key, value in (metrics.get(group) or {}).items()}
    return {key: float(value) for key, value in values.items() if isinstance(value, int | float)}


def _to_each(loggers: Iterable[Logger], run: RunDir, what: str, send: Callable[[Logger], None]) -> None:
    for logger in loggers:
        try:
            send(logger)
        except Exception as error:  # no failure of a logger may lose the result
            name = "Weights & Biases" if isinstance(logger, WandbLogger) else type(logger).__name__
            rank_zero_warn(f"{name} rejected the {what} of {run}: {error}")


def _log_run(
    experiment: Any, run: RunDir, metrics: dict[str, Any], predictions: Predictions, reference: dict[str, Any] | None
) -> None:
    import wandb

    parts = [part for part in ("forget", "retain", "test") if len(getattr(predictions, part).labels)]
    experiment.log({f"true_class_probability/{part}": _histogram(predictions, part) for part in parts})
    columns: list[str | int] = ["metric", "this run", "reference", "gap", "before unlearning"]
    experiment.log({"gaps": wandb.Table(columns=columns, data=_gap_rows(metrics, reference))})
    experiment.summary.update(result_values(metrics))
    described = {key: metrics[key] for key in ("n", "versions", "hardware", "attack", "parameters")}
    # The names `data` and `model` are taken by groups of the configuration.
    experiment.config.update({"data_name": metrics["data"], **described}, allow_val_change=True)


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

    found = getattr(predictions, part)
    confidence = found.probs[np.arange(len(found.labels)), found.labels]
    return wandb.Histogram(np_histogram=np.histogram(confidence, bins=HISTOGRAM_BINS))
