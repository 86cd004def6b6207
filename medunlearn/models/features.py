"""Features of images: the inputs of a network's last linear layer."""

from torch import Tensor, nn

from medunlearn.errors import InputError


def last_linear(network: nn.Module, num_classes: int) -> nn.Linear:
    """Return the layer from features to logits: the last linear one with an output for each class.

    Args:
        network: A classifier.
        num_classes: Number of classes C.

    Raises:
        InputError: If there is none.
    """
    layers = [each for each in network.modules() if isinstance(each, nn.Linear) and each.out_features == num_classes]
    if not layers:
        name = getattr(network, "architecture", {}).get("backbone", type(network).__name__)
        raise InputError(
            f"backbone={name}: this method needs the features that a last linear layer takes, and it has none; "
            "choose another, such as resnet18",
            part="model.init_args",
        )
    return layers[-1]


def features_and_logits(network: nn.Module, images: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Return the features (N, D) of images and their logits (N, C), from one forward pass.

    Args:
        network: A classifier with a last linear layer.
        images: (N, channels, H, W) in [0, 1].
        num_classes: Number of classes C.

    Raises:
        InputError: If it has no such layer.
        TypeError: If that layer was not called, as in a network compiled as a whole.
    """
    seen: list[Tensor] = []
    hook = last_linear(network, num_classes).register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        logits: Tensor = network(images)
    finally:
        hook.remove()
    if not seen:
        raise TypeError("Expected `network` to call its last linear layer, but it did not; leave out `torch.compile`")
    return seen[-1].flatten(1), logits
