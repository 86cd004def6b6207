"""Makes the learning curve of an original, from runs on parts of its training set or from its own logs."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from medunlearn.errors import InputError, check_least
from medunlearn.files import write_whole
from medunlearn.metrics import Reading, nested_order, part_sizes
from medunlearn.plans.engines import Engine, run_locally
from medunlearn.plans.reuse import Fit, check_inputs, check_settings
from medunlearn.plans.schedule import position
from medunlearn.plans.stages import Stage, retraining_method
from medunlearn.runs import RunDir
from medunlearn.runs.commands import CURVE_PARTS, check_finished
from medunlearn.runs.curve_schema import Way
from medunlearn.runs.learning_curve import curve_of, learning_curve
from medunlearn.runs.record import role_of
from medunlearn.tuning.curve_figure import write_figure
from medunlearn.tuning.curve_points import logged_points, measured, on_all_images, point_of

FRACTIONS: dict[Way, tuple[float, ...]] = {"parts": (1 / 8, 1 / 4), "short": (1 / 4, 1 / 2, 1.0), "epochs": (1 / 8,)}
"""Parts of the training set for each way; for `epochs`, the share of the epochs that is skipped."""
READINGS: dict[Way, Reading] = {"parts": "level", "short": "ratio", "epochs": "difference"}
SHORTER = 8
"""A short run has this share of the original's epochs, at least `FEWEST`."""
FEWEST = 3


@dataclass(frozen=True)
class Plan:
    """How a curve is to be made.

    Args:
        way: See `medunlearn.runs.curve_schema.Way`.
        fractions: Parts of the training set, in (0, 1]; by default those in `FRACTIONS` for the way.
        epochs: Epochs of a short run; by default an eighth of the original's, at least three.
        reading: How the curve predicts a Retrain, see `medunlearn.metrics.Reading`; by default the `level` of parts,
            the `ratio` of short runs, the `difference` of epochs.
        moves_attack: Whether the attack's share moves the target of MIA; by default it does with `parts` alone.
        seed: Seed of the parts.

    Raises:
        InputError: If a value is out of range.
    """

    way: Way = "parts"
    fractions: tuple[float, ...] = ()
    epochs: int | None = None
    reading: Reading | None = None
    moves_attack: bool | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for fraction in self.fractions:
            if not 0 < fraction <= 1 or (self.way == "parts" and fraction == 1):
                most = "the original itself is the whole" if self.way == "parts" else "1 is the whole"
                raise InputError(f"fractions={fraction:g}: give shares of the training set above 0; {most}")
        if self.epochs is not None and (self.epochs < 1 or self.way != "short"):
            raise InputError(f"epochs={self.epochs}: give a number of epochs, for `--way short` alone")
        check_least("seed", self.seed)


def curve_beside(
    original: RunDir,
    fit: Fit,
    plan: Plan = Plan(),
    engine: Engine = run_locally,
    announce: Callable[[Stage, str], None] = lambda stage, heading: None,
) -> dict[str, Any]:
    """Return the content of an original's `learning_curve.json`; create the file if it is missing.

    Raises:
        InputError: If the curve is damaged, of another model, or cannot be made; see `make_curve` for arguments.
    """
    if learning_curve(original, "original") is not None:
        return original.read_curve("original")
    return make_curve(original, fit, plan, engine, announce).content


class Made(NamedTuple):
    """A new curve: the content of `learning_curve.json`, and the paths of its figures."""

    content: dict[str, Any]
    figures: list[Path]


def make_curve(
    original: RunDir,
    fit: Fit,
    plan: Plan = Plan(),
    engine: Engine = run_locally,
    announce: Callable[[Stage, str], None] = lambda stage, heading: None,
) -> Made:
    """Make the learning curve of an original and write it to its run directory; finished runs are reused.

    Each run is a directory below `ORIGINAL/learning_curve`, made by `Retrain` with the original's arguments; the images
    left out are its forget set. Parts are stratified samples of the training set, each smaller one a subset of the
    larger ones. Test images are not used.

    Args:
        original: The run directory of the original.
        fit: What plans need to know of `medunlearn fit`.
        plan: How it is made.
        engine: Runs the stages.
        announce: Called with each stage before it runs, and its heading.

    Raises:
        InputError: If the original is missing or has another role, its logs hold no curve, or a run fails.
    """
    check_finished(original, "original")
    role = role_of(original.read_metrics("original"))
    if role != "original":
        raise InputError(f"original={original}: is {role}; name the run that unlearning starts from")
    whole, groups = on_all_images(original)
    own = {"images": len(whole.retain.labels), **measured(original, whole)}
    if plan.way == "epochs":
        points = logged_points(original, own["images"], (plan.fractions or FRACTIONS["epochs"])[0])
    else:
        stages = _stages(original, fit, plan, whole.retain.labels)
        _run(stages, fit, engine, announce)
        points = [point_of(stage.run, original, whole.retain.labels, groups) for stage in stages]
    content = _content(original, plan, own, points)
    original.write_curve(content)
    return Made(content, write_figure(original, curve_of(content)))


def _stages(original: RunDir, fit: Fit, plan: Plan, labels: np.ndarray) -> list[Stage]:
    """Write the config and index file of each run, and return the stages."""
    settings = fit.settings(["fit", "--config", str(original.config)])
    order = nested_order(labels, plan.seed)
    sizes = part_sizes(len(labels), plan.fractions or FRACTIONS[plan.way])
    if plan.way == "short":
        own = original.read_metrics("original").get("epochs") or FEWEST
        plan = replace(plan, epochs=plan.epochs or max(FEWEST, own // SHORTER))
    return [_stage(original, settings, plan, size, np.sort(order[size:])) for size in sizes]


def _stage(original: RunDir, settings: dict[str, Any], plan: Plan, size: int, left_out: np.ndarray) -> Stage:
    name = f"{plan.way}_{size}" + (f"_{plan.epochs}_epochs" if plan.epochs else "")
    run = original.path / CURVE_PARTS / (f"{name}_seed{plan.seed}" if plan.seed else name)
    content: dict[str, Any] = json.loads(json.dumps(settings))  # a copy
    content |= {"run_dir": str(run), "reference": None}
    content["evaluation"] |= {"every_n_epochs": 0, "extra": None}
    content["trainer"] |= {"logger": False}
    content["data"] |= {"groups": None, "forget": {"indices": None}}
    if "test" in content["data"]:
        content["data"]["test"] = False
    if len(left_out):
        indices = run.with_suffix(".txt")
        write_whole(indices, "".join(f"{number}\n" for number in left_out).encode())
        content["data"]["forget"]["indices"] = str(indices)
        content["model"]["class_path"] = retraining_method()
    if plan.way == "short":
        content["trainer"] |= {"max_epochs": plan.epochs, "max_steps": -1}
        content["model"]["init_args"] |= {"lr_schedule": "cosine", "lr_min": 0.0}
    config = run.with_suffix(".yaml")
    write_whole(config, json.dumps(content, indent=2).encode())  # YAML reads JSON too
    return Stage(config, content)


def _run(stages: Sequence[Stage], fit: Fit, engine: Engine, announce: Callable[[Stage, str], None]) -> None:
    check_settings(stages, fit)
    check_inputs(stages, fit)
    for outcome in engine(stages, lambda stage: announce(stage, position(stage, stages))):
        if outcome.state not in ("done", "finished before"):
            what = f"{outcome.stage.run} {outcome.state} ({outcome.reason})"
            raise InputError(f"curve: {what}; fix that, and the same command goes on")
        outcome.stage.run.last.unlink(missing_ok=True)  # 90 MB for a ResNet-18, not needed any more


def _content(original: RunDir, plan: Plan, own: dict[str, Any], points: list[dict[str, Any]]) -> dict[str, Any]:
    made = list(points)
    if plan.way == "parts":
        few = len(points) < 2  # else the parts tell more: on the original's few unseen images luck decides
        points = [*points, own if few else {**own, "attack": None}]
    content = {
        "way": plan.way,
        "reading": plan.reading or READINGS[plan.way],
        "moves_attack": plan.way == "parts" if plan.moves_attack is None else plan.moves_attack,
        "original_sha256": original.weights_sha256(),
        "original": own,
        "points": points,
    }
    trained = made if plan.way != "epochs" else []
    return {
        **content,
        "laws": {name: asdict(law) for name, law in curve_of(content).laws.items()},
        "seed": plan.seed,
        "epochs": sum(each["images"] / own["images"] * each["epochs"] for each in trained),
        "seconds": float(sum(each["seconds"] for each in trained)),
    }
