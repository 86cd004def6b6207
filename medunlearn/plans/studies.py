"""Shared by studies of methods: stages of a plan on the study's own data, in its own run directories."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from medunlearn.errors import InputError
from medunlearn.plans.engines import Engine, Outcome
from medunlearn.plans.options import Override
from medunlearn.plans.reuse import Fit
from medunlearn.plans.schedule import position
from medunlearn.plans.stages import Stage, in_order
from medunlearn.plans.variations import renamed


@dataclass(frozen=True)
class Runner:
    """Runs the stages of a study.

    Args:
        fit: What plans need to know of `medunlearn fit`.
        engine: What runs the stages.
        announce: Called with each stage before it runs, and its heading.
        ended: Called with the outcome of each stage.
    """

    fit: Fit
    engine: Engine
    announce: Callable[[Stage, str], None]
    ended: Callable[[Outcome], None]

    def finished(self, stages: Sequence[Stage]) -> list[Path]:
        """Run stages, each after what it needs, and return the run directories that are finished."""
        found = []
        for outcome in self.engine(stages, lambda stage: self.announce(stage, position(stage, stages))):
            self.ended(outcome)
            if outcome.state in ("done", "finished before"):
                found.append(outcome.stage.run.path)
        return found


def check_made_here(plan: Sequence[Stage], images: str) -> None:
    """Reject a stage that needs a run from elsewhere, which was not made on the study's own data.

    Args:
        plan: The stages.
        images: A name for these data, such as `the poisoned images`.

    Raises:
        InputError: If one does.
    """
    made = {stage.run.path for stage in plan}
    for stage in plan:
        for name, need in stage.needs.items():
            if need not in made:
                raise InputError(
                    f"{stage.config.name}: {name}={need}: was not made on {images}; name the config that makes it too"
                )


def moved(plan: Sequence[Stage], folder: Path, changes: Callable[[Stage], Sequence[Override]]) -> list[Stage]:
    """Return stages in run directories below a folder, each after what it needs.

    Args:
        plan: The stages.
        folder: The folder of the study.
        changes: Returns the other settings in which a stage differs, such as its data.
    """
    paths = {stage.run.path: folder / stage.run.path.name for stage in plan}
    return in_order([renamed(stage, changes(stage), paths) for stage in plan])
