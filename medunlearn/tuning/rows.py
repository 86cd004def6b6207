"""Results of a study: a row for each trial and one for the original without unlearning."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from medunlearn.files import exists, read_json
from medunlearn.metrics import GAP_METRICS, Loss, Predictions, average_gap, proxy_gap
from medunlearn.runs import RunDir
from medunlearn.runs.learning_curve import learning_curve
from medunlearn.runs.split import dropped_of
from medunlearn.tuning.journal import RECIPE
from medunlearn.tuning.study import SECONDS, Study
from medunlearn.tuning.trials import Recipe, Select

STATES = {"COMPLETE": "finished", "PRUNED": "stopped", "FAIL": "failed", "RUNNING": "unfinished", "WAITING": "to come"}
UNTOUCHED = "untouched"


class Row(NamedTuple):
    """Results of a trial, or of the original without unlearning."""

    trial: str
    """Number of the trial, or `untouched` for the original."""
    config: str
    method: str
    state: str
    run: str
    recipe: bool = False
    """Whether it runs a config unchanged."""
    settings: Mapping[str, Any] = {}
    """Proposed values by the names of the settings."""
    parts: Mapping[str, float | None] = {}
    """The parts of the proxy gap in percentage points: UA, RA, TA on validation images, MIA."""
    proxy: float | None = None
    """The proxy gap in percentage points; for a stopped trial, that when it was stopped."""
    AG: float | None = None
    RTE: float | None = None
    """Run time of the method in minutes."""
    minutes: float = 0.0
    """Total time of the trial, including measurements and start-up."""
    reason: str = ""
    """Why it was stopped or failed."""

    def gap(self, select: Select) -> float | None:
        """Return the gap that is the criterion of the choice."""
        return self.proxy if select == "proxy" else self.AG


def rows_of(study: Study) -> list[Row]:
    """Return a row for the original, if its metrics are available, and one for every trial that was started."""
    begun = [each for each in study.trials() if each.state.name != "WAITING"]
    rows = [_row(study, each) for each in begun]
    split = next((each for each in begun if exists(study.place.run(each.number).split)), None)
    if split is None:
        return rows
    recipe, run = study.recipe_of(split), study.place.run(split.number)
    return [untouched(recipe, run, study.place.select), *rows]


def untouched(recipe: Recipe, run: RunDir, select: Select) -> Row:
    """Return the row of the original without unlearning.

    Args:
        recipe: A config of the study.
        run: A trial's run directory, from which the forget set is read.
        select: The criterion of the choice.
    """
    predictions, loss = measured_before(recipe.original, run)
    found = proxy_gap(predictions, predictions, **recipe.attack, loss=loss)
    gap = _gap_before(recipe, run) if select == "average_gap" else None
    parts = {name: found[name] for name in GAP_METRICS}
    return Row(UNTOUCHED, "", UNTOUCHED, "", str(recipe.original), parts=parts, proxy=found["gap"], AG=gap)


def measured_before(original: RunDir, run: RunDir) -> tuple[Predictions, Loss | None]:
    """Return an original's predictions on a run's split, and the predicted loss of a Retrain, if it has a curve.

    Args:
        original: The run that `run` started from.
        run: An unlearned run, from which the forget set is read.
    """
    split = run.read_split("run_dir")
    arrays = original.read_predictions("original", Predictions.names())
    predictions = Predictions.from_arrays(arrays).split_by(split["indices"], dropped_of(split))
    curve = learning_curve(original, "original")
    return predictions, None if curve is None else curve.loss_for(predictions)


def chosen(rows: Sequence[Row], select: Select) -> Row | None:
    """Return the finished trial with the smallest gap (the first of equal ones); None if none has finished."""
    finished = [row for row in rows if row.state == STATES["COMPLETE"] and row.gap(select) is not None]
    return min(finished, key=lambda row: row.gap(select) or 0.0, default=None)


def _row(study: Study, trial: Any) -> Row:
    recipe, run = study.recipe_of(trial), study.place.run(trial.number)
    state = STATES[trial.state.name]
    found = _measured(run) if state == "finished" else _stopped(run) if state == "stopped" else {}
    seconds = max(trial.user_attrs.get(SECONDS, 0.0), sum((found.pop("runtime", None) or {}).values()))
    return Row(
        trial=str(trial.number),
        config=recipe.name,
        method=recipe.method,
        state=state,
        run=str(run),
        recipe=RECIPE in trial.user_attrs,
        settings={each.name: each.own for each in recipe.parameters} | study.values(trial),
        minutes=seconds / 60,
        **{"reason": trial.user_attrs.get("reason", ""), **found},
    )


def _measured(run: RunDir) -> dict[str, Any]:
    metrics = run.read_metrics("out")
    proxy = metrics.get("proxy") or {}
    found = {"proxy": proxy.get("gap"), "parts": {name: proxy.get(name) for name in GAP_METRICS}}
    return {**found, **{name: metrics.get(name) for name in ("AG", "RTE", "runtime")}}


def _stopped(run: RunDir) -> dict[str, Any]:
    content = read_json(run.stopped)
    at = f"after {content['epochs']} of {content['of']} epochs: {content['why']}"
    return {"proxy": content["gap"], "reason": at, **{name: content[name] for name in ("RTE", "runtime")}}


def _gap_before(recipe: Recipe, run: RunDir) -> float | None:
    """Return the original's AG from a finished trial, which has measured the original on this forget set."""
    reference = RunDir(recipe.settings["reference"]).read_metrics("reference")
    before = run.read_metrics("out").get("before") if run.finished else None
    return average_gap(before, reference) if before else None
