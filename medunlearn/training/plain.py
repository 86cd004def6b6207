"""Converts checkpoints to values that `torch.load(weights_only=True)` reads, or names the value that prevents it."""

from argparse import Namespace
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from medunlearn.errors import InputError

ATOMS = (
    *(type(None), bool, int, float, complex, str, bytes, bytearray),
    *(torch.Size, torch.dtype, torch.device, Tensor, nn.Parameter),
)
"""Types that `torch.load(weights_only=True)` reads, all but containers."""

BASES: tuple[Any, ...] = (int, float, complex, str, bytes)
"""Plain types to which values of their subclasses are converted."""

MAPPINGS = (dict, OrderedDict, Counter)
SEQUENCES = (list, tuple, set)

TYPE_OF_HPARAMS = ("hparams_type", "datamodule_hparams_type")
"""Key under which Lightning stores the class of OmegaConf hyper-parameters, which are saved as a dict here."""

REMEDIES = {
    "hyper_parameters": "leave it out by `save_hyperparameters(ignore=[{name!r}])`",
    "datamodule_hyper_parameters": "leave it out by `save_hyperparameters(ignore=[{name!r}])`",
    "callbacks": "let the callback's `state_dict` return what it can be made of again: numbers, text, lists, tensors",
    "lr_schedulers": "let the scheduler's `state_dict` leave it out",
    "optimizer_states": "let the optimiser's `state_dict` leave it out",
}
KEEP = "keep what it can be made of again: numbers, text, lists, tensors"


def plain_checkpoint(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Return a checkpoint that `torch.load(weights_only=True)` reads.

    Paths become text, members of an Enum their values, NumPy's scalars numbers, data classes, namespaces and other
    mappings dicts. Values that are plain already are returned as the same objects.

    Args:
        checkpoint: The content that Lightning is about to write.

    Raises:
        InputError: If it holds something else, such as a module, a function or a NumPy array; the message says where.

    Example:
        >>> from pathlib import Path
        >>> plain_checkpoint({"hyper_parameters": {"original": Path("runs/train")}})
        {'hyper_parameters': {'original': 'runs/train'}}
    """
    kept = {key: value for key, value in checkpoint.items() if key not in TYPE_OF_HPARAMS}
    return {_key(key, ()): _plain(value, (str(key),), ()) for key, value in kept.items()}


def _plain(value: Any, place: tuple[str, ...], around: tuple[int, ...]) -> Any:
    """Return a plain value; `place` is its path in the checkpoint, `around` the ids of the enclosing containers."""
    if type(value) in ATOMS:
        return value
    if id(value) in around:
        raise _refusal("something that holds itself", place)
    around = (*around, id(value))
    simple = _simple(value)
    if simple is not value:
        return _plain(simple, place, around)
    if isinstance(value, Mapping):
        return _plain_mapping(value, place, around)
    if isinstance(value, (Sequence, Set, deque)):
        return _plain_items(value, place, around)
    raise _refusal(_described(value), place)


def _simple(value: Any) -> Any:
    """Return the plain equivalent of a value; the value itself if there is none."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Tensor):
        return value.as_subclass(Tensor)
    if kind := next((kind for kind in BASES if isinstance(value, kind)), None):
        return kind(value)
    if isinstance(value, Namespace):
        return vars(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return value


def _plain_mapping(value: Mapping[Any, Any], place: tuple[str, ...], around: tuple[int, ...]) -> Mapping[Any, Any]:
    found = {_key(key, place): _plain(item, (*place, str(key)), around) for key, item in value.items()}
    if type(value) not in MAPPINGS:
        return found
    same = all(new is old and found[new] is value[old] for new, old in zip(found, value, strict=False))
    if len(found) == len(value) and same:
        return value
    return OrderedDict(found) if type(value) is OrderedDict else found


def _plain_items(value: Any, place: tuple[str, ...], around: tuple[int, ...]) -> Any:
    items = list(value)
    found = [_plain(item, (*place, str(number)), around) for number, item in enumerate(items)]
    if type(value) in SEQUENCES and all(new is old for new, old in zip(found, items, strict=True)):
        return value
    kind = tuple if isinstance(value, tuple) else set if isinstance(value, Set) else list
    return kind(found)


def _key(key: Any, place: tuple[str, ...]) -> Any:
    found = _plain(key, (*place, str(key)), ())
    return tuple(found) if isinstance(found, list) else found


def _refusal(described: str, place: tuple[str, ...]) -> InputError:
    remedy = REMEDIES.get(place[0], KEEP).format(name=place[1] if len(place) > 1 else place[0])
    return InputError(f"{'.'.join(place)}: {described} cannot be kept in a checkpoint; {remedy}")


def _described(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {value.__qualname__}"
    if callable(value) and hasattr(value, "__qualname__"):
        return "a function"
    if isinstance(value, np.ndarray):
        return "a NumPy array"
    return f"{'an' if type(value).__name__[0] in 'AEIOUaeiou' else 'a'} {type(value).__name__}"
