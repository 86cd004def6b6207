"""What the files of a run directory must hold, where they hold it at all: whoever reads them can rely on the types."""

import math
import reprlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from medunlearn.contracts import Role
from medunlearn.errors import Fault

LARGEST = 2**63 - 1


class Form(NamedTuple):
    """What a value must be."""

    fits: Callable[[Any], bool]
    words: str


def check_metrics(content: Mapping[str, Any]) -> None:
    """Refuse a `metrics.json` in which something that others read is not of its form.

    Raises:
        Fault: If a value has another type, or is out of all range.
    """
    _check(content, METRICS, "")
    for group, forms in GROUPS.items():
        if content.get(group) is not None:
            _check(content[group], forms, f"{group}.")


def check_split(content: Mapping[str, Any]) -> None:
    """Refuse a `split.json` whose indices or hashes cannot be such.

    Raises:
        Fault: If they are of another type, negative or repeated.
    """
    _check(content, SPLIT, "")


def check_predictions(arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Refuse a `predictions.npz` whose arrays cannot belong together.

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
        if len({len(array) for array in (probs, labels, index) if array is not None}) > 1:
            raise Fault(f"the arrays of {part} differ in length; write them again")
        if probs is not None and labels is not None and len(labels):
            _require(labels.max() < probs.shape[1], f"{part}_labels", f"classes below {probs.shape[1]}")
    if len(widths) > 1 or 0 in widths:
        raise Fault("its parts differ in their number of classes, or have none; write them again")


def check_mapping(value: Any, name: str) -> dict[str, Any]:
    """Return a group of settings, which may be missing.

    Raises:
        Fault: If it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) and key.isprintable() for key in value):
        raise Fault(f"{name} is {reprlib.repr(value)}, not a group of settings; write `name: value` lines")
    return value


def is_word(value: Any) -> bool:
    """Return whether a value is text that can stand in a table."""
    return isinstance(value, str) and value.isprintable() and len(value) <= 500


def is_whole(value: Any) -> bool:
    """Return whether a value is a whole number that any array can hold."""
    return type(value) is int and -LARGEST <= value <= LARGEST


def _check(content: Any, forms: Mapping[str, Form], prefix: str) -> None:
    for key, form in forms.items():
        if key in content and not form.fits(content[key]):
            raise Fault(f"{prefix}{key} is {reprlib.repr(content[key])}, not {form.words}; write it again")


def _require(holds: bool, name: str, words: str) -> None:
    if not holds:
        raise Fault(f"{name} holds no {words}; write it again")


def _number(value: Any, most: float) -> bool:
    return type(value) in (int, float) and 0 <= value <= most  # NaN is in no range


def _or_null(form: Form) -> Form:
    return Form(lambda value: value is None or form.fits(value), f"{form.words}, or null")


def _path(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and "\0" not in value


def _indices(value: Any) -> bool:
    return isinstance(value, list) and all(is_whole(each) and each >= 0 for each in value) and not _repeated(value)


def _repeated(values: list[int]) -> bool:
    return len(set(values)) < len(values)


def _counts(value: Any) -> bool:
    return isinstance(value, dict) and all(is_whole(value.get(part)) for part in ("forget", "retain", "test"))


_PERCENT = _or_null(Form(lambda value: _number(value, 100), "a number from 0 to 100"))
_MINUTES = _or_null(Form(lambda value: _number(value, 1e9), "a number of minutes"))
_WORD = Form(is_word, "a word")
_ROLES = get_args(Role)
_ROLE = Form(lambda value: isinstance(value, str) and value in _ROLES, f"one of {', '.join(_ROLES)}")
_GROUP = Form(lambda value: isinstance(value, dict), "a group")
_GAP = dict.fromkeys(("UA", "RA", "TA", "MIA"), _PERCENT)

METRICS = {
    **_GAP,
    "AG": _PERCENT,
    "RTE": _MINUTES,
    **dict.fromkeys(("method", "data", "split_sha256", "data_sha256"), _WORD),
    **dict.fromkeys(("trained_on", "precision", "original_sha256", "reference_sha256"), _or_null(_WORD)),
    "role": _or_null(_ROLE),
    "seed": Form(is_whole, "a whole number"),
    "n": Form(_counts, "the numbers of forget, retain and test images"),
    "runtime": Form(
        lambda value: isinstance(value, dict) and all(_number(each, math.inf) for each in value.values()),
        "a group of seconds",
    ),
    **dict.fromkeys(("original", "reference"), _or_null(Form(_path, "a run directory"))),
    "before": _or_null(Form(lambda value: isinstance(value, dict) and not _GAP.keys() - value.keys(), "UA to MIA")),
    "validation": _or_null(_GROUP),
    **dict.fromkeys(("attack", "hardware", "versions"), _GROUP),
}
GROUPS = {
    "before": _GAP,
    "validation": {**_GAP, "AG": _PERCENT},
    "hardware": {"name": _or_null(_WORD)},
    "versions": {"torch": _or_null(_WORD)},
}
SPLIT = {
    "indices": Form(_indices, "a list of image numbers"),
    **dict.fromkeys(("sha256", "data_sha256"), _WORD),
}
