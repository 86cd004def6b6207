"""What a run is to forget: the images that a request names, and those of the requests before it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medunlearn.data.forgetting import ForgetSpec, choose_forget_set
from medunlearn.data.groups import Groups
from medunlearn.data.npz import ImageData
from medunlearn.errors import DataError, counted, owned_by
from medunlearn.runs import RunDir, split_sha256
from medunlearn.runs.commands import check_finished
from medunlearn.runs.split import dropped_of, is_untested, requests_of

Rows = npt.NDArray[np.int64]
OTHERS = ("val", "test")


@dataclass(frozen=True)
class ForgetSet:
    """The images to forget.

    Args:
        indices: The forget set: sorted indices into the training set, shape (F,).
        dropped: By split (`val`, `test`), the sorted indices of withdrawn patients' other images, on which nothing is
            measured; splits without any are left out.
        requests: The requests that it answers, the newest last; empty where this is the first one.
    """

    indices: Rows
    dropped: Mapping[str, Rows] = field(default_factory=dict)
    requests: tuple[Mapping[str, Any], ...] = ()

    def kept(self, split: str, size: int) -> Rows:
        """Return the indices of a split's images that are measured.

        Example:
            >>> ForgetSet(np.array([0]), {"val": np.array([1])}).kept("val", 3)
            array([0, 2])
        """
        return np.delete(np.arange(size), self.dropped.get(split, np.empty(0, np.int64)))

    def record(self) -> dict[str, Any]:
        """Return what `split.json` keeps of other splits and other requests; nothing where there are none."""
        dropped = {split: rows.tolist() for split, rows in self.dropped.items()}
        return {
            **({"dropped": dropped} if dropped else {}),
            **({"requests": [dict(each) for each in self.requests]} if self.requests else {}),
        }


def forget_set(data: ImageData, num_classes: int, spec: ForgetSpec, groups: Groups | None = None) -> ForgetSet:
    """Return the forget set of some data.

    Args:
        data: The images and labels.
        num_classes: Number of classes C.
        spec: How it is chosen.
        groups: Who each image belongs to; for `spec.groups`.

    Raises:
        DataError: If there is nothing to forget or nothing left, or the earlier request is for other data.
    """
    chosen = _chosen(data, num_classes, spec, groups)
    if spec.after is not None:
        chosen = _added(chosen, spec, spec.after, data)
    _check_left(data, chosen)
    return chosen


def split_record(data: ImageData, spec: ForgetSpec, chosen: ForgetSet) -> dict[str, Any]:
    """Return what `split.json` keeps: the forget set, how it was chosen, and the hashes that tie runs together.

    Args:
        data: The images and labels.
        spec: How it was chosen, with classes as numbers.
        chosen: What was chosen.
    """
    return {
        "indices": chosen.indices.tolist(),
        "how": spec.describe(),
        "seed": spec.seed,
        "train_size": len(data.train),
        "data_sha256": data.sha256,
        "training_sha256": data.training_sha256,
        "sha256": split_sha256(data.sha256, chosen.indices, chosen.dropped),
        **chosen.record(),
        **({"class_names": [*data.class_names]} if data.class_names else {}),
    }


def _chosen(data: ImageData, num_classes: int, spec: ForgetSpec, groups: Groups | None) -> ForgetSet:
    if spec.groups is None:
        return ForgetSet(choose_forget_set(data.train.labels, num_classes, spec, data.class_names))
    if groups is None:
        raise DataError(
            f"groups={spec.named_groups()}: no table says who an image belongs to; give it by data.groups, such as "
            "the .csv that `medunlearn import` wrote",
            part="data.forget",
        )
    groups.check_known(spec.groups)
    dropped = {split: groups.rows(split, spec.groups) for split in OTHERS}
    rows = groups.rows("train", spec.groups)
    if len(rows) == 0:
        others = sum(map(len, dropped.values()))
        raise DataError(
            f"groups={spec.named_groups()}: no training image is of this {groups.by}, so no model has learned from "
            f"one; delete {counted(others, 'validation and test image')} from the data and nothing else is to be done",
            part="data.forget",
        )
    checked = choose_forget_set(data.train.labels, num_classes, spec, data.class_names, rows)
    return ForgetSet(checked, {split: found for split, found in dropped.items() if len(found)})


@owned_by("data.forget", "after")
def _added(chosen: ForgetSet, spec: ForgetSpec, earlier: Path, data: ImageData) -> ForgetSet:
    """Return the union with what an earlier run has forgotten."""
    run = RunDir(earlier)
    check_finished(run, "after")
    split, metrics = run.read_split("after"), run.read_metrics("after")
    _check_same_data(run, split, data)
    before = np.array(split["indices"], dtype=np.int64)
    new = np.setdiff1d(chosen.indices, before)
    if not len(before):
        raise DataError(f"after={run}: has forgotten nothing; leave it out", part="data.forget")
    if not len(new):
        raise DataError(
            f"after={run}: has already forgotten every image of this request; nothing is left to do", part="data.forget"
        )
    known = dropped_of(split)
    if not len(data.test):
        known.pop("test", None)
    elif is_untested(split) and any((each.get("how") or {}).get("groups") for each in requests_of(split)):
        raise DataError(
            f"after={run}: did without test images, so those to leave out for it are not known; run it with "
            "`--data.test true`, or this one with `--data.test false`",
            part="data.forget",
        )
    dropped = {split: _union(known.get(split), chosen.dropped.get(split)) for split in OTHERS}
    dropped = {split: rows for split, rows in dropped.items() if len(rows)}
    indices = np.union1d(before, chosen.indices)
    done = requests_of(split)
    done[-1] |= {
        "run": str(run.path),
        "model_sha256": run.weights_sha256(),
        "proxy_gap": (metrics.get("proxy") or {}).get("gap"),
        "role": metrics.get("role"),
    }
    count = {"train": len(new), **{part: _more(known.get(part), dropped.get(part)) for part in OTHERS}}
    sha256 = split_sha256(data.sha256, indices, dropped)
    own = {"how": spec.describe(), "n": count, "split_sha256": sha256, "run": None, "model_sha256": None}
    return ForgetSet(indices, dropped, (*done, own))


def _check_same_data(run: RunDir, split: Mapping[str, Any], data: ImageData) -> None:
    same = split["data_sha256"] == data.sha256 or (
        split.get("training_sha256") is not None and split["training_sha256"] == data.training_sha256
    )
    if not same:
        raise DataError(
            f"after={run}: its request is of other data; give the data that it was run on", part="data.forget"
        )


def _check_left(data: ImageData, chosen: ForgetSet) -> None:
    if len(chosen.indices) == len(data.train):
        raise DataError(
            f"forget: nothing is left to retain of {counted(len(data.train), 'training image')}; choose fewer",
            part="data",
        )
    for split, rows in chosen.dropped.items():
        if len(rows) == len(getattr(data, split)):
            name = {"val": "validation", "test": "test"}[split]
            raise DataError(
                f"forget: every {name} image is of those to be forgotten, so nothing is left to measure on; give data "
                f"with {name} images of others",
                part="data",
            )


def _union(first: Rows | None, second: Rows | None) -> Rows:
    none = np.empty(0, np.int64)
    return np.union1d(none if first is None else first, none if second is None else second).astype(np.int64)


def _more(before: Rows | None, now: Rows | None) -> int:
    return (0 if now is None else len(now)) - (0 if before is None else len(before))
