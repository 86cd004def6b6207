"""Which recipe answers a deletion request: by the share of images, or the one that ships with a method."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from medunlearn.errors import InputError
from medunlearn.files.configs import read_config, shipped_configs
from medunlearn.plugins import choice, names


class Recipe(NamedTuple):
    """What is taken up to a share of the training images."""

    share: float
    config: str
    """A file of `configs/methods`."""


RECIPES = (Recipe(0.3, "kernel_transpose.yaml"), Recipe(1.0, "kernel_transpose.yaml"))
"""By share, the first that reaches as far; benchmarks/evidence has what this rests on."""

LARGE = 0.3
"""Share from which a method's second config, made for 50 %, is taken where it has one."""

STEPS = 60
"""Fewer steps than this change too little: on few images a recipe has more epochs, at most a quarter of the original's.

Three epochs of the evidence's 3,000 images in batches of 64 are 127 steps."""


def recipe_for(share: float, method: str | None = None) -> Path:
    """Return the shipped config that a request is answered by.

    Args:
        share: Share of the training images that is to be forgotten.
        method: The name of a method's class; None for the one that fits the share.

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
    """Return how many epochs a recipe has on these data.

    Args:
        own: Its own number of epochs.
        steps_an_epoch: Steps of an epoch here.
        original: Epochs that the original was trained for, if they are known.

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
