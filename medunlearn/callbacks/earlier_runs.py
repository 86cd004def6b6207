"""Checks before training on the earlier runs that a run names: its original and its reference."""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

import numpy as np

from medunlearn.contracts import UnlearningData, UnlearningModule
from medunlearn.errors import InputError, owned_by
from medunlearn.metrics import ARRAYS, Predictions
from medunlearn.models import load_weights
from medunlearn.runs import RunDir
from medunlearn.runs.commands import check_finished, remedy_for
from medunlearn.runs.comparable import OTHER_DATA, OTHER_FORGET_SET, why_incomparable, why_no_original
from medunlearn.runs.record import Record
from medunlearn.runs.split import dropped_of


@owned_by("model.init_args", "original")
def check_original(method: UnlearningModule, own: Record, data: UnlearningData) -> Predictions | None:
    """Reject an original with other data, split or architecture; return its predictions on this run's split."""
    if method.original is None:
        return None
    argument = "original"
    original = RunDir(method.original)
    if original.path.resolve() == own.path.resolve():
        raise InputError(f"{argument}={original}: is this run's own run_dir; name another run_dir")
    check_finished(original, argument)
    record = Record.of(original, argument)
    if problem := why_no_original(own, record):
        raise InputError(f"{argument}={original}: {problem}")
    arrays = _predictions(original, argument, data.split_record()["train_size"])
    if problem := _other_images(original, record, own, data, arrays):
        raise InputError(f"{argument}={original}: {problem}")
    load_weights(cast(Any, method.backbone), original.path, argument)
    return Predictions.from_arrays(arrays).split_by(data.forget_indices, dropped_of(data.split_record()))


@owned_by("data.forget", "after")
def check_after(own: Record, data: UnlearningData) -> None:
    """Reject `data.forget.after` that names this run itself, which `--overwrite true` would then delete."""
    after = getattr(getattr(data, "forget", None), "after", None)
    if after is not None and RunDir(after).path.resolve() == own.path.resolve():
        raise InputError(f"after={after}: is this run's own run_dir; name another run_dir")


def check_reference(run: RunDir | None, own: Record, data: UnlearningData) -> None:
    """Reject a reference that is not comparable; only warn about a missing one."""
    if run is None:
        return
    if run.path.resolve() == own.path.resolve():
        raise InputError(f"reference={run}: is this run's own run_dir; name a Retrain run")
    if not run.finished:
        remedy = f"make it with `{remedy_for(run.path, 'reference', getattr(data, 'file', None), _split(data))}`"
        print(f"reference={run}: no finished run there, so AG will be null; {remedy}", file=sys.stderr)
        return
    run.check_unaltered("reference")
    if problem := why_incomparable(own, Record.of(run, "reference")):
        raise InputError(f"reference={run}: {problem}")


def _split(data: UnlearningData) -> dict[str, Any]:
    """Return the settings that choose images and forget set; an empty dict for other classes of data modules."""
    source, spec = getattr(data, "source", None), getattr(data, "forget", None)
    named = {name: getattr(source, name, None) for name in ("dataset", "size", "file", "groups")}
    return {} if source is None or spec is None else {**named, "forget": asdict(spec)}


def _predictions(original: RunDir, argument: str, train_size: int) -> dict[str, np.ndarray]:
    """Return the original's saved predictions; reject them before training if they lack training images."""
    arrays = original.read_predictions(argument, Predictions.names())
    rows = np.sort(np.concatenate([arrays["forget_index"], arrays["retain_index"]]))
    if not np.array_equal(rows, np.arange(train_size)):
        raise InputError(
            f"{argument}={original}: {original.predictions} does not cover every training image; run that stage again"
        )
    return arrays


def _other_images(
    original: RunDir, record: Record, own: Record, data: UnlearningData, arrays: dict[str, np.ndarray]
) -> str:
    """Return why an original does not fit if only one of the two runs has test images: hashes then always differ."""
    if own.untested == record.untested:
        return ""
    if record.n_forget and record.weights_sha256 not in own.earlier:
        before, now = original.read_split("original"), data.split_record()
        if before["indices"] != now["indices"] or _dropped_val(before) != _dropped_val(now):
            return OTHER_FORGET_SET
    if record.training_sha256 is not None or not hasattr(data, "data"):
        return ""
    train = {name: np.concatenate([arrays[f"{part}_{name}"] for part in ("forget", "retain")]) for name in ARRAYS[1:]}
    labels = train["labels"][np.argsort(train["index"])], arrays["val_labels"]
    val = data.data.val.labels
    present = arrays["val_index"] if arrays["val_index"].max(initial=0) < len(val) else slice(None)
    same = all(map(np.array_equal, labels, (data.data.train.labels, val[present])))
    return "" if same else OTHER_DATA


def _dropped_val(split: Mapping[str, Any]) -> list[int]:
    rows: list[int] = dropped_of(split).get("val", np.empty(0, np.int64)).tolist()
    return rows
