"""Chooses the recipe for a deletion request, by the share of images or by the method."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from medunlearn.errors import InputError
from medunlearn.files.configs import read_config, shipped_configs
from medunlearn.plugins import choice, names


class Recipe(NamedTuple):
    """The recipe for requests of up to a given share of the training images."""

    share: float
    config: str
    """A file of `configs/methods`."""


RECIPES = (Recipe(0.3, "kernel_transpose.yaml"), Recipe(1.0, "kernel_transpose.yaml"))
"""In order of share: the first one whose limit is not exceeded is used; benchmarks/evidence gives the reasons."""

LARGE = 0.3
"""Share from which a method's config for a forget rate of 50 % is used, if it has one."""

STEPS = 60
"""Least number of steps; fewer change too little. With few images the recipe gets more epochs, at most a quarter of the
original's. Three epochs of 3,000 images in batches of 64, as in benchmarks/evidence, are 127 steps."""


def recipe_for(share: float, method: str | None = None) -> Path:
    """Return the shipped config for a request.

    Args:
        share: Share of the training images that is to be forgotten.
        method: The name of a method's class; None to choose by the share.

    Raises:
        InputError: If no config ships with the method.

    Example:
        >>> recipe_for(0.02).name, recipe_for(0.5, "SCRUB").name
        ('kernel_transpose.yaml', 'scrub_50.yaml')
    """
    folder = shipped_configs() / "methods"
    if method is None:
        return folder / next(each.config for each in RECIPES if share <= each.share)
    found = list(_configs_of(method))
    if not found:
        known = names("methods")
        text = "no config ships with it" if method in known else f"no such method; {choice(method, known)}"
        own = "; give one of your own by --config" if method in known else ", or give a config of your own by --config"
        raise InputError(f"method={method}: {text}{own}")
    large = [path for path in found if path.stem.endswith("_50")]
    return large[0] if share > LARGE and large else found[0]


def epochs_for(own: int, steps_an_epoch: int, original: int | None) -> int:
    """Return how many epochs a recipe gets on these data.

    Args:
        own: The recipe's own number of epochs.
        steps_an_epoch: Number of steps of an epoch on these data.
        original: Epochs for which the original was trained, if known.

    Example:
        >>> epochs_for(3, steps_an_epoch=42, original=50), epochs_for(3, steps_an_epoch=4, original=50)
        (3, 12)
    """
    wanted = -(-STEPS // max(1, steps_an_epoch))
    most = max(own, (original or 0) // 4)
    return max(own, min(wanted, most))


def _configs_of(method: str) -> Iterator[Path]:
    for folder in (shipped_configs() / "methods", shipped_configs()):
        for path in sorted(folder.glob("*.yaml")):
            model: Any = read_config(path).get("model")
            own = isinstance(model, dict) and str(model.get("class_path")).rpartition(".")[2] == method
            if own and model.get("init_args", {}).get("original"):
                yield path
