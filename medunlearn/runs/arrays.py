"""Checks of the arrays of `predictions.npz`; arrays may be missing."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from medunlearn.errors import Fault


def check_predictions(arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Reject a `predictions.npz` with inconsistent arrays.

    Raises:
        Fault: If a type, shape or value is wrong.
    """
    widths = set()
    for part in ("forget", "retain", "test", "val"):
        probs, labels, index = (arrays.get(f"{part}_{kind}") for kind in ("probs", "labels", "index"))
        if probs is not None:
            _require(probs.dtype == np.float32 and probs.ndim == 2, f"{part}_probs", "float32 (N, C)")
            _require(bool(((probs >= 0) & (probs <= 1)).all()), f"{part}_probs", "probabilities from 0 to 1")
            widths.add(probs.shape[1])
        for name, array in ((f"{part}_labels", labels), (f"{part}_index", index)):
            if array is not None:
                _require(array.dtype == np.int64 and array.ndim == 1, name, "int64 (N,)")
                _require(not len(array) or array.min() >= 0, name, "numbers of 0 or more")
        if (logits := arrays.get(f"{part}_logits")) is not None:
            _require(logits.dtype == np.float32 and logits.ndim == 2, f"{part}_logits", "float32 (N, C)")
            _require(bool(np.isfinite(logits).all()), f"{part}_logits", "finite numbers")
            widths.add(logits.shape[1])
        if len({len(array) for array in (probs, labels, index, logits) if array is not None}) > 1:
            raise Fault(f"the arrays of {part} differ in length; write them again")
        if probs is not None and labels is not None and len(labels):
            _require(labels.max() < probs.shape[1], f"{part}_labels", f"classes below {probs.shape[1]}")
        if probs is not None and logits is not None and logits.shape == probs.shape and logits.size:
            _require(_softmax_is(logits, probs), f"{part}_logits", "logits of the probabilities")
    if len(widths) > 1 or 0 in widths:
        raise Fault("its parts differ in their number of classes, or have none; write them again")


def _softmax_is(logits: npt.NDArray[Any], probs: npt.NDArray[Any]) -> bool:
    power = np.exp(logits - logits.max(1, keepdims=True))
    return bool(np.allclose(power / power.sum(1, keepdims=True), probs, atol=1e-3))


def _require(holds: bool, name: str, form: str) -> None:
    if not holds:
        raise Fault(f"{name} holds no {form}; write it again")
