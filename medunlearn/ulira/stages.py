"""The stages of a U-LiRA study: for each shadow an original, and for each of its draws a Retrain and the methods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medunlearn.data.forgetting import OTHER_RULES, as_spec
from medunlearn.errors import InputError
from medunlearn.plans.options import MOST_SEED, Override, override, setting
from medunlearn.plans.stages import NEEDS, Stage, in_order
from medunlearn.plans.variations import REFERENCE, SEED, renamed
from medunlearn.ulira.folder import Folder

ORIGINAL = NEEDS[0]


@dataclass(frozen=True)
class Parts:
    """The roles of the configs of a study.

    Attributes:
        original: Trains the model that methods start from.
        others: Methods and Retrains, in order.
    """

    original: Stage
    others: tuple[Stage, ...]

    @property
    def every(self) -> tuple[Stage, ...]:
        """All of them, the original first."""
        return (self.original, *self.others)


def parts_of(plan: Sequence[Stage], settings: Sequence[Mapping[str, Any]]) -> Parts:
    """Return the stages of a plan by role: the original, and the Retrains and methods.

    Args:
        plan: The stages.
        settings: The resolved settings of each.

    Raises:
        InputError: If there is no method, not exactly one original, or a stage with another role.
    """
    methods = [stage for stage in plan if stage.unlearns]
    if not methods:
        raise InputError("ulira: no stage unlearns; name the config of a method and of its original")
    starts = {stage.needs[ORIGINAL]: stage for stage in reversed(methods)}
    if len(starts) > 1:
        one, two, *_ = sorted(stage.config.name for stage in starts.values())
        raise InputError(f"ulira: {one} and {two} start from different originals; audit methods of one original")
    ((path, method),) = starts.items()
    original = next((stage for stage in plan if stage.run.path == path), None)
    if original is None:
        raise InputError(
            f"{method.config.name}: {ORIGINAL}={path}: is not a shadow; name the config that trains it too"
        )
    for stage, each in zip(plan, settings, strict=True):
        if each["data"]["test"] is False:
            raise InputError(
                f"{stage.config.name}: data.test=false: images that were never seen are added to the test images; "
                "leave it out"
            )
        if not (stage is original or stage.unlearns or as_spec(each["data"]["forget"]).given):
            raise InputError(
                f"{stage.config.name}: forgets no image, and no method here starts from it; leave it out, or name what "
                "it forgets"
            )
    return Parts(original, tuple(stage for stage in plan if stage is not original))


@dataclass(frozen=True)
class Shadows:
    """The stages of a study.

    Args:
        parts: The configs by role.
        folder: The folder of the study.
        originals: Shadow originals N.
        draws: Forget sets of each.
        classes: Number of classes; a half of few images may lack one.
    """

    parts: Parts
    folder: Folder
    originals: int
    draws: int
    classes: int

    def all(self) -> list[Stage]:
        """Return all stages, each after what it needs."""
        return in_order(
            [
                stage
                for original in range(self.originals)
                for stage in (
                    self._moved(self.parts.original, original, 0),
                    *(self._moved(each, original, draw) for draw in range(self.draws) for each in self.parts.others),
                )
            ]
        )

    def run(self, stage: Stage, original: int, draw: int) -> Path:
        """Return the run directory of a config's stage for a shadow and draw; all draws share the original's."""
        name = stage.run.path.name
        return self.folder.shadow(original) / (name if stage is self.parts.original else f"{name}_{draw}")

    def _moved(self, stage: Stage, original: int, draw: int) -> Stage:
        """Return a stage of the plan on the images of a shadow, with its own seed and forget set."""
        paths = {each.run.path: self.run(each, original, draw) for each in self.parts.every}
        forget = None if stage is self.parts.original else str(self.folder.forget(original, draw))
        changes = [
            override(SEED, (setting(stage.settings, SEED, 0) + original) % (MOST_SEED + 1)),
            override("data.file", str(self.folder.data(original))),
            override("data.num_classes", self.classes),
            *(_null(f"data.{name}") for name in ("groups", *(f"forget.{each}" for each in OTHER_RULES))),
            _null("data.forget.indices") if forget is None else override("data.forget.indices", forget),
            Override("data.forget.stratified", False, "false"),
        ]
        reference = stage.needs.get(REFERENCE)
        if reference is not None and (reference not in paths or stage is self.parts.original):
            changes.append(_null(REFERENCE))  # the reference would have another forget set
        return renamed(stage, changes, paths)


def _null(name: str) -> Override:
    return Override(name, None, "null")
