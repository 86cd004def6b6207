"""A poison study: stages of a plan on poisoned data, in a folder of their own, and what each finished run shows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from medunlearn.data import MedMNISTDataModule
from medunlearn.data.forgetting import as_spec, choose_forget_set
from medunlearn.data.npz import ImageData
from medunlearn.errors import InputError
from medunlearn.plans.engines import Engine, Outcome
from medunlearn.plans.images import image_source
from medunlearn.plans.options import override, setting
from medunlearn.plans.reuse import Fit, check_inputs, check_settings
from medunlearn.plans.stages import Stage, in_order
from medunlearn.plans.variations import renamed
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
        """What the run is."""
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
        for name, value, least in (("seed", self.seed, 0), ("draws", self.draws, 1)):
            if value < least:
                raise InputError(f"{name}={value}: give a whole number of {least} or more")

    def run(
        self,
        plan: Sequence[Stage],
        fit: Fit,
        engine: Engine,
        announce: Callable[[Stage], None],
        ended: Callable[[Outcome], None],
    ) -> list[Finding]:
        """Make the poisoned data, run the stages on them, and return what each finished run shows.

        What is there already is not made again.

        Args:
            plan: Stages on the data without noise: an original, a Retrain and methods, each after what it needs.
            fit: What plans need to know of `medunlearn fit`.
            engine: What runs the stages.
            announce: Called with each stage before it runs.
            ended: Called with what became of each stage.

        Raises:
            InputError: If the stages cannot be run, or do not forget the same images of the same data.
        """
        _check_needs(plan)
        stages = self._moved(plan)
        settings = check_settings(stages, fit)
        data, index = _forgotten(plan, settings)
        poison = self.folder.make(data, index, self.scale, self.seed)
        check_inputs(stages, fit)
        found = []
        for outcome in engine(stages, announce):
            ended(outcome)
            if outcome.state in ("done", "finished before"):
                found.append(outcome.stage.run.path)
        return [
            self._finding(stage, each, poison)
            for stage, each in zip(stages, settings, strict=True)
            if stage.run.path in found
        ]

    def _moved(self, plan: Sequence[Stage]) -> list[Stage]:
        """Return the stages on the poisoned data, in run directories below the folder."""
        paths = {stage.run.path: self.folder.path / stage.run.path.name for stage in plan}
        data = override("data.file", str(self.folder.data))
        return in_order([renamed(stage, [data], paths) for stage in plan])

    def _finding(self, stage: Stage, settings: Mapping[str, Any], poison: Poison) -> Finding:
        backbone = setting(settings, "model.init_args.backbone")
        content = measured(stage.run, poison, self.draws, backbone if isinstance(backbone, str) else None)
        return Finding(stage.run, stage.run.read_metrics("poison"), content)


def _check_needs(plan: Sequence[Stage]) -> None:
    """Refuse a stage that needs a run from elsewhere, which was not trained on the poisoned data."""
    made = {stage.run.path for stage in plan}
    for stage in plan:
        for name, need in stage.needs.items():
            if need not in made:
                raise InputError(
                    f"{stage.config.name}: {name}={need}: was not made on the poisoned images; name the config that "
                    "makes it too"
                )


def _forgotten(plan: Sequence[Stage], settings: Sequence[Mapping[str, Any]]) -> tuple[ImageData, np.ndarray]:
    """Return the data without noise and the forget set, which must be the same for all stages."""
    module = MedMNISTDataModule(**image_source(plan, settings))
    module.prepare_data()
    data = module.data
    sets = dict[tuple[int, ...], Stage]()
    for stage, each in zip(plan, settings, strict=True):
        spec = as_spec(each["data"]["forget"])
        if spec.given:
            index = choose_forget_set(data.train.labels, data.num_classes, spec, data.class_names)
            sets.setdefault(tuple(index.tolist()), stage)
    if not sets:
        raise InputError("poison: no stage forgets an image; name the configs of a Retrain or of methods too")
    if len(sets) > 1:
        one, two, *_ = (stage.config.name for stage in sets.values())
        raise InputError(f"poison: {one} and {two} forget other images; poison one forget set")
    return data, np.array(next(iter(sets)), dtype=np.int64)
