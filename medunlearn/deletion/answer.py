"""Summarises a deletion request: what was done, how close the model is to one that never saw the images, and limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from medunlearn.errors import counted
from medunlearn.metrics import Predictions, proxy_gap, proxy_targets
from medunlearn.metrics.notes import collapse
from medunlearn.runs import RunDir
from medunlearn.runs.commands import shown
from medunlearn.runs.record import role_of
from medunlearn.runs.split import requests_of
from medunlearn.tuning.rows import measured_before

DUE = 1.0
"""Growth of the proxy gap over requests, in percentage points, above which a Retrain is recommended."""

LITTLE = 50
"""With fewer forgotten images than this, percentages of them are marked as uncertain."""


@dataclass(frozen=True)
class Answer:
    """A finished run that answers a request.

    Args:
        run: Its run directory.
        original: The run that it started from.
        trials: Number of settings that were tried; 0 if the recipe was used unchanged.
    """

    run: RunDir
    original: RunDir
    trials: int = 0

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The content of the run's `metrics.json`."""
        return self.run.read_metrics("run_dir")

    def untouched(self) -> dict[str, float | None]:
        """The proxy gap of the original, and its parts, in percentage points."""
        predictions, settings = self._before
        return proxy_gap(predictions, predictions, **settings)

    def predicted(self) -> dict[str, float | None]:
        """The metrics predicted for a Retrain, in %."""
        predictions, settings = self._before
        return proxy_targets(predictions, **settings)

    def gaps(self) -> list[float | None]:
        """The proxy gap after each request since the last training from scratch, this request last."""
        done = requests_of(self.run.read_split("run_dir"))[:-1]
        since = max((place + 1 for place, each in enumerate(done) if each.get("role") == "retrained"), default=0)
        own = (self.metrics.get("proxy") or {}).get("gap")
        return [*(each.get("proxy_gap") for each in done[since:]), own]

    @cached_property
    def _before(self) -> tuple[Predictions, dict[str, Any]]:
        attack = self.metrics.get("attack") or {}
        predictions, loss = measured_before(self.original, self.run)
        return predictions, {"feature": attack.get("feature"), "seed": attack.get("seed"), "loss": loss}


def answer_lines(answer: Answer) -> list[str]:
    """Return the summary, one or two sentences per line."""
    metrics, split = answer.metrics, answer.run.read_split("run_dir")
    return [
        _done(split, metrics),
        _how(metrics, answer),
        _how_near(metrics, answer),
        *_over_time(answer),
        *_collapsed(metrics),
        _unchecked(metrics, answer),
        f"Next: {_next(metrics, answer)}",
    ]


def _done(split: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    requests = requests_of(split)
    new, how = requests[-1]["n"], requests[-1].get("how") or {}
    share = 100 * new["train"] / split["train_size"]
    whose = f"{counted(len(how['groups']), how['group_by'])}: " if "groups" in how else ""
    images = f"{counted(new['train'], 'training image')} ({share:.2g} %)"
    others = new["val"] + new["test"]
    dropped = f"; no figure counts {counted(others, 'validation and test image')} of the same" if others else ""
    before = f"; {counted(metrics['n']['forget'], 'image')} with earlier requests" if len(requests) > 1 else ""
    return f"Forgotten: {whose}{images}{before}{dropped}."


def _how(metrics: Mapping[str, Any], answer: Answer) -> str:
    minutes, before = metrics.get("RTE"), answer.original.read_metrics("from")
    own = None if role_of(before) == "unlearned" else before.get("RTE")
    share = f", {100 * minutes / own:.1f} % of training the original" if minutes and own else ""
    chosen = f"; settings chosen among {counted(answer.trials, 'trial')} on validation images" if answer.trials else ""
    cost = "" if minutes is None else f", {60 * minutes:.0f} s{share}"
    return f"How: {metrics['method']}, {counted(metrics['epochs'] or 0, 'epoch')}{cost}{chosen}."


def _how_near(metrics: Mapping[str, Any], answer: Answer) -> str:
    proxy, predicted = metrics.get("proxy") or {}, answer.predicted()
    if proxy.get("gap") is None:
        return "How close to a model that never saw them: cannot be predicted, too few validation images are left."
    before = answer.untouched()
    text = (
        f"How close to a model that never saw them: proxy gap {proxy['gap']:.2f} points, before "
        f"{_number(before['gap'])}; error on the forgotten {metrics['UA']:.1f} %, predicted for such a model "
        f"{_number(predicted['UA'])} %, "
        f"before {_number((metrics.get('before') or {}).get('UA'))} %"
    )
    count = metrics["n"]["forget"]
    few = f"; one of {counted(count, 'image')} is {100 / count:.0f} points of that error, so this tells little"
    return f"{text}; {_verdict(proxy['gap'], before['gap'])}{few if count < LITTLE else ''}."


def _verdict(gap: float, before: float | None) -> str:
    if before is None or gap < before:
        return "closer than before"
    if gap == before:
        return "as near as before, and these images cannot show more"
    return "no closer than before: choose another method or more trials"


def _over_time(answer: Answer) -> list[str]:
    gaps = answer.gaps()
    if len(gaps) < 2:
        return []
    known = [each for each in gaps if each is not None]
    listed = ", then ".join("not known" if each is None else f"{each:.2f}" for each in gaps)
    text = f"Requests since the model was trained from scratch: {len(gaps)}; proxy gap {listed}"
    if len(known) > 1 and known[-1] - known[0] > DUE:
        return [f"{text}. It has grown by more than {DUE:g} point: a Retrain without all of them is due."]
    return [f"{text}. A Retrain is due when it has grown by {DUE:g} point."]


def _unchecked(metrics: Mapping[str, Any], answer: Answer) -> str:
    copies = metrics.get("copies") or {}
    number = (copies.get("exact") or 0) + (copies.get("near") or 0)
    found = (
        [] if metrics.get("reference") else ["no Retrain was trained, so whether it answers like one is predicted only"]
    )
    found += [f"{counted(number, 'forgotten image')} with a copy among the retained"] if number else []
    found += [f"copies of the old model, {answer.original}, and of the images, wherever they are"]
    return f"Not checked: {'; '.join(found)}."


def _collapsed(metrics: Mapping[str, Any]) -> list[str]:
    reason = collapse(metrics.get("notes") or ())
    return [f"Collapsed: {reason}. Do not use this model."] if reason else []


def _next(metrics: Mapping[str, Any], answer: Answer) -> str:
    if collapse(metrics.get("notes") or ()):
        return "call it again with --overwrite true and more --trials, fewer epochs, or another --method"
    return f"look at {answer.run.path / 'audit' / 'audit.html'}; `{shown(['medunlearn', 'receipt', answer.run.path])}`"


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
