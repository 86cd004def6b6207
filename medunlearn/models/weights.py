"""Reads and writes weights of backbones: `model.ckpt`, which also says how to build the network and runs no code."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from medunlearn.errors import Fault, FileError, InputError
from medunlearn.files import UNOPENED, check_checkpoint, unreadable, write_whole
from medunlearn.models.backbones import DEFAULT, find_backbone, is_installed, rebuild
from medunlearn.models.base import Backbone, check_constant, plain_name, set_normalisation, unallocated
from medunlearn.models.images import ImageFormat, check_images
from medunlearn.models.torchvision_networks import is_torchvision
from medunlearn.runs import RunDir
from medunlearn.runs.class_names import check_class_names


def save_weights(model: nn.Module, path: Path, **extra: Any) -> None:
    """Write the weights of `model` and what is needed to build it again, in one atomic step.

    The file is a dict with `state_dict` (the network's own parameter names), `architecture` and what `extra` adds; it
    loads with `torch.load(path, weights_only=True)`.

    Args:
        model: A `Backbone`, possibly compiled or wrapped for several processes, which does not affect the file.
        path: The file.
        extra: Plain values and tensors; the names in a dict by parameter name, such as a mask, are unwrapped too.
    """
    network = _unwrapped(model)
    state = {plain_name(name): value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    named = {key: _by_plain_names(value) if isinstance(value, dict) else value for key, value in extra.items()}
    content = io.BytesIO()
    torch.save({"state_dict": state, "architecture": network.architecture, **named}, content)
    write_whole(path, content.getbuffer())


def read_weights(source: str | Path, argument: str = "original") -> dict[str, Any]:
    """Return the content of the weights file of a run directory, or of a weights file itself.

    Raises:
        InputError: If there is no such file, or it is not one that `save_weights` wrote.
    """
    given = RunDir.given(source, argument)
    path = given.weights if given.path.is_dir() else given.path
    try:
        check_checkpoint(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise FileError(f"{argument}={source}: no weights at {path}; give the directory of a finished run") from None
    except UNOPENED as error:
        raise FileError(f"{argument}={source}: {path} {unreadable(error, 'fix the path')}") from None
    except Exception as error:  # torch raises many kinds for a damaged file
        problem = error.problem if isinstance(error, Fault) else type(error).__name__
        remedy = "train that run again" if path.name == RunDir("").weights.name else "give a finished run's directory"
        raise FileError(f"{argument}={source}: {path} cannot be read as weights ({problem}); {remedy}") from None
    parts = [content.get(key) for key in ("state_dict", "architecture")] if isinstance(content, dict) else [None]
    if not all(isinstance(part, dict) for part in parts):
        raise FileError(f"{argument}={source}: {path} holds no weights of medunlearn; give a finished run's directory")
    _check_fits(content, f"{argument}={source}")
    return cast(dict[str, Any], content)


def load_weights(model: nn.Module, source: str | Path, argument: str = "original") -> None:
    """Load the weights of a run directory or a weights file, and their normalisation, into `model`.

    Args:
        model: A `Backbone`, perhaps compiled or wrapped for several processes.
        source: A run directory, or its `checkpoints/model.ckpt`.
        argument: The argument's name, for errors.

    Raises:
        InputError: If they are missing, damaged, or of another architecture.
    """
    content = read_weights(source, argument)
    network = _unwrapped(model)
    if _built_from(content["architecture"]) != _built_from(network.architecture):
        its, own = _differing(content["architecture"], network.architecture)
        raise InputError(
            f"{argument}={source}: its model is {its}, this run's is {own}; give a run of the same model and data"
        )
    expected = network.state_dict()
    _check_same(content["state_dict"], _by_plain_names(expected), content["architecture"], f"{argument}={source}")
    for name in expected:  # in place, since torch also keeps the version of each layer there
        expected[name] = content["state_dict"][plain_name(name)]
    network.load_state_dict(expected)
    set_normalisation(network, content["architecture"])


def load_model(source: str | Path, backbone: str | Callable[..., nn.Module] | None = None) -> Backbone:
    """Return the model of a finished run, in evaluation mode.

    It takes images (N, channels, H, W), float in [0, 1] or uint8, and returns logits (N, C). `model.image_format` says
    what it was trained on. Images that it cannot take are rejected with one line; it warns once about values out
    of range, and once about another size of images.

    Its `class_names` are those of its logits (N, C), in their order; None where the run's data had none.

    Args:
        source: A run directory, or its `checkpoints/model.ckpt`.
        backbone: The class of a network of your own, or its import path. A file says which it needs, but only you can
            allow the import: no code is run because a file asks for it.

    Raises:
        InputError: If there are no weights, they are damaged, or they are of a network that `backbone` is not; and from
            the model, if it is called with integers other than uint8, or images of another shape.
    """
    content = read_weights(source, "source")
    architecture = content["architecture"]
    own = _consented(architecture.get("backbone", DEFAULT), backbone, f"source={source}")
    try:
        _check_own(content, own, f"source={source}")
        model = rebuild(architecture, own)
    except (RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"source={source}: its network cannot be built ({error}); train that run again") from error
    load_weights(model, source, "source")
    model.image_format = ImageFormat.of(content)
    check_images(model, model.image_format)
    model.class_names = _class_names(content, f"source={source}")
    model.eval()
    return model


def weights_for(model: nn.Module, source: str | Path, argument: str = "original") -> dict[str, torch.Tensor]:
    """Return the weights of a run directory under the names that they have in `model`, which stays as it is."""
    state = read_weights(source, argument)["state_dict"]
    return {name: state[plain_name(name)] for name in model.state_dict()}


def _consented(name: str, given: str | Callable[..., nn.Module] | None, source: str) -> Callable[..., nn.Module] | None:
    """Return the builder of a custom network, which the caller and the file must name alike."""
    if is_installed(name):
        return find_backbone(name)
    path = given if given is None or isinstance(given, str) else f"{given.__module__}.{given.__qualname__}"
    if path != name:
        raise InputError(
            f"{source}: its network is {name}, which is not imported because a file says so; if you trust it, "
            f"load_model(..., backbone={name!r})"
        )
    return find_backbone(given) if isinstance(given, str) else given


def _class_names(content: dict[str, Any], source: str) -> tuple[str, ...] | None:
    """Return the names of the classes that a file holds; None where it holds none."""
    if content.get("class_names") is None:
        return None
    try:
        return check_class_names(content["class_names"], int(content["architecture"]["num_classes"]))
    except Fault as fault:
        raise FileError(f"{source}: {fault.problem}; train that run again") from None


def _check_own(content: dict[str, Any], own: Callable[..., nn.Module] | None, source: str) -> None:
    """Reject weights that do not fit the caller's own network, before memory is allocated."""
    if is_torchvision(content["architecture"].get("backbone", DEFAULT)):
        return  # done when they were read
    try:
        with unallocated():
            expected = rebuild(content["architecture"], own).state_dict()
    except Exception:  # a network that needs values while it is built can only be built for real
        return
    _check_same(content["state_dict"], expected, content["architecture"], source)


def _check_fits(content: dict[str, Any], source: str) -> None:
    """Reject weights that do not fit the network that they name, before memory is allocated."""
    architecture, found = content["architecture"], content["state_dict"]
    try:
        if not all(type(value) in (int, float, str) for value in _built_from(architecture).values()):
            raise TypeError("not numbers and text")
        for constant in {"mean", "std"} & architecture.keys():
            check_constant(architecture[constant], architecture.get("in_channels", 1), constant)
        name = architecture.get("backbone", DEFAULT)
        if is_torchvision(name):
            with unallocated():
                model = rebuild(architecture)
            if model.architecture != architecture:
                raise ValueError("not as it would be written")
            expected: Mapping[str, Any] = model.state_dict()
        else:
            expected = found  # compared with the network once it is built; here only the memory is checked
    except (RuntimeError, TypeError, ValueError, OverflowError, AssertionError, StopIteration):
        raise FileError(f"{source}: names no {_title(architecture)} that can be built; train that run again") from None
    _check_same(found, expected, architecture, source)


def _check_same(found: dict[str, Any], expected: Mapping[str, Any], architecture: dict[str, Any], source: str) -> None:
    if found.keys() != expected.keys() or not all(_alike(found[name], value) for name, value in expected.items()):
        raise FileError(f"{source}: its weights do not fit a {_title(architecture)}; train that run again")


def _alike(found: Any, expected: Any) -> bool:
    """Return whether a tensor has another's type and shape, and memory for every element."""
    return (
        isinstance(found, torch.Tensor)
        and (found.shape, found.dtype, found.device.type) == (expected.shape, expected.dtype, "cpu")
        and found.layout == torch.strided
        and found.is_contiguous()
    )


def _unwrapped(model: nn.Module) -> Backbone:
    """Return the network itself, without the wrappers of `torch.compile` or several processes."""
    while not isinstance(model, Backbone):
        inner = getattr(model, "_orig_mod", None) or getattr(model, "module", None)
        if not isinstance(inner, nn.Module):
            raise TypeError(f"Expected `model` to be a Backbone, but got {type(model).__name__}; see `build_backbone`")
        model = inner
    return model


def _by_plain_names(values: dict[str, Any]) -> dict[str, Any]:
    return {plain_name(name): value for name, value in values.items()}


def _built_from(architecture: dict[str, Any]) -> dict[str, Any]:
    """Return the part of an architecture that decides which weights fit."""
    return {key: value for key, value in architecture.items() if key not in ("mean", "std")}


def _title(architecture: dict[str, Any]) -> str:
    name = str(architecture.get("backbone", DEFAULT))
    return "ResNet-18" if name == DEFAULT else name


def _differing(its: dict[str, Any], own: dict[str, Any]) -> list[str]:
    """Return two architectures as text, each with the name of its network where these differ."""
    named = its.get("backbone", DEFAULT) != own.get("backbone", DEFAULT)
    return [_described({"backbone": DEFAULT, **each} if named else each) for each in (its, own)]


def _described(architecture: dict[str, Any]) -> str:
    usual = {"mean": 0.5, "std": 0.5}  # nearly always these, so naming them would hide the difference
    return ", ".join(f"{key} {value}" for key, value in sorted(architecture.items()) if usual.get(key) != value)
