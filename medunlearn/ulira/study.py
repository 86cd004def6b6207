"""A U-LiRA study: shadow originals, methods that unlearn draws of each, and what an attacker finds in their margins."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from medunlearn.data import MedMNISTDataModule
from medunlearn.errors import InputError, check_least
from medunlearn.plans.images import image_source
from medunlearn.plans.reuse import Fit, check_inputs, check_settings, naming
from medunlearn.plans.stages import Stage
from medunlearn.plans.studies import Runner
from medunlearn.runs import RunDir
from medunlearn.ulira.design import Design
from medunlearn.ulira.figures import figures
from medunlearn.ulira.folder import Folder
from medunlearn.ulira.observed import Observed, observed
from medunlearn.ulira.stages import Shadows, parts_of

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Study:
    """A study in a folder.

    Args:
        folder: The folder.
        originals: Shadow originals N, an even number of 4 or more.
        draws: Forget sets of each.
        targets: Images in each forget set.
        seed: Seed of which images each model learns and forgets.

    Raises:
        InputError: If a value is out of range.
    """

    folder: Folder
    originals: int = 16
    draws: int = 4
    targets: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        if self.originals < 4 or self.originals % 2:
            raise InputError(
                f"originals={self.originals}: give an even number of 4 or more; two share out the training images"
            )
        check_least("draws", self.draws, 1)
        check_least("targets", self.targets, 1)
        check_least("seed", self.seed)

    def planned(self, plan: Sequence[Stage], fit: Fit) -> tuple[Shadows, MedMNISTDataModule]:
        """Return the stages of the study and its images; write nothing.

        Args:
            plan: Stages on all images: an original, methods that start from it, and optionally Retrains.
            fit: What plans need to know of `medunlearn fit`.

        Raises:
            InputError: If the stages do not form a study, or an option is wrong.
        """
        settings = []
        for stage in plan:
            with naming(stage):
                settings.append(fit.settings(stage.argv))
        parts = parts_of(plan, settings)
        module = MedMNISTDataModule(**image_source(plan, settings))
        return Shadows(parts, self.folder, self.originals, self.draws, module.num_classes), module

    def run(self, plan: Sequence[Stage], runner: Runner) -> Rows:
        """Write the images of each shadow, run the stages, and return a row of figures for each config.

        Existing files and runs are reused.

        Args:
            plan: See `planned`.
            runner: Runs the stages.

        Raises:
            InputError: If the stages cannot be run.
        """
        shadows, module = self.planned(plan, runner.fit)
        module.prepare_data()
        design = Design(self.originals, self.draws, self.targets, self.seed, len(module.data.train))
        stages = shadows.all()
        self.folder.check_same(design, module.data)
        check_settings(stages, runner.fit)
        self.folder.make(design, module.data)
        check_inputs(stages, runner.fit)
        finished = set(runner.finished(stages))

        def read(stage: Stage) -> Observed:
            def run(original: int, draw: int) -> RunDir | None:
                path = shadows.run(stage, original, draw)
                return RunDir(path) if path in finished else None

            return observed(stage.run.path.name, design, len(module.data.test), run)

        return rows([read(stage) for stage in shadows.parts.every], design)

    def described(self) -> dict[str, Any]:
        """Return the study's numbers."""
        return {name: value for name, value in asdict(self).items() if name != "folder"}


def rows(found: Sequence[Observed], design: Design) -> Rows:
    """Return a row of figures for each config of which a run is finished."""
    found = [each for each in found if each.runs]
    oracle = next((each.unseen for each in found if each.role == "retrained"), None)
    return [
        {
            "run": each.name,
            "method": each.method,
            "role": each.role,
            "runs": each.runs,
            "utility": each.utility,
            **figures(each.forgotten, each.unseen, design.pairs, oracle),
        }
        for each in found
    ]
