"""A study of swapped labels: stages of a plan on such data, in a folder, and what each run still confuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from medunlearn.confusion.swap import Folder, Swap
from medunlearn.data import MedMNISTDataModule
from medunlearn.data.forgetting import OTHER_RULES, RULES
from medunlearn.errors import InputError
from medunlearn.metrics import Part, Predictions
from medunlearn.plans.images import image_source
from medunlearn.plans.options import Override, override, setting
from medunlearn.plans.reuse import check_inputs, check_settings
from medunlearn.plans.stages import Stage
from medunlearn.plans.studies import Runner, check_made_here, moved
from medunlearn.report.markdown import aligned
from medunlearn.runs import RunDir
from medunlearn.runs.record import role_of

HEAD = ("run", "method", "confused, test", "of", "wrong label, forget (%)", "TA (%)")
LEGEND = (
    "Confused, test: test images of the two classes that are called the other one (interclass confusion, Goel et al. "
    "2022). Wrong label, forget: images with a swapped label that still get it. Both should be close to those of "
    "Retrain, which never saw the swapped labels; the original shows what there was to forget."
)
WITHOUT_POWER = (
    "The original confuses the two classes no more than Retrain, so there was nothing to forget, and no method can "
    "fail: swap more labels by --share, or train longer."
)


class Finding(NamedTuple):
    """What a finished run confuses."""

    run: RunDir
    role: str
    method: str
    confused: int
    """Test images of the two classes that are called the other one."""
    tested: int
    """Test images of the two classes."""
    wrong: float | None
    """Share of the images with swapped labels that are called by these, in %."""
    TA: float | None

    @property
    def cells(self) -> list[str]:
        """The finding as a line of the table."""
        shares = ["-" if each is None else f"{each:.2f}" for each in (self.wrong, self.TA)]
        return [str(self.run), self.method, str(self.confused), str(self.tested), *shares]


@dataclass(frozen=True)
class Study:
    """A study in a folder.

    Args:
        folder: The folder.
        swap: Which labels are swapped.
    """

    folder: Folder
    swap: Swap

    def run(self, plan: Sequence[Stage], runner: Runner) -> list[Finding]:
        """Make the data, run the stages on them, and return what each finished run confuses.

        Args:
            plan: Stages on the unchanged data: an original, a Retrain and methods, each after what it needs.
            runner: What runs them.

        Raises:
            InputError: If the stages cannot be run.
        """
        check_made_here(plan, "the swapped labels")
        _check_forgetting(plan)
        stages = moved(plan, self.folder.path, self._changes)
        module = MedMNISTDataModule(**image_source(plan, check_settings(stages, runner.fit)))
        module.prepare_data()
        rows = self.folder.make(module.data, self.swap)
        check_inputs(stages, runner.fit)
        return [finding(RunDir(path), rows, self.swap.classes) for path in runner.finished(stages)]

    def _changes(self, stage: Stage) -> list[Override]:
        """Return the settings in which a stage differs: its data, and its forget set if it forgets."""
        data = override("data.file", str(self.folder.data))
        return [data, *self._forget(stage.settings)] if _forgets(stage) else [data]

    def _forget(self, settings: Mapping[str, Any]) -> list[Override]:
        given = [name for name in OTHER_RULES if setting(settings, f"data.forget.{name}") is not None]
        cleared = [Override(f"data.forget.{name}", None, "null") for name in given]
        return [*cleared, override("data.forget.indices", str(self.folder.rows))]


def finding(run: RunDir, rows: np.ndarray, classes: tuple[int, int]) -> Finding:
    """Return what a finished run confuses.

    Args:
        run: The run.
        rows: The training images whose labels are swapped.
        classes: The two classes.
    """
    metrics = run.read_metrics("confuse")
    found = Predictions.from_arrays(run.read_predictions("confuse", Predictions.names())).split_by(rows)
    confused, tested = confusion(found.test, classes)
    swapped = found.forget.probs.argmax(1) == found.forget.labels
    wrong = 100 * float(swapped.mean()) if len(swapped) else None
    return Finding(run, role_of(metrics), str(metrics["method"]), confused, tested, wrong, metrics.get("TA"))


def confusion(part: Part, classes: tuple[int, int]) -> tuple[int, int]:
    """Return how many images of two classes are called the other one, and how many there are.

    Example:
        >>> part = Part(np.eye(3)[[1, 1, 0, 2]], labels=np.array([0, 1, 1, 0]), rows=np.arange(4))
        >>> confusion(part, (0, 1))
        (2, 4)
    """
    own = np.isin(part.labels, classes)
    other = sum(classes) - part.labels
    return int((own & (part.probs.argmax(1) == other)).sum()), int(own.sum())


def table(findings: Sequence[Finding]) -> str:
    """Return the table of a study, and what it cannot show."""
    text = f"{aligned(HEAD, [each.cells for each in findings], left=[0, 1])}\n\n{LEGEND}"
    return text if _has_power(findings) else f"{text}\n\n{WITHOUT_POWER}"


def _has_power(findings: Sequence[Finding]) -> bool:
    """Return whether the original confuses the two classes more than a Retrain; true if one of them is not there."""
    confused = {role: [each.confused for each in findings if each.role == role] for role in ("original", "retrained")}
    known = all(confused.values())
    return not known or max(confused["original"]) > min(confused["retrained"])


def _check_forgetting(plan: Sequence[Stage]) -> None:
    if not any(map(_forgets, plan)):
        raise InputError("confuse: no stage forgets an image; name the configs of a Retrain or of methods too")


def _forgets(stage: Stage) -> bool:
    return any(setting(stage.settings, f"data.forget.{name}") is not None for name in RULES)
