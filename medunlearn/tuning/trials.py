"""Trials: a recipe with proposed settings, run as a stage in a separate run directory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from medunlearn.errors import InputError
from medunlearn.files import exists
from medunlearn.plans.options import Override, named, override, setting
from medunlearn.plans.stages import Stage
from medunlearn.runs import RunDir
from medunlearn.tuning.journal import STUDY
from medunlearn.tuning.space import Parameter

Select = Literal["proxy", "average_gap"]
"""Criterion of the choice: the proxy gap, which needs no Retrain and no test image, or the gap to a Retrain."""

REPORTING = "medunlearn.tuning.reporting.ReportProxyGap"
"""Imported by name, only in the process of a trial, since it imports Lightning."""

OTHER_TASKS = ("augmentation", "batch_size", "num_workers")
"""Settings below `data` in which the configs of one study may differ, since they do not change the task."""


@dataclass(frozen=True)
class Recipe:
    """A config that is tuned.

    Args:
        stage: The config, with the options for every trial.
        settings: Its resolved settings.
        parameters: The settings that are varied.
        reads_validation: Whether its method learns from validation images.
    """

    stage: Stage
    settings: Mapping[str, Any]
    parameters: tuple[Parameter, ...]
    reads_validation: bool = False

    @property
    def name(self) -> str:
        """The config's name without its ending."""
        return self.stage.config.stem

    @property
    def method(self) -> str:
        """The name of the method's class."""
        return str(setting(self.settings, "model.class_path")).rpartition(".")[2]

    @property
    def original(self) -> RunDir:
        """The run that every trial starts from."""
        return RunDir(setting(self.settings, "model.init_args.original"))

    @property
    def attack(self) -> dict[str, Any]:
        """The settings of the membership attack that the proxy gap uses."""
        return {name: self.settings["evaluation"][name] for name in ("feature", "seed", "solver")}


@dataclass(frozen=True)
class Place:
    """Folder and criterion of a study, and how its trials run.

    Args:
        folder: The folder of the study.
        select: The criterion of the choice.
        halved: Whether trials in the worse half are stopped.
    """

    folder: Path
    select: Select = "proxy"
    halved: bool = True

    @property
    def file(self) -> Path:
        """The file of the study."""
        return self.folder / STUDY

    @property
    def name(self) -> str:
        """The name of the study for display: that of its folder."""
        return self.folder.name

    def run(self, number: int) -> RunDir:
        """Return the run directory of a trial."""
        return RunDir(self.folder / f"trial_{number:03}")

    def begun(self) -> int:
        """Return how many trials have a run directory."""
        return len([*self.folder.glob("trial_*")])

    def stage(self, recipe: Recipe, values: Mapping[str, Any], number: int) -> Stage:
        """Return the stage of a trial.

        Args:
            recipe: Its config.
            values: The proposed settings by name; empty for the unchanged recipe.
            number: Its number.
        """
        changes = [*proposed(recipe, values), override("run_dir", str(self.run(number)))]
        if self.select == "proxy":  # neither test set nor reference may affect the choice
            changes += [Override("data.test", False, "false", joined=True), _null("reference")]
        if not named(recipe.stage.settings, "trainer.logger"):
            changes.append(Override("trainer.logger", False, "false", joined=True))
        if self.halved:
            changes += self._reporting(number)
        environment = (*recipe.stage.environment, ("WANDB_RUN_GROUP", self.name))
        return replace(recipe.stage, overrides=(*recipe.stage.overrides, *changes), environment=environment)

    def _reporting(self, number: int) -> list[Override]:
        """Return overrides that add the reporting callback to those of the user."""
        arguments = {"file": str(self.file), "trial": number}
        callback = Override("trainer.callbacks+", REPORTING, REPORTING, joined=True)
        return [callback, *(Override(f"trainer.callbacks.{k}", v, str(v), joined=True) for k, v in arguments.items())]


def proposed(recipe: Recipe, values: Mapping[str, Any]) -> list[Override]:
    """Return proposed settings as overrides for a stage."""
    return [each.override(values[each.name]) for each in recipe.parameters if each.name in values]


def check_recipes(recipes: Sequence[Recipe], select: Select) -> None:
    """Reject configs that cannot be tuned, or not together.

    Raises:
        InputError: If one has no original, or several have different tasks or the same name.
    """
    first = recipes[0]
    for recipe in recipes:
        config = recipe.stage.config
        if setting(recipe.settings, "model.init_args.original") is None:
            raise InputError(f"config={config}: {recipe.method} unlearns nothing; give a config with an original")
        if recipe is not first and recipe.name in {each.name for each in recipes if each is not recipe}:
            raise InputError(f"config={config}: another config is called {recipe.name} too; rename one of them")
        if _task(recipe) != _task(first):
            raise InputError(
                f"config={config}: has other data, original or attack than {first.stage.config}; tune each by itself"
            )
        if recipe.reads_validation and len(recipes) > 1 and select == "proxy":
            raise InputError(
                f"config={config}: {recipe.method} learns from validation images, so that its proxy gap looks too "
                "good beside others; tune it by itself"
            )
        if select == "average_gap" and not _finished(setting(recipe.settings, "reference")):
            raise InputError(f"select=average_gap: {config} names no finished Retrain; give one by `--reference`")


def _task(recipe: Recipe) -> Any:
    data = {name: value for name, value in recipe.settings["data"].items() if name not in OTHER_TASKS}
    return data, recipe.settings["evaluation"], recipe.settings["seed_everything"], str(recipe.original)


def _finished(reference: Any) -> bool:
    return isinstance(reference, str) and exists(RunDir(reference).metrics)


def _null(name: str) -> Override:
    return Override(name, None, "null", joined=True)
