"""The study: creates trials, proposes their settings, runs them and records their results."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medunlearn.errors import InputError
from medunlearn.files import exists
from medunlearn.plans.engines import Engine, Outcome
from medunlearn.plans.stages import Stage
from medunlearn.runs import RunDir
from medunlearn.tuning.journal import CONFIG, RECIPE, open_journal, repair
from medunlearn.tuning.trials import Place, Recipe

DRAWN_FIRST = 5
"""Number of trials drawn uniformly before the sampler uses earlier results."""
IDENTITY = "identity"
SECONDS = "seconds"


class Study:
    """An Optuna study, stored in a file beside its trials, that can be resumed after a kill.

    Proposals depend only on the seed, the trial's number and the results of earlier trials, so that a resumed study
    makes the same proposals as an uninterrupted one.

    Args:
        place: Folder and criterion of the study, and how trials run.
        recipes: The configs that are tuned; each is first run unchanged, then with proposed settings.
        seed: Seed of the proposals.

    Raises:
        InputError: If the folder holds another study.
    """

    def __init__(self, place: Place, recipes: Sequence[Recipe], seed: int) -> None:
        import optuna  # slow; other commands avoid it

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.place, self.recipes, self.seed = place, recipes, seed
        place.folder.mkdir(parents=True, exist_ok=True)
        repair(place.file)
        self.storage = open_journal(place.file)
        if not self.storage.get_all_studies():
            optuna.create_study(storage=self.storage, study_name="tune", direction="minimize")
        self.optuna = optuna.load_study(study_name=None, storage=self.storage)
        before, now = self.optuna.user_attrs.get(IDENTITY), self._identity()
        check_same_study(place, before, now)
        if before is None:
            self.optuna.set_user_attr(IDENTITY, now)
        for recipe in recipes[len(self.trials()) :]:
            named = {CONFIG: recipe.name} if len(recipes) > 1 else {}
            own = {self._label(recipe, each.name): each.own for each in recipe.parameters}
            self.optuna.enqueue_trial(named | own, user_attrs={CONFIG: recipe.name, RECIPE: True})

    def trials(self) -> list[Any]:
        """Return every trial, by its number."""
        return self.optuna.get_trials(deepcopy=False)

    def run(self, total: int, engine: Engine, at_once: int, announce: Callable[[Stage], None]) -> Iterator[Outcome]:
        """Run trials until there are `total`, beginning with unfinished ones of an earlier call.

        Args:
            total: Number of trials in all, including stopped and failed ones.
            engine: Runs the stages.
            at_once: Number of trials proposed at a time.
            announce: Called with each stage before it runs.

        Raises:
            InputError: If an unchanged recipe fails or its proxy gap cannot be measured, as every trial would then
                fail.
        """
        while stages := self._next(total, at_once):
            numbers = {stage.run.path: number for number, stage in stages.items()}
            for outcome in engine(list(stages.values()), announce):
                self._take(outcome, numbers[outcome.stage.run.path])
                yield outcome

    def recipe_of(self, trial: Any) -> Recipe:
        """Return the recipe of a trial."""
        return next(each for each in self.recipes if each.name == trial.user_attrs[CONFIG])

    def values(self, trial: Any) -> dict[str, Any]:
        """Return the proposed settings of a trial by name; empty for an unchanged recipe."""
        if RECIPE in trial.user_attrs:
            return {}
        recipe, asked = self.recipe_of(trial), _Proposed(trial.params)
        labels = {each: self._label(recipe, each.name) for each in recipe.parameters}
        return {each.name: each.suggested(asked, label) for each, label in labels.items()}

    def _next(self, total: int, at_once: int) -> dict[int, Stage]:
        """Return the stages to run next, by the numbers of their trials."""
        begun = [each.number for each in self.trials() if each.state.name == "RUNNING"]
        waiting = sum(each.state.name == "WAITING" for each in self.trials())
        left = total - len(self.trials()) + waiting
        numbers = [*begun, *(None for _ in range(min(left, at_once - len(begun))))][:at_once]
        return dict(self._proposal(number) for number in numbers)

    def _proposal(self, number: int | None) -> tuple[int, Stage]:
        """Return number and stage of a trial that was begun or, with None, of a new one."""
        import optuna

        self._seed_sampler("", len(self.trials()))
        trial = self.optuna.ask() if number is None else optuna.trial.Trial(self.optuna, self._id(number))
        recipe = self._chosen(trial)
        for each in recipe.parameters:
            self._seed_sampler(each.name, trial.number)
            each.suggested(trial, self._label(recipe, each.name))
        frozen = self.trials()[trial.number]
        return trial.number, self.place.stage(recipe, self.values(frozen), trial.number)

    def _chosen(self, trial: Any) -> Recipe:
        names = [each.name for each in self.recipes]
        self._seed_sampler(CONFIG, trial.number)
        name = trial.suggest_categorical(CONFIG, names) if len(names) > 1 else names[0]
        trial.set_user_attr(CONFIG, name)
        return self.recipes[names.index(name)]

    def _seed_sampler(self, setting: str, number: int) -> None:
        """Set a freshly seeded sampler, for one setting of one trial."""
        import optuna

        entropy = [self.seed, number, *setting.encode()]
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        self.optuna.sampler = optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=DRAWN_FIRST, multivariate=False, constant_liar=False
        )

    def _take(self, outcome: Outcome, number: int) -> None:
        """Record the result of a trial in the study."""
        from optuna.trial import TrialState

        trial, run = self.trials()[number], outcome.stage.run
        spent = trial.user_attrs.get(SECONDS, 0.0) + outcome.seconds
        self.storage.set_trial_user_attr(trial._trial_id, SECONDS, spent)
        if run.finished and outcome.state in ("done", "finished before"):
            self.optuna.tell(number, chosen_by(run, self.place.select))
        elif run.was_stopped:
            self.optuna.tell(number, state=TrialState.PRUNED)
        elif RECIPE in trial.user_attrs:
            raise InputError(
                f"tune: the recipe of {self.recipe_of(trial).stage.config} fails ({outcome.reason}), and says why "
                "above; fix that, and the same command goes on"
            )
        else:
            self.storage.set_trial_user_attr(trial._trial_id, "reason", outcome.reason)
            self.optuna.tell(number, state=TrialState.FAIL)
        run.last.unlink(missing_ok=True)  # 90 MB for a ResNet-18, not needed any more

    def _id(self, number: int) -> int:
        return int(self.trials()[number]._trial_id)

    def _label(self, recipe: Recipe, name: str) -> str:
        return name if len(self.recipes) == 1 else f"{recipe.name}:{name}"

    def _identity(self) -> dict[str, Any]:
        """Return the study's defining settings in JSON types."""
        content = {
            "configs": {each.name: _task_of(each) for each in self.recipes},
            "space": {each.name: [parameter.described() for parameter in each.parameters] for each in self.recipes},
            "select": self.place.select,
            "seed": self.seed,
            "no_halving": not self.place.halved,
            "curve": _sha256(self.recipes[0].original.curve),
        }
        return dict(json.loads(json.dumps(content, default=str)))


def check_same_study(place: Place, before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> None:
    """Reject resuming a study with other defining settings.

    Raises:
        InputError: If a setting differs; the message names the first one.
    """
    for name, value in now.items() if before else ():
        if before is not None and before.get(name) != value:
            raise InputError(
                f"out={place.folder}: holds a study with another {name.removesuffix('s')}; give its settings, "
                "or name another folder by `--out`"
            )


def chosen_by(run: RunDir, select: str) -> float:
    """Return the gap of a finished trial that settings are chosen by.

    Raises:
        InputError: If it could not be measured.
    """
    metrics = run.read_metrics("out")
    value = (metrics.get("proxy") or {}).get("gap") if select == "proxy" else metrics.get("AG")
    if value is None:
        name = "proxy gap" if select == "proxy" else "Average Gap"
        raise InputError(f"tune: {run} has no {name}, for lack of images or of a Retrain; give data that have them")
    return float(value)


def _task_of(recipe: Recipe) -> dict[str, Any]:
    """Return the settings of a config that define its trials; those of display and logging may change."""
    shown = ("logger", "enable_progress_bar", "enable_model_summary")
    trainer = {name: value for name, value in recipe.settings["trainer"].items() if name not in shown}
    kept = {name: recipe.settings[name] for name in ("data", "model", "evaluation", "seed_everything", "reference")}
    return {**kept, "trainer": trainer}


def _sha256(file: Path) -> str | None:
    return hashlib.sha256(file.read_bytes()).hexdigest() if exists(file) else None


class _Proposed:
    """A stand-in for an Optuna trial that returns settings proposed earlier."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.params = params

    def suggest_categorical(self, name: str, *_: Any, **__: Any) -> Any:
        return self.params[name]

    suggest_int = suggest_float = suggest_categorical
