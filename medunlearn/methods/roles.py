"""What the role of a method says about the images that it trains on."""

from typing import get_args

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
    """Return a draw that goes with a role; whether it is one at all is checked by the data.

    Raises:
        InputError: If a model that is trained on it is not what its role says.
    """
    if draw in get_args(Draw) and draw not in DRAWS[role]:
        raise InputError(
            f"images={draw}: {method} has the role {role}, which trains on {' or '.join(DRAWS[role])}; "
            "return one of them, or set another role"
        )
    return draw


def check_names(method: type) -> None:
    """Refuse a class that sets what is no longer read: it would train on other images than it says.

    Raises:
        TypeError: If it does.
    """
    for name, now in REPLACED.items():
        if name in vars(method):
            raise TypeError(f"Expected {method.__name__} to define `{now}`, which has replaced `{name}`")
    if "images" in vars(method) and not callable(vars(method)["images"]):
        raise TypeError(f"Expected {method.__name__}.images to be a method, as in `def images(self, epoch)`")
