"""timm's classifiers of images by name, `timm:NAME`, where timm is installed; none is ever downloaded."""

from typing import Any

from torch import nn

from medunlearn.errors import InputError

PREFIX = "timm:"


def is_timm(name: object) -> bool:
    """Return whether a name has the form of a timm network, `timm:NAME`.

    Example:
        >>> is_timm("timm:resnet18.a1_in1k"), is_timm("resnet18")
        (True, False)
    """
    return isinstance(name, str) and name.startswith(PREFIX)


def is_sized(name: str) -> bool:
    """Return whether a network is built for images of one size."""
    config = _timm(name).get_pretrained_cfg(_known(name))
    return bool(getattr(config, "fixed_input_size", False))


def build_timm(name: str, num_classes: int, in_channels: int, image_size: int | None = None) -> nn.Module:
    """Return one of timm's networks with fresh weights; the arguments are those of `build_backbone`.

    Raises:
        InputError: If timm is missing, or has no such network.
    """
    options: dict[str, Any] = {"num_classes": num_classes, "in_chans": in_channels}
    if image_size is not None:
        options["img_size"] = image_size
    try:
        network: nn.Module = _timm(name).create_model(_known(name), pretrained=False, **options)
    except TypeError as error:  # a few networks take no channels
        raise ValueError(str(error)) from None
    return network


def _known(name: str) -> str:
    """Return the name that timm has registered; others are rejected, since timm would search them on the internet."""
    plain = name.removeprefix(PREFIX)
    if not _timm(name).is_model(plain):
        raise InputError(
            f"backbone={name}: timm has no such network; `timm.list_models()` lists them", "model.init_args"
        )
    return plain


def _timm(name: str) -> Any:
    try:
        import timm
    except ImportError:
        raise InputError(
            f"backbone={name}: needs timm; `pip install 'medunlearn[timm]'`, or name another network", "model.init_args"
        ) from None
    return timm
