"""Carries out a deletion request: tuning by the proxy gap, the run, and its audit; finished steps are skipped."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from medunlearn.audit import audit, read_subjects
from medunlearn.audit.pages import write_audit
from medunlearn.deletion.answer import Answer
from medunlearn.deletion.request import CONFIG, Request
from medunlearn.errors import InputError, counted
from medunlearn.plans.engines import Engine
from medunlearn.plans.options import Override
from medunlearn.plans.reuse import Fit, check_inputs, check_settings
from medunlearn.plans.stages import Stage, read_stage
from medunlearn.runs import RunDir
from medunlearn.tuning.results import write_all
from medunlearn.tuning.rows import chosen, rows_of
from medunlearn.tuning.space import read_space
from medunlearn.tuning.study import Study
from medunlearn.tuning.trials import Place, Recipe, proposed

TRIALS, AUDIT, ORIGINAL = "trials", "audit", "original"
"""Folders that a request adds to the run directory."""


@dataclass(frozen=True)
class Means:
    """The environment in which the stages of a request run.

    Args:
        fit: What plans need to know of `medunlearn fit`.
        engine: What runs stages.
        announce: Called with each stage before it runs.
        reads_validation: Whether a method, by its import path, learns from validation images.
    """

    fit: Fit
    engine: Engine
    announce: Callable[[Stage], None]
    reads_validation: Callable[[str], bool]


def carry_out(request: Request, options: Sequence[Override], trials: int, means: Means) -> Answer:
    """Carry out a request whose config has been written; finished steps are skipped.

    Args:
        request: The request.
        options: Settings that override the config.
        trials: Number of settings to try, beginning with the recipe's own; 0 uses those without tuning.
        means: How stages are run.

    Raises:
        InputError: If a stage fails, or cannot run.
    """
    stage = read_stage(request.run.path / CONFIG, options)
    check_inputs([stage], means.fit)
    folder = request.run.path / TRIALS
    if request.run.finished:
        _check_trials(request.run, folder, trials)
    if trials and (folder.is_dir() or not request.run.finished):
        stage = _tuned(stage, folder, trials, means)
    check_settings([stage], means.fit)
    for outcome in means.engine([stage], means.announce):
        if outcome.state not in ("done", "finished before"):
            raise InputError(
                f"run_dir={request.run}: {outcome.state} ({outcome.reason}), and says why above; fix that, and the "
                "same command goes on"
            )
    against = [] if request.reference is None else [request.reference]
    write_audit(audit(read_subjects([request.run], against)), request.run.path / AUDIT)
    return Answer(request.run, request.original, trials)


def clear(run: RunDir) -> None:
    """Delete a run and the folders that a request has added, and nothing else."""
    for folder in (TRIALS, AUDIT, ORIGINAL):
        shutil.rmtree(run.path / folder, ignore_errors=True)
    (run.path / CONFIG).unlink(missing_ok=True)
    run.clear()


def _check_trials(run: RunDir, folder: Path, trials: int) -> None:
    """Reject another number of trials than an answered request was tuned in: the run could not be the same."""
    tried = Place(folder).begun()
    if tried and trials != tried:
        raise InputError(
            f"trials={trials}: {run} was answered after {counted(tried, 'trial')}; give `--trials {tried}` to see that "
            "answer, or `--overwrite true` to answer it again"
        )


def _tuned(stage: Stage, folder: Path, trials: int, means: Means) -> Stage:
    """Return the stage with the settings of the trial with the smallest proxy gap."""
    settings = means.fit.settings(stage.argv)
    method = str(settings["model"]["class_path"])
    space = read_space(None, method.rpartition(".")[2], settings)
    recipe = Recipe(stage, settings, space, means.reads_validation(method))
    study = Study(Place(folder), [recipe], seed=0)
    for _ in study.run(trials, means.engine, 1, means.announce):
        pass
    rows = rows_of(study)
    write_all(study, rows)
    best = chosen(rows, "proxy")
    if best is None:
        raise InputError(f"trials={trials}: none has finished, and each says why above; give --trials 0 for the recipe")
    changes = proposed(recipe, dict(best.settings))
    return Stage(stage.config, stage.content, (*stage.overrides, *changes), stage.environment)
