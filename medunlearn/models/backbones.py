"""Networks by name: torchvision's classifiers of images, and the user's own by import path."""

import inspect
import pkgutil
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

import torchvision
from torch import Tensor, nn
from torchvision.models.resnet import ResNet

from medunlearn.errors import InputError, counted, owned_by
from medunlearn.models.base import Architecture, Backbone, normalised, one_pass
from medunlearn.models.resnet import ResNet18, Stem, check_stem, set_stem
from medunlearn.plugins import lookup, missing_dependency
from medunlearn.plugins import names as plugin_names

DEFAULT = "resnet18"
ARGUMENT = "backbone"
PART = "model.init_args"

Builder = Callable[..., nn.Module]
"""Takes `num_classes` and `in_channels`, and `image_size` where its signature has it; returns a classifier."""

_SIZE_OPTIONS = {"vit_": "image_size", "maxvit_": "input_size"}
"""torchvision's networks that are built for images of one size, by how their names begin, and the option for it."""


@owned_by(PART, ARGUMENT)
def build_backbone(
    name: str = DEFAULT,
    num_classes: int = 2,
    in_channels: int = 3,
    stem: Stem = "cifar",
    image_size: int | None = None,
) -> Backbone:
    """Return a network with fresh weights, which takes images in [0, 1].

    Args:
        name: `resnet18`, another of torchvision's classifiers such as `densenet121`, or the import path of a class or
            function that is called with `num_classes` and `in_channels` and takes normalised images.
        num_classes: Number of classes C.
        in_channels: Channels of the images.
        stem: See `ResNet18`; torchvision's other ResNets have it too, and no other network does.
        image_size: Height and width of the images. Some networks are built for one size, as `vit_b_16` is, and the
            network is then tried on it.

    Raises:
        InputError: If there is no such network, or it does not take such images.
    """
    check_stem(stem)
    if name == DEFAULT:
        return ResNet18(num_classes, in_channels, stem)
    own = find_backbone(name)
    architecture: Architecture = {"backbone": name, "num_classes": num_classes, "in_channels": in_channels}
    architecture |= _options(name, own, stem, image_size)
    try:
        network = rebuild(architecture, own)
    except (ValueError, RuntimeError, AssertionError) as error:
        if isinstance(error, InputError) or not is_torchvision(name):
            raise
        raise InputError(_unfit(name, in_channels, image_size, error)) from None
    if image_size is not None:
        _try(network, name, num_classes, in_channels, image_size)
    return network


@owned_by(PART, ARGUMENT)
def find_backbone(name: str) -> Builder:
    """Return what builds the network of a name: from torchvision, a plug-in, or imported.

    Raises:
        InputError: If there is no such network.
    """
    if is_torchvision(name):
        return lambda **options: _torchvision(name, **options)
    if (plugin := lookup("backbones", name, ARGUMENT)) is not None:
        return _callable(name, plugin.load(ARGUMENT))
    if "." not in name:
        known = list(dict.fromkeys([*torchvision_names(), *plugin_names("backbones")]))
        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}? Choose" if near else "choose"
        raise InputError(
            f"{ARGUMENT}={name}: no such network; {hint} one of {', '.join(known)}, or give an import path such as "
            "mypackage.networks.Net"
        )
    try:
        found = pkgutil.resolve_name(name)
    except Exception as error:  # whatever a module of the user's own raises
        raise InputError(f"{ARGUMENT}={name}: cannot be imported ({error}); {_import_remedy(name, error)}") from error
    return _callable(name, found)


def _import_remedy(name: str, error: Exception) -> str:
    """Return what to do about an import path that leads nowhere, or about what its module needs or does."""
    if needed := missing_dependency(error, name):
        return f"install {needed}, which it imports"
    if isinstance(error, ImportError | AttributeError | ValueError):
        return f"mend the path, or set PYTHONPATH to the folder of {name.partition('.')[0]}"
    return f"mend its module, which raises {type(error).__name__}"


def _callable(name: str, found: Any) -> Builder:
    if not callable(found):
        raise InputError(f"{ARGUMENT}={name}: is no class or function that builds a network; name one")
    builder: Builder = found
    return builder


@owned_by(PART, ARGUMENT)
def rebuild(architecture: Mapping[str, Any], own: Builder | None = None) -> Backbone:
    """Return the network that an architecture describes, with fresh weights. Imports nothing by a name in it.

    Args:
        architecture: `Backbone.architecture`, perhaps from a stranger's file.
        own: Builds the network where the name is an import path.

    Raises:
        ValueError: If it describes no network; `TypeError` and `RuntimeError` come from the networks themselves.
    """
    options = dict(architecture)
    name = options.pop("backbone", DEFAULT)
    if name == DEFAULT:
        return ResNet18(**options)
    if own is None and is_torchvision(name):
        own = find_backbone(name)
    if own is None:
        raise ValueError(f"Expected `own` to build {name}")
    options.pop("mean", None), options.pop("std", None)
    if not is_torchvision(name):
        _check_signature(name, own, options)
    network = own(**options)
    if not isinstance(network, nn.Module):
        raise InputError(f"{ARGUMENT}={name}: returns {type(network).__name__}, no torch.nn.Module; mend it")
    if hasattr(network, "architecture"):
        raise InputError(f"{ARGUMENT}={name}: has an attribute `architecture`, which medunlearn sets; rename it")
    return normalised(network, dict(architecture))


def torchvision_names() -> list[str]:
    """Return the names of torchvision's classifiers of images."""
    return list(torchvision.models.list_models(module=torchvision.models))


def is_torchvision(name: object) -> bool:
    """Return whether a name is one of torchvision's classifiers."""
    return isinstance(name, str) and name in torchvision_names()


def is_installed(name: object) -> bool:
    """Return whether a name is torchvision's or a plug-in's: a network that is installed, not any import path."""
    return is_torchvision(name) or (isinstance(name, str) and name in plugin_names("backbones"))


def is_resnet(name: str) -> bool:
    """Return whether a name is one of torchvision's ResNets, whose stem can be chosen."""
    return is_torchvision(name) and name.startswith(("resnet", "resnext", "wide_resnet"))


def _torchvision(
    name: str, num_classes: int, in_channels: int, stem: Stem | None = None, image_size: int | None = None
) -> nn.Module:
    options: dict[str, Any] = {"weights": None, "num_classes": num_classes}
    if image_size is not None:
        option = next(option for start, option in _SIZE_OPTIONS.items() if name.startswith(start))
        options[option] = image_size if option == "image_size" else (image_size, image_size)
    if name in ("googlenet", "inception_v3"):
        options |= {"aux_logits": False, "init_weights": True}  # one output, as all others have
    network: nn.Module = torchvision.models.get_model(name, **options)
    if isinstance(network, ResNet):
        set_stem(network, in_channels, stem or "cifar")
    elif in_channels != 3:
        _set_in_channels(network, in_channels)
    return network


def _set_in_channels(network: nn.Module, in_channels: int) -> None:
    """Give the first convolution other channels; its weights stay a draw of the network's own initialisation."""
    if in_channels < 1:
        raise ValueError(f"Expected argument `in_channels` to be 1 or more, but got {in_channels}")
    old = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    kept = old.weight.detach().repeat(1, -(-in_channels // 3), 1, 1)[:, :in_channels]
    old.weight, old.in_channels = nn.Parameter(kept.clone()), in_channels


def _options(name: str, own: Builder, stem: Stem, image_size: int | None) -> Architecture:
    """Return the part of an architecture that not every network takes."""
    options: Architecture = {}
    if is_resnet(name):
        options["stem"] = stem
    elif stem != "cifar":  # the default, which says nothing here
        raise InputError(f"stem={stem}: {name} has no stem to choose; leave it out", PART)
    if image_size is not None and _takes_size(name, own):
        options["image_size"] = image_size
    return options


def another_like(network: Backbone) -> Backbone:
    """Return another network of the same architecture, with weights drawn anew."""
    options: dict[str, Any] = {key: v for key, v in network.architecture.items() if key not in ("mean", "std")}
    return build_backbone(options.pop("backbone", DEFAULT), **options)


def _takes_size(name: str, own: Builder) -> bool:
    if is_torchvision(name):
        return name.startswith(tuple(_SIZE_OPTIONS))
    return "image_size" in inspect.signature(own).parameters


def _check_signature(name: str, own: Builder, options: Mapping[str, Any]) -> None:
    try:
        inspect.signature(own).bind(**options)
    except TypeError as error:
        raise InputError(
            f"{ARGUMENT}={name}: cannot be called with {' and '.join(options)} ({error}); let it take them"
        ) from None


def _try(network: Backbone, name: str, num_classes: int, in_channels: int, size: int) -> None:
    """Refuse a network that does not return logits (N, C) of images of this size."""
    try:
        logits = one_pass(network, in_channels, size)
    except Exception as error:
        raise InputError(_unfit(name, in_channels, size, error)) from error
    if not isinstance(logits, Tensor) or logits.shape != (1, num_classes):
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise InputError(
            f"{ARGUMENT}={name}: returns {shape} for one image, no logits (1, {num_classes}); name a classifier"
        )


def _unfit(name: str, in_channels: int, size: int | None, error: Exception) -> str:
    images = f"images of {size}x{size} pixels" if size else "such images"
    return (
        f"{ARGUMENT}={name}: takes no {images} with {counted(in_channels, 'channel')} "
        f"({error or type(error).__name__}); choose another size of images, or another network"
    )
