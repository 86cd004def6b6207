"""Explains why weights from elsewhere do not fit a network: missing or unexpected names, other shapes, likely cause."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

MOST_NAMED = 3
"""Most names of each kind in one message."""
CAUSES = {
    "classes": "its last layer has {0} classes and the data {1}: give the data that it was trained for, or num_classes",
    "stem": "its first layer is {0}x{0} and the network's {1}x{1}: give stem={2}",
    "channels": "it takes images of {0} channel(s) and the data have {1}: give data.as_rgb {2}",
    "other": "it is of another architecture: give its backbone",
}
STEMS = {7: "imagenet", 3: "cifar"}


def misfit(found: Mapping[str, Any], expected: Mapping[str, Tensor]) -> str:
    """Return why weights do not fit a network and, after a semicolon, the likely cause; an empty text where they do.

    Args:
        found: Weights by name.
        expected: The network's `state_dict`.
    """
    missing = [name for name in expected if name not in found]
    unexpected = [name for name in found if name not in expected]
    both = [name for name in expected if name in found]
    no_tensors = [name for name in both if not isinstance(found[name], Tensor)]
    other = [name for name in both if name not in no_tensors and found[name].shape != expected[name].shape]
    shapes = [f"{name} {_shape(found[name])} for {_shape(expected[name])}" for name in other]
    parts = [
        _listed(missing, "missing"),
        _listed(unexpected, "unexpected"),
        _listed(no_tensors, "no tensor"),
        _listed(shapes, "of another shape"),
    ]
    if not any(parts):
        return ""
    alone = not (missing or unexpected or no_tensors)
    return f"{'; '.join(filter(None, parts))}; {' and '.join(_causes(found, expected, other, alone))}"


def _listed(names: Sequence[str], what: str) -> str:
    """Return how many there are and the first few; an empty text where there are none."""
    if not names:
        return ""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{len(names)} {what} ({', '.join(names[:MOST_NAMED])}{more})"


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _causes(found: Mapping[str, Any], expected: Mapping[str, Tensor], other: Sequence[str], alone: bool) -> list[str]:
    """Return the likely causes: classes, stem and channels where they explain all that differs."""
    if not alone:
        return [CAUSES["other"]]
    causes: dict[str, str] = {}
    first = next((name for name, value in expected.items() if value.ndim == 4), "")
    for name in other:
        its, own = tuple(found[name].shape), tuple(expected[name].shape)
        if name == first and len(its) == 4 and its[0] == own[0]:
            if its[2:] != own[2:]:
                causes["stem"] = CAUSES["stem"].format(its[2], own[2], STEMS.get(its[2], "as it has it"))
            if its[1] != own[1]:
                causes["channels"] = CAUSES["channels"].format(its[1], own[1], str(its[1] == 3).lower())
        elif its[1:] == own[1:] and own[0] == list(expected.values())[-1].shape[0]:
            causes["classes"] = CAUSES["classes"].format(its[0], own[0])
        else:
            return [CAUSES["other"]]
    return list(causes.values())
