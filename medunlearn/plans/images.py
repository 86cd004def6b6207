"""Finds the settings that choose the images of a plan's stages."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from medunlearn.errors import InputError
from medunlearn.plans.options import setting
from medunlearn.plans.stages import Stage

SOURCE = ("dataset", "size", "root", "download", "num_classes", "class_names", "test")
"""Settings below `data`, beside `file`, that choose the images."""


def image_source(plan: Sequence[Stage], settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the settings that choose the images, which must be the same for all stages.

    Args:
        plan: The stages.
        settings: The resolved settings of each; the data file is taken from the stage.

    Returns:
        Arguments of `MedMNISTDataModule`.

    Raises:
        InputError: If two stages have other images.
    """
    first, *others = (_source(*each) for each in zip(plan, settings, strict=True))
    for stage, other in zip(plan[1:], others, strict=True):
        if other != first:
            raise InputError(
                f"{stage.config.name}: has other data than {plan[0].config.name}; name configs of one data set"
            )
    return first


def _source(stage: Stage, settings: Mapping[str, Any]) -> dict[str, Any]:
    file = setting(stage.settings, "data.file")
    return {"file": None if file is None else Path(file), **{name: settings["data"][name] for name in SOURCE}}
