"""Builds the content of `metrics.json`: metrics, times, identity of the run, and the runs it depends on."""

from dataclasses import asdict
from typing import Any

from lightning.pytorch import Trainer

from medunlearn.callbacks.predicting import original_predictions
from medunlearn.callbacks.request import copies, copies_note, group_figures
from medunlearn.callbacks.retrain_loss import loss_note, retrain_loss
from medunlearn.callbacks.runtime import RunTime
from medunlearn.callbacks.unlearning_metrics import UnlearningMetrics
from medunlearn.contracts import UnlearningData, UnlearningModule
from medunlearn.errors import InputError, counted, owned_by
from medunlearn.metrics import Loss, Predictions, Seen, average_gap, by_class, notes, retained_accuracy, seen
from medunlearn.models import count_changed, count_statistics, weights_for
from medunlearn.runs import RunDir
from medunlearn.runs.record import Record
from medunlearn.training.environment import hardware, versions


def results(
    trainer: Trainer,
    module: UnlearningModule,
    evaluation: UnlearningMetrics,
    runtime: RunTime,
    run: RunDir,
    reference: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return the content of `metrics.json`.

    Args:
        trainer: The Trainer.
        module: The method.
        evaluation: The callback that measured.
        runtime: The callback that took the time.
        run: The run directory, all other files of which are written.
        reference: Content of the reference's `metrics.json`.

    Raises:
        InputError: If a frozen weight has changed.
    """
    data = module.datamodule
    parameters, known = _count_parameters(module), _seen(module, evaluation)
    return {
        "method": type(module).__name__,
        **evaluation.metrics,
        "AG": average_gap(evaluation.metrics, reference) if reference else None,
        "validation": evaluation.validation_to(reference),
        "RTE": runtime.minutes(trainer),
        "runtime": runtime.seconds(trainer),
        **_images(data, evaluation),
        **group_figures(data, evaluation),
        **copies(data),
        "attack": evaluation.attack_settings(),
        **({"extra": evaluation.extra_metrics} if evaluation.extra_metrics else {}),
        **_remarks(module, evaluation, reference, parameters.get("changed"), known),
        "parameters": parameters,
        "facts": {
            **_inherited(module),
            **module.facts(),
            **getattr(module, "rewound", {}),
            **(known.facts() if known else {}),
        },
        "departures": module.departures(),
        "epochs": trainer.current_epoch,
        "seed": data.seed,
        "processes": trainer.world_size,
        "precision": str(trainer.precision),
        "files": run.hashes(),
        "versions": versions(),
        "hardware": hardware(trainer.strategy.root_device),
    }


def identity(
    module: UnlearningModule, epochs: int, original_sha256: str | None, reference: Record | None
) -> dict[str, Any]:
    """Return the identity of the run, and its original and reference by directory and weight hash."""
    return {
        "role": module.role,
        "trained_on": _trained_on(module, epochs),
        "original": None if module.original is None else str(module.original),
        "original_sha256": original_sha256,
        "reference": str(reference.path) if reference else None,
        "reference_sha256": reference.weights_sha256 if reference else None,
    }


def _images(data: UnlearningData, evaluation: UnlearningMetrics) -> dict[str, Any]:
    """Return the data's identity and the number of images by part."""
    predictions = evaluation.predictions
    assert predictions is not None
    split = data.split_record()
    return {
        "n": {part: len(getattr(predictions, part).labels) for part in ("forget", "retain", "test", "val")},
        "data": data.data_name,
        "num_classes": data.num_classes,
        "split_sha256": split["sha256"],
        "data_sha256": split["data_sha256"],
        "training_sha256": split.get("training_sha256"),
    }


def _remarks(
    module: UnlearningModule,
    evaluation: UnlearningMetrics,
    reference: dict[str, Any] | None,
    changed: int | None,
    known: Seen | None,
) -> dict[str, Any]:
    """Return the original's metrics, the metrics by class, and the remarks that follow from them."""
    predictions = evaluation.predictions
    assert predictions is not None
    original = original_predictions(module, module.datamodule)
    classes, retained = by_class(predictions), _retained(predictions)
    before = None if original is None else evaluation.measure(original)
    earlier = None if before is None or original is None else before | _retained(original)
    loss, draws = retrain_loss(module, original), evaluation.attack_draws(predictions)
    return {
        "MIA_draws": draws,
        "before": before,
        "proxy": None if original is None else _proxy(evaluation, predictions, original, loss),
        "by_class": classes,
        **retained,
        "notes": [
            *notes(evaluation.metrics | retained, classes["n"], earlier, reference, changed, draws),
            *_validation_note(module),
            *copies_note(module.datamodule),
            *_seen_note(module, predictions, known),
            *loss_note(loss),
        ],
    }


def _seen(module: UnlearningModule, evaluation: UnlearningMetrics) -> Seen | None:
    """Return the test of whether a model trained elsewhere has seen the forget set; None for other models."""
    if not getattr(module, "trained_elsewhere", False):
        return None
    predictions = evaluation.predictions
    assert predictions is not None
    name = evaluation.nonmembers if len(getattr(predictions, evaluation.nonmembers).labels) else "val"
    parts = predictions.forget, predictions.retain, getattr(predictions, name)
    table = getattr(module.datamodule, "groups", None)
    if table is None:
        return seen(*parts)
    train, other = table.numbers["train"], table.numbers[name]
    return seen(*parts, groups=(train[parts[0].rows], train[parts[1].rows], other[parts[2].rows]))


def _seen_note(module: UnlearningModule, predictions: Predictions, known: Seen | None) -> list[str]:
    """Return a note on whether a model trained elsewhere has seen the forget set."""
    if known is not None:
        return [known.note()]
    if not getattr(module, "trained_elsewhere", False) or not len(predictions.forget.labels):
        return []
    return ["trained elsewhere: whether it has seen the forget set is unknown without unseen images of its classes"]


def _proxy(
    evaluation: UnlearningMetrics, predictions: Predictions, original: Predictions, loss: Loss | None
) -> dict[str, Any]:
    """Return the proxy gap, and its targets if the original has a learning curve."""
    measured: dict[str, Any] = evaluation.measure_proxy(predictions, original, loss)
    if loss is not None:
        measured["targets"] = {**evaluation.proxy_targets(original, loss), "loss": asdict(loss)}
    return measured


def _validation_note(module: UnlearningModule) -> list[str]:
    """Return a note that metrics on validation images are too optimistic, if the method has learned from them."""
    learned = "the method learned from the original's answers on validation images"
    return [f"{learned}: figures on these, the proxy gap among them, look too good"] if module.reads_validation else []


def _retained(predictions: Predictions) -> dict[str, float | None]:
    return {"TA_retained_classes": retained_accuracy(predictions)}


def _inherited(module: UnlearningModule) -> dict[str, Any]:
    """Return facts inherited from the original, such as that it was trained elsewhere."""
    if module.original is None or not RunDir(module.original).finished:
        return {}
    facts = RunDir(module.original).read_metrics("original").get("facts") or {}
    return {name: value for name, value in facts.items() if name == "trained"}


def _trained_on(module: UnlearningModule, epochs: int) -> str:
    """Return the draws of images that the epochs went through, each once, in order."""
    if getattr(module, "trained_elsewhere", False):
        return "elsewhere"
    return "+".join(dict.fromkeys(module.images(epoch) for epoch in range(max(1, epochs))))


def _count_parameters(module: UnlearningModule) -> dict[str, int]:
    """Return the numbers of parameters in all, free to move, and changed since the original; without statistics.

    Raises:
        InputError: If a frozen weight has changed.
    """
    counts = {"total": sum(parameter.numel() for parameter in module.backbone.parameters())}
    if module.original is None:
        return counts
    with owned_by("model.init_args", "original"):
        before = weights_for(module.backbone, module.original)
    free = counts["total"] if module.mask is None else sum(int(value.sum()) for value in module.mask.values())
    counts |= {"free": free, "changed": count_changed(module.backbone, before)}
    counts |= count_statistics(module.backbone, before)
    if module.mask is not None and (moved := counts["changed"] - count_changed(module.backbone, before, module.mask)):
        raise InputError(
            f"mask_ratio: {counted(moved, 'frozen weight')} {'has' if moved == 1 else 'have'} moved since the last "
            "step; take out the hook or callback that changes them, and start again with `--overwrite true`",
            part="model.init_args",
        )
    return counts
