"""What the role of a method says about the images that it trains on."""

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
"""Which images a model must go through to be what its role says."""

REPLACED = {"training_part": "images(self, epoch)", "default_epochs": "trainer_arguments"}
"""What methods of the first release set, and what has taken its place."""


def check_role(draw: Draw, role: Role, method: str) -> Draw:
    """Return a draw that goes with a role.

    Raises:
        InputError: If it is none, or a model that is trained on it is not what its role says.
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
    """Return whether epochs go through different images, or might.

    Args:
        images: Returns the draw of an epoch.
        epochs: Number of epochs; None or -1 where the run ends after a number of steps or a time.
        own: Whether the method has an `images` of its own.
    """
    return own if epochs is None or epochs < 0 else len(set(map(images, range(epochs)))) > 1


def check_names(method: type) -> None:
    """Refuse a class that sets what is no longer read: it would train on other images than it says.

    Raises:
        TypeError: If it does.
    """
    for name, now in REPLACED.items():
        if name in vars(method):
            raise TypeError(f"Expected {method.__name__} to define `{now}`, which has replaced `{name}`")
    if "images" in vars(method) and not _takes_epoch(vars(method)["images"]):
        raise TypeError(f"Expected {method.__name__}.images to be a method, as in `def images(self, epoch)`")


def _takes_epoch(images: Any) -> bool:
    """Return whether something is a function that can be called with a method and the number of an epoch."""
    if isinstance(images, staticmethod | classmethod):
        return True
    try:
        inspect.signature(images).bind("method", 0)
    except (TypeError, ValueError):  # not callable, or of other arguments
        return False
    return True
