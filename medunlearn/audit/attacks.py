"""Membership attacks with ROC curves on forgotten or retained images against images never seen."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np

from medunlearn.audit.settings import Settings
from medunlearn.audit.subjects import Model, Subject
from medunlearn.metrics import (
    Part,
    Signal,
    attack_sample,
    auc,
    balanced_accuracy,
    bootstrap,
    can_show,
    difference,
    interval,
    offline_lira,
    rmia,
    roc,
    signal,
    tpr_at,
)

LEVELS = (0.1, 0.01, 0.001)
"""False positive rates at which true positive rates are reported."""
THE_MODEL, TWO_MODELS, RETRAINS = "the model", "the model and the untouched one", "the model and Retrains"
POPULATION: tuple[Signal, ...] = get_args(Signal)


@dataclass(frozen=True)
class Scores:
    """Scores of an attack; higher means more like a member of the part that it searches for.

    Args:
        members: Scores of the images that it searches for, (M,).
        nonmembers: Scores of images that the model has never seen, (N,).
        member_rows: Row of each member in its part of the predictions, (M,).
        nonmember_rows: Row of each non-member in its part, (N,).
    """

    members: np.ndarray
    nonmembers: np.ndarray
    member_rows: np.ndarray
    nonmember_rows: np.ndarray


@dataclass(frozen=True)
class AttackRow:
    """One attack on one model.

    Attributes:
        part: The part whose images it searches for: `forget` or `retain`.
        attack: Its name.
        holds: The models that the attacker has.
        model: The label of the attacked model.
        n: Numbers of images searched for and of non-members.
        figures: `auc`, `balanced_accuracy`, `tpr@0.1`, ...: value by name; None if there are too few images for it.
        intervals: The 95 % intervals by the same names.
    """

    part: str
    attack: str
    holds: str
    model: str
    n: tuple[int, int]
    figures: Mapping[str, float | None] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float] | None] = field(default_factory=dict)

    @property
    def auc(self) -> float:
        """The area under the curve."""
        value = self.figures["auc"]
        assert value is not None
        return value


def attack_rows(subject: Subject, settings: Settings) -> list[AttackRow]:
    """Return every attack on every model of a subject; an empty list without forgotten images or non-members."""
    forget = subject.unlearned.predictions.forget
    outside = nonmembers(subject.unlearned, settings)
    if not len(forget.labels) or not len(outside.labels):
        return []
    return [
        *_population(subject, settings),
        *_by_difference(subject, settings),
        *_by_reference(subject, settings),
    ]


def nonmembers(model: Model, settings: Settings) -> Part:
    """Return a model's predictions on images that none of the models was trained on."""
    part: Part = getattr(model.predictions, settings.nonmembers)
    return part


def margin_scores(model: Model, settings: Settings) -> Scores | None:
    """Return a model's margins on forgotten images and non-members; None for a run without saved logits."""
    return population_scores(model, "forget", "margin", settings)


def population_scores(model: Model, part: str, name: Signal, settings: Settings) -> Scores | None:
    """Return one signal on a part and on non-members; the retain set is sampled to the number of non-members."""
    inside, outside = getattr(model.predictions, part), nonmembers(model, settings)
    if part == "retain":
        inside = inside.take(attack_sample(len(inside.labels), len(outside.labels), settings.seed)[0])
    members, others = signal(inside, name), signal(outside, name)
    return None if members is None or others is None else Scores(members, others, inside.rows, outside.rows)


def measure(scores: Scores, settings: Settings, subject: Subject) -> dict[str, Any]:
    """Return the statistics of an attack for `AttackRow`; intervals are drawn by patient if patients are known."""
    curve = roc(scores.members, scores.nonmembers)
    drawn = bootstrap(
        scores.members,
        scores.nonmembers,
        levels=LEVELS,
        draws=settings.draws,
        seed=settings.seed,
        member_groups=subject.groups_of("train", scores.member_rows),
        nonmember_groups=subject.groups_of(settings.nonmembers, scores.nonmember_rows),
    )
    figures: dict[str, float | None] = {
        "auc": auc(scores.members, scores.nonmembers),
        "balanced_accuracy": balanced_accuracy(curve),
    }
    for level in LEVELS:
        figures[f"tpr@{level:g}"] = tpr_at(curve, level) if can_show(level, len(scores.nonmembers)) else None
    intervals = {name: None if value is None else interval(drawn[name]) for name, value in figures.items()}
    return {"n": (len(scores.members), len(scores.nonmembers)), "figures": figures, "intervals": intervals}


def _population(subject: Subject, settings: Settings) -> Iterator[AttackRow]:
    for part in ("forget", "retain"):
        for name in POPULATION:
            for model in subject.models:
                scores = population_scores(model, part, name, settings)
                if scores is not None:
                    yield AttackRow(part, name, THE_MODEL, model.label, **measure(scores, settings, subject))


def _by_difference(subject: Subject, settings: Settings) -> Iterator[AttackRow]:
    """Yield the attack with both models, by the fall in margin; a Retrain leaves such a trace too."""
    original = subject.original and margin_scores(subject.original, settings)
    if not original:
        return
    for model in (subject.unlearned, *subject.retrains):
        if scores := margin_scores(model, settings):
            fallen = Scores(
                difference(original.members, scores.members),
                difference(original.nonmembers, scores.nonmembers),
                scores.member_rows,
                scores.nonmember_rows,
            )
            yield AttackRow("forget", "difference", TWO_MODELS, model.label, **measure(fallen, settings, subject))


def _by_reference(subject: Subject, settings: Settings) -> Iterator[AttackRow]:
    """Yield RMIA and offline LiRA with Retrains as reference models; Retrains among themselves are the null."""
    for model in subject.models:
        references = [each for each in subject.retrains if each is not model]
        for name, scores in (
            ("RMIA", rmia_scores(model, references, settings)),
            ("LiRA", _lira(model, references, settings)),
        ):
            if scores is not None:
                yield AttackRow("forget", name, RETRAINS, model.label, **measure(scores, settings, subject))


def rmia_scores(model: Model, references: list[Model], settings: Settings) -> Scores | None:
    """Return RMIA's scores: one half of the non-members is the population, the other half is attacked."""
    outside = nonmembers(model, settings)
    order = np.random.default_rng(settings.seed).permutation(len(outside.labels))
    population, attacked = np.sort(order[::2]), np.sort(order[1::2])
    if not references or not len(attacked):
        return None
    forget = model.predictions.forget
    own, others = _true(outside), np.stack([_true(nonmembers(each, settings)) for each in references])
    inside = np.stack([_true(each.predictions.forget) for each in references])
    z = own[population], others[:, population]
    return Scores(
        rmia(_true(forget), inside, *z),
        rmia(own[attacked], others[:, attacked], *z),
        forget.rows,
        outside.rows[attacked],
    )


def _lira(model: Model, references: list[Model], settings: Settings) -> Scores | None:
    found = [margin_scores(each, settings) for each in (model, *references)]
    known = [each for each in found if each is not None]
    if len(references) < 2 or len(known) < len(found):
        return None
    own, *others = known
    everyone = [np.concatenate([each.members, each.nonmembers]) for each in others]
    scores = offline_lira(np.concatenate([own.members, own.nonmembers]), np.stack(everyone))
    members, outside = np.split(scores, [len(own.members)])  # together: the attacker does not know which are which
    return Scores(members, outside, own.member_rows, own.nonmember_rows)


def _true(part: Part) -> np.ndarray:
    """Return the probability of the true class, (N,)."""
    return np.asarray(part.probs[np.arange(len(part.labels)), part.labels].astype(np.float64))
