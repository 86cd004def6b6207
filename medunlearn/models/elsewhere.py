"""Weights of models that were trained elsewhere: read from a file without running code, and fitted to a network."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from medunlearn.errors import Fault, FileError
from medunlearn.files import UNOPENED, check_checkpoint, expanded, unreadable
from medunlearn.files.checkpoints import FOREIGN
from medunlearn.models.misfit import misfit

ARGUMENT, PART = "weights", "model.init_args"
CONTAINERS = ("state_dict", "model_state_dict", "model")
"""Keys under which checkpoints of other programs store the weights."""
PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.")
"""Prefixes that wrappers add to names of weights: DataParallel, torch.compile, and enclosing modules."""
LARGEST = 2**34
"""Most bytes of a file; more than any supported network has."""
MOST_PICKLED = 2**22
"""Most bytes of the pickle that names the tensors; a checkpoint may also name those of an optimiser."""
ALONE = "save the weights alone, `torch.save(model.state_dict(), 'weights.pt')`, or as .safetensors"


class Elsewhere(NamedTuple):
    """The weights in a file from elsewhere."""

    tensors: dict[str, Any]
    """By the names in the file."""
    name: str
    """The file's name, without its folder."""
    sha256: str
    """SHA-256 of the file."""


def read_elsewhere(path: str | Path) -> Elsewhere:
    """Return the weights of a .pt, .pth or .safetensors file, which may be a checkpoint that holds more.

    Raises:
        InputError: If there is no such file, it cannot be read without running code from it, or it holds no weights.
    """
    file = expanded(path, ARGUMENT, PART)
    try:
        size = file.stat().st_size
        if size > LARGEST:
            raise FileError(f"{ARGUMENT}={path}: has {size / 2**30:.0f} GiB, more than any network here; {ALONE}", PART)
        content = _read_safetensors(file) if file.suffix == ".safetensors" else _read_torch(file)
        with file.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        raise FileError(f"{ARGUMENT}={path}: no such file; give a .pt, .pth or .safetensors file", PART) from None
    except UNOPENED as error:
        raise FileError(f"{ARGUMENT}={path}: {unreadable(error, 'fix the path')}", PART) from None
    except Fault as fault:
        raise FileError(
            f"{ARGUMENT}={path}: cannot be read as weights alone ({fault.problem}); {ALONE}", PART
        ) from None
    return Elsewhere(_weights(content, path), file.name, sha256)


def fitted(found: Elsewhere, expected: Mapping[str, Tensor], path: str | Path) -> dict[str, Tensor]:
    """Return weights under the names of a network: all of its weights, and no others.

    Wrappers' prefixes are stripped, and floats of another precision converted. BatchNorm's counts of batches may be
    missing: files of old releases lack them, and nothing here reads them.

    Args:
        found: What `read_elsewhere` returned.
        expected: The network's `state_dict`.
        path: The file, for errors.

    Raises:
        InputError: If they do not fit, are not floats, or are not finite.
    """
    named: dict[str, Tensor] = {}
    for name, value in found.tensors.items():
        plain = _stripped(name, expected)
        named[name if plain in named else plain] = value  # of two with one name, the second is not the network's
    counts = {name: value for name, value in expected.items() if name.endswith("num_batches_tracked")}
    named = {**{name: value for name, value in counts.items() if name not in named}, **named}
    if problem := misfit(named, expected):
        raise FileError(f"{ARGUMENT}={path}: does not fit the network: {problem}", PART)
    for name, value in named.items():
        _check_values(name, value, expected[name], path)
    return {name: named[name].to(value.dtype).contiguous() for name, value in expected.items()}


def _read_torch(file: Path) -> Any:
    check_checkpoint(file, FOREIGN, MOST_PICKLED)
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise Fault(f"{type(error).__name__}; {ALONE}") from None


def _read_safetensors(file: Path) -> Any:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        raise FileError(
            f"{ARGUMENT}={file}: needs safetensors; `pip install 'medunlearn[export]'`, or give a .pt file", PART
        ) from None
    try:
        return load_file(file)
    except SafetensorError as error:
        raise Fault(f"{error}; {ALONE}") from None


def _weights(content: Any, path: str | Path) -> dict[str, Any]:
    """Return the weights in the content of a file: at its top level, or below one of the usual names."""
    for _ in CONTAINERS:  # one within another, as {"model": {"state_dict": ...}}
        inner = [content[name] for name in CONTAINERS if isinstance(content, dict) and _is_named(content.get(name))]
        content = inner[0] if inner else content
    if not _is_named(content) or not any(isinstance(value, Tensor) for value in content.values()):
        raise FileError(
            f"{ARGUMENT}={path}: holds no weights by name, at its top or in {', '.join(CONTAINERS)}; {ALONE}", PART
        )
    return dict(content)


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and len(value) > 0 and all(isinstance(name, str) for name in value)


def _stripped(name: str, expected: Mapping[str, Any]) -> str:
    """Return a name without the prefixes of wrappers, however many; those that the network itself has stay."""
    plain = name
    while plain not in expected and plain.startswith(PREFIXES):
        plain = plain.partition(".")[2]
    plain = plain if plain in expected else plain.replace("_orig_mod.", "")  # added if only a part was compiled
    return plain if plain in expected else name


def _check_values(name: str, found: Any, expected: Tensor, path: str | Path) -> None:
    """Reject a tensor whose kind of dtype differs from the expected one, or with values that are not finite."""
    if found.is_floating_point() != expected.is_floating_point() or found.is_complex():
        kind = str(found.dtype).removeprefix("torch.")
        wanted = "floats" if expected.is_floating_point() else "whole numbers"
        raise FileError(f"{ARGUMENT}={path}: {name} holds {kind}, no {wanted}; {ALONE}, not quantised", PART)
    if found.is_floating_point() and not bool(found.isfinite().all()):
        raise FileError(f"{ARGUMENT}={path}: {name} holds NaN or infinity; give a model that has not diverged", PART)
