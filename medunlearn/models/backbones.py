"""Builds networks: image classifiers of torchvision and timm by name, and custom ones by import path."""

import inspect
import pkgutil
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from torch import Tensor, nn

from medunlearn.errors import InputError, counted, owned_by
from medunlearn.models import timm_networks
from medunlearn.models.base import Architecture, Backbone, normalised, one_pass, set_normalisation
from medunlearn.models.resnet import ResNet18, Stem, check_stem
from medunlearn.models.torchvision_networks import (
    build_torchvision,
    is_resnet,
    is_sized,
    is_torchvision,
    torchvision_names,
)
from medunlearn.plugins import lookup, missing_dependency
from medunlearn.plugins import names as plugin_names

DEFAULT = "resnet18"
ARGUMENT = "backbone"
PART = "model.init_args"

Builder = Callable[..., nn.Module]
"""Takes `num_classes` and `in_channels`, and `image_size` where its signature has it; returns a classifier."""


@owned_by(PART, ARGUMENT)
def build_backbone(
    name: str = DEFAULT,
    num_classes: int = 2,
    in_channels: int = 3,
    stem: Stem = "cifar",
    image_size: int | None = None,
) -> Backbone:
    """Return a newly initialised network, which takes images in [0, 1].

    Args:
        name: `resnet18`, another of torchvision's classifiers such as `densenet121`, one of timm's such as
            `timm:convnext_atto`, or the import path of a class or function that is called with `num_classes` and
            `in_channels` and takes normalised images.
        num_classes: Number of classes C.
        in_channels: Channels of the images.
        stem: See `ResNet18`; only torchvision's ResNets have it.
        image_size: Height and width of the images, on which the network is then tried; some networks, such as
            `vit_b_16`, are built for one size.

    Raises:
        InputError: If there is no such network, or it does not accept such images.
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
        if isinstance(error, InputError) or not _is_library(name):
            raise
        raise InputError(_unfit(name, in_channels, image_size, error)) from None
    if image_size is not None:
        _try(network, name, num_classes, in_channels, image_size)
    return network


@owned_by(PART, ARGUMENT)
def find_backbone(name: str) -> Builder:
    """Return the function that builds a named network: from torchvision, timm, a plug-in or an import path.

    Raises:
        InputError: If there is no such network.
    """
    if is_torchvision(name):
        return lambda **options: build_torchvision(name, **options)
    if timm_networks.is_timm(name):
        return lambda **options: timm_networks.build_timm(name, **options)
    if (plugin := lookup("backbones", name, ARGUMENT)) is not None:
        return _callable(name, plugin.load(ARGUMENT))
    if "." not in name:
        known = list(dict.fromkeys([*torchvision_names(), *plugin_names("backbones")]))
        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}? Choose" if near else "choose"
        raise InputError(
            f"{ARGUMENT}={name}: no such network; {hint} one of {', '.join(known)}, one of timm's such as "
            "timm:resnet18, or give an import path such as mypackage.networks.Net"
        )
    try:
        found = pkgutil.resolve_name(name)
    except Exception as error:  # a user's module may raise anything
        raise InputError(f"{ARGUMENT}={name}: cannot be imported ({error}); {_import_remedy(name, error)}") from error
    return _callable(name, found)


def _import_remedy(name: str, error: Exception) -> str:
    """Return the remedy for an import path that is wrong or whose module cannot be imported."""
    if needed := missing_dependency(error, name):
        return f"install {needed}, which it imports"
    if isinstance(error, ImportError | AttributeError | ValueError):
        return f"fix the path, or set PYTHONPATH to the folder of {name.partition('.')[0]}"
    return f"fix its module, which raises {type(error).__name__}"


def _callable(name: str, found: Any) -> Builder:
    if not callable(found):
        raise InputError(f"{ARGUMENT}={name}: is not a class or function that builds a network; name one")
    builder: Builder = found
    return builder


@owned_by(PART, ARGUMENT)
def rebuild(architecture: Mapping[str, Any], own: Builder | None = None) -> Backbone:
    """Return a newly initialised network from an architecture, without importing modules that it names.

    Args:
        architecture: `Backbone.architecture`, possibly from an untrusted file.
        own: Builds the network if the name is an import path.

    Raises:
        ValueError: If it does not describe a network; networks themselves may raise `TypeError` and `RuntimeError`.
    """
    options = dict(architecture)
    name = options.pop("backbone", DEFAULT)
    if name == DEFAULT:
        return ResNet18(**options)
    if own is None and _is_library(name):
        own = find_backbone(name)
    if own is None:
        raise ValueError(f"Expected `own` to build {name}")
    options.pop("mean", None), options.pop("std", None)
    if not _is_library(name):
        _check_signature(name, own, options)
    network = own(**options)
    if not isinstance(network, nn.Module):
        raise InputError(f"{ARGUMENT}={name}: returns {type(network).__name__}, not a torch.nn.Module; fix it")
    if hasattr(network, "architecture"):
        raise InputError(f"{ARGUMENT}={name}: has an attribute `architecture`, which medunlearn sets; rename it")
    return normalised(network, dict(architecture))


def is_installed(name: object) -> bool:
    """Return whether a name belongs to a library or an installed plug-in, rather than being an import path."""
    return _is_library(name) or (isinstance(name, str) and name in plugin_names("backbones"))


def _options(name: str, own: Builder, stem: Stem, image_size: int | None) -> Architecture:
    """Return the arguments of an architecture that only some networks take."""
    options: Architecture = {}
    if is_resnet(name):
        options["stem"] = stem
    elif stem != "cifar":  # the default, which is ignored here
        raise InputError(f"stem={stem}: {name} has no stem to choose; leave it out", PART)
    if image_size is not None and _takes_size(name, own):
        options["image_size"] = image_size
    return options


def another_like(network: Backbone) -> Backbone:
    """Return a newly initialised network of the same architecture."""
    options: dict[str, Any] = {key: v for key, v in network.architecture.items() if key not in ("mean", "std")}
    another = build_backbone(options.pop("backbone", DEFAULT), **options)
    set_normalisation(another, network.architecture)
    return another


def _is_library(name: object) -> bool:
    return is_torchvision(name) or timm_networks.is_timm(name)


def _takes_size(name: str, own: Builder) -> bool:
    if is_torchvision(name):
        return is_sized(name)
    if timm_networks.is_timm(name):
        return timm_networks.is_sized(name)
    return "image_size" in inspect.signature(own).parameters


def _check_signature(name: str, own: Builder, options: Mapping[str, Any]) -> None:
    try:
        inspect.signature(own).bind(**options)
    except TypeError as error:
        raise InputError(
            f"{ARGUMENT}={name}: cannot be called with {' and '.join(options)} ({error}); let it take them"
        ) from None


def _try(network: Backbone, name: str, num_classes: int, in_channels: int, size: int) -> None:
    """Reject a network that does not return logits (N, C) for images of this size."""
    try:
        logits = one_pass(network, in_channels, size)
    except Exception as error:
        raise InputError(_unfit(name, in_channels, size, error)) from error
    if not isinstance(logits, Tensor) or logits.shape != (1, num_classes):
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise InputError(
            f"{ARGUMENT}={name}: returns {shape} for one image, not logits (1, {num_classes}); name a classifier"
        )


def _unfit(name: str, in_channels: int, size: int | None, error: Exception) -> str:
    images = f"images of {size}x{size} pixels" if size else "such images"
    return (
        f"{ARGUMENT}={name}: takes no {images} with {counted(in_channels, 'channel')} "
        f"({error or type(error).__name__}); choose another size of images, or another network"
    )
