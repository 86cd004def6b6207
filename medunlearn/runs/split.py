"""Hash of data and forget set, which comparable runs share, and functions that read `split.json`."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np


def split_sha256(data_sha256: str, indices: np.ndarray, dropped: Mapping[str, np.ndarray] | None = None) -> str:
    """Return the SHA-256 over the data hash, the forget set, and the images excluded from all metrics.

    Args:
        data_sha256: The hash of the images and labels.
        indices: The forget set as indices into the training set, sorted, shape (F,).
        dropped: Sorted indices of excluded validation (`val`) and test images of withdrawn patients; empty arrays have
            no effect.
    """
    content = data_sha256.encode() + _bytes(indices)
    for split in ("val", "test"):
        rows = (dropped or {}).get(split)
        content += b"" if rows is None or len(rows) == 0 else split.encode() + _bytes(rows)
    return hashlib.sha256(content).hexdigest()


def dropped_of(split: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the indices, by split, of the images that a run excludes from all metrics.

    Args:
        split: Content of `split.json`.

    Example:
        >>> dropped_of({"indices": [3], "dropped": {"val": [0, 2]}})
        {'val': array([0, 2])}
    """
    found = split.get("dropped") or {}
    return {part: np.array(rows, dtype=np.int64) for part, rows in found.items() if rows}


def requests_of(split: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the deletion requests that a run answers, oldest first; a run without a list answers one.

    Args:
        split: Content of `split.json`.

    Example:
        >>> requests_of({"indices": [3, 4], "how": {"rate": 0.1}, "sha256": "ab"})
        [{'how': {'rate': 0.1}, 'n': {'train': 2, 'val': 0, 'test': 0}, 'split_sha256': 'ab'}]
    """
    if split.get("requests"):
        return [dict(each) for each in split["requests"]]
    dropped = dropped_of(split)
    count = {"train": len(split["indices"]), **{part: len(dropped.get(part, ())) for part in ("val", "test")}}
    return [{"how": split.get("how"), "n": count, "split_sha256": split["sha256"]}] if split["indices"] else []


def _bytes(rows: np.ndarray) -> bytes:
    return np.ascontiguousarray(rows, dtype="<i8").tobytes()


def is_untested(record: Mapping[str, Any]) -> bool:
    """Return whether a run has no test images; its data hash then covers training and validation images only.

    Args:
        record: Content of `split.json` or `metrics.json`.

    Example:
        >>> is_untested({"data_sha256": "ab", "training_sha256": "cd"}), is_untested({"data_sha256": "ab"})
        (False, False)
    """
    return record.get("data_sha256") is not None and record.get("data_sha256") == record.get("training_sha256")
