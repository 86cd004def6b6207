"""The hash of a split, which two runs must share to be compared."""

import hashlib

import numpy as np


def split_sha256(data_sha256: str, indices: np.ndarray) -> str:
    """Return the SHA-256 over the data and the forget set.

    Args:
        data_sha256: The hash of the images and labels.
        indices: The forget set as indices into the training set, sorted, shape (F,).
    """
    content = data_sha256.encode() + np.ascontiguousarray(indices, dtype="<i8").tobytes()
    return hashlib.sha256(content).hexdigest()
