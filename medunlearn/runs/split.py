"""The hash of a split, which two runs must share to be compared, and what the hashes say of the data."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np


def split_sha256(data_sha256: str, indices: np.ndarray) -> str:
    """Return the SHA-256 over the data and the forget set.

    Args:
        data_sha256: The hash of the images and labels.
        indices: The forget set as indices into the training set, sorted, shape (F,).
    """
    content = data_sha256.encode() + np.ascontiguousarray(indices, dtype="<i8").tobytes()
    return hashlib.sha256(content).hexdigest()


def is_untested(record: Mapping[str, Any]) -> bool:
    """Return whether a run does without test images: its data are then the training and validation images alone.

    Args:
        record: Content of `split.json` or `metrics.json`.

    Example:
        >>> is_untested({"data_sha256": "ab", "training_sha256": "cd"}), is_untested({"data_sha256": "ab"})
        (False, False)
    """
    return record.get("data_sha256") is not None and record.get("data_sha256") == record.get("training_sha256")
