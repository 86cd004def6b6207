"""A poison study: runs the stages of a plan on poisoned data in its own folder, and tests each finished run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from medunlearn.data import MedMNISTDataModule
from medunlearn.data.forgetting import as_spec
from medunlearn.data.npz import ImageData
from medunlearn.data.requests import forget_set
from medunlearn.errors import InputError, check_least
from medunlearn.plans.images import image_source
from medunlearn.plans.options import override, setting
from medunlearn.plans.reuse import check_inputs, check_settings
from medunlearn.plans.stages import Stage
from medunlearn.plans.studies import Runner, check_made_here, moved
from medunlearn.poisoning.measurement import measured
from medunlearn.poisoning.poison import Folder, Poison
from medunlearn.runs import RunDir
from medunlearn.runs.record import role_of


class Finding(NamedTuple):
    """What a finished run shows of the poison: its directory, `metrics.json` and `poison.json`."""

    run: RunDir
    metrics: dict[str, Any]
    poison: dict[str, Any]

    @property
    def role(self) -> str:
        """The role of the run."""
        return role_of(self.metrics)


@dataclass(frozen=True)
class Study:
    """A study in a folder.

    Args:
        folder: The folder.
        scale: Standard deviation of the noise; 1 is the range from black to white.
        seed: Seed of the noise.
        draws: Number of fresh draws of the noise, for the test by them.

    Raises:
        InputError: If a value is out of range.
    """

    folder: Folder
    scale: float = 0.1
    seed: int = 0
    draws: int = 199

    def __post_init__(self) -> None:
        if not 0 < self.scale <= 1:
            raise InputError(f"scale={self.scale:g}: give the noise a standard deviation above 0; 1 is black to white")
        check_least("seed", self.seed)
        check_least("draws", self.draws, 1)

    def run(self, plan: Sequence[Stage], runner: Runner) -> list[Finding]:
        """Make the poisoned data, run the stages on them, and return what each finished run shows.

        Existing data and runs are reused.

        Args:
            plan: Stages on the data without noise: an original, a Retrain and methods, each after what it needs.
            runner: Runs the stages.

        Raises:
            InputError: If the stages cannot be run, or do not forget the same images of the same data.
        """
        check_made_here(plan, "the poisoned images")
        data = override("data.file", str(self.folder.data))
        stages = moved(plan, self.folder.path, lambda stage: [data])
        settings = check_settings(stages, runner.fit)
        poison = self.folder.make(*_forgotten(plan, settings), self.scale, self.seed)
        check_inputs(stages, runner.fit)
        found = runner.finished(stages)
        return [
            self._finding(stage, each, poison)
            for stage, each in zip(stages, settings, strict=True)
            if stage.run.path in found
        ]

    def _finding(self, stage: Stage, settings: Mapping[str, Any], poison: Poison) -> Finding:
        backbone = setting(settings, "model.init_args.backbone")
        content = measured(stage.run, poison, self.draws, backbone if isinstance(backbone, str) else None)
        return Finding(stage.run, stage.run.read_metrics("poison"), content)


def _indices(module: MedMNISTDataModule, settings: Mapping[str, Any]) -> np.ndarray:
    """Return the forget set of a stage's data settings."""
    spec, table = as_spec(settings["forget"]), settings.get("groups")
    source = replace(module.source, groups=table and Path(table))
    return forget_set(module.data, module.num_classes, spec, source.read_groups(module.data, spec.group_by)).indices


def _forgotten(plan: Sequence[Stage], settings: Sequence[Mapping[str, Any]]) -> tuple[ImageData, np.ndarray]:
    """Return the data without noise and the forget set, which must be the same for all stages."""
    module = MedMNISTDataModule(**image_source(plan, settings))
    module.prepare_data()
    data = module.data
    sets = dict[tuple[int, ...], Stage]()
    for stage, each in zip(plan, settings, strict=True):
        if as_spec(each["data"]["forget"]).given:
            index = _indices(module, each["data"])
            sets.setdefault(tuple(index.tolist()), stage)
    if not sets:
        raise InputError("poison: no stage forgets an image; name the configs of a Retrain or of methods too")
    if len(sets) > 1:
        one, two, *_ = (stage.config.name for stage in sets.values())
        raise InputError(f"poison: {one} and {two} forget other images; poison one forget set")
    return data, np.array(next(iter(sets)), dtype=np.int64)
