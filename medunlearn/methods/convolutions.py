"""The convolutions of a backbone, for methods that edit their weights before the first step."""

from torch import nn

from medunlearn.errors import InputError
from medunlearn.models import Backbone, plain_name


def convolutions(backbone: Backbone) -> dict[str, nn.Conv2d]:
    """Return the 2-D convolutions of a backbone by name, in the order in which it defines them.

    Raises:
        InputError: If it has none.
    """
    found = {plain_name(name): layer for name, layer in backbone.named_modules() if isinstance(layer, nn.Conv2d)}
    if not found:
        raise InputError(
            f"backbone={backbone_name(backbone)}: has no convolution (nn.Conv2d), whose weights this method edits; "
            "choose a network that has one",
            part="model.init_args",
        )
    return found


def backbone_name(backbone: Backbone) -> str:
    """Return the name by which the user chose a backbone."""
    return str(backbone.architecture.get("backbone", "resnet18"))


def check_statistics(freeze_statistics: object) -> None:
    """Reject frozen running statistics: they no longer match the edited weights.

    Raises:
        InputError: If `freeze_statistics` is set.
    """
    if freeze_statistics:
        raise InputError(
            "freeze_statistics=true: this method edits the weights, whose outputs the original's statistics no longer "
            "describe; leave it out, or set refresh_statistics=true",
            part="model.init_args",
        )
