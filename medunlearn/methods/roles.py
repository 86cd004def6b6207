"""Checks that a method trains on the images that its role allows."""

import inspect
from collections.abc import Callable
from typing import Any, get_args

from medunlearn.contracts import Draw, Role
from medunlearn.errors import InputError

DRAWS: dict[Role, tuple[Draw, ...]] = {
    "original": ("all", "forget_then_retain", "paired"),
    "retrained": ("retain",),
    "unlearned": get_args(Draw),
}
"""The draws of images that each role allows."""

REPLACED = {"training_part": "images(self, epoch)", "default_epochs": "trainer_arguments"}
"""Names of class attributes in the first release, and what has replaced them."""


def check_role(draw: Draw, role: Role, method: str) -> Draw:
    """Return a draw of images after checking it against the method's role.

    Raises:
        InputError: If the draw is unknown, or the role does not allow it.
    """
    if draw not in get_args(Draw):
        raise InputError(f"images={draw}: unknown draw; choose one of {', '.join(get_args(Draw))}")
    if draw not in DRAWS[role]:
        raise InputError(
            f"images={draw}: {method} has the role {role}, which trains on {' or '.join(DRAWS[role])}; "
            "return one of them, or set another role"
        )
    return draw


def vary(images: Callable[[int], Draw], epochs: int | None, own: bool) -> bool:
    """Return whether epochs go through different images, or might do so.

    Args:
        images: Returns the draw of an epoch.
        epochs: Number of epochs; None or -1 where the run ends after a number of steps or a time.
        own: Whether the method has an `images` of its own.
    """
    return own if epochs is None or epochs < 0 else len(set(map(images, range(epochs)))) > 1


def check_names(method: type) -> None:
    """Reject a class that sets a removed attribute, which would be ignored, so that it would train on the wrong images.

    Raises:
        TypeError: If it sets one, or if `images` is not a method.
    """
    for name, now in REPLACED.items():
        if name in vars(method):
            raise TypeError(f"Expected {method.__name__} to define `{now}`, which has replaced `{name}`")
    if "images" in vars(method) and not _takes_epoch(vars(method)["images"]):
        raise TypeError(f"Expected {method.__name__}.images to be a method, as in `def images(self, epoch)`")


def _takes_epoch(images: Any) -> bool:
    """Return whether `images` is a function that takes the method and an epoch number."""
    if isinstance(images, staticmethod | classmethod):
        return True
    try:
        inspect.signature(images).bind("method", 0)
    except (TypeError, ValueError):  # not callable, or of other arguments
        return False
    return True
