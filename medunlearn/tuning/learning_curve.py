"""Makes the learning curve of an original, from runs on parts of its training set or from its own logs."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from medunlearn.errors import InputError, counted
from medunlearn.files import write_whole
from medunlearn.metrics import Part, Predictions, Reading, accuracy, attack_shares, nested_order, part_sizes
from medunlearn.plans.engines import Engine, run_locally
from medunlearn.plans.reuse import Fit, check_inputs, check_settings
from medunlearn.plans.stages import Stage
from medunlearn.runs import RunDir
from medunlearn.runs.commands import check_finished
from medunlearn.runs.curve_schema import Way
from medunlearn.runs.learning_curve import curve_of
from medunlearn.runs.logged import logged_values
from medunlearn.runs.record import attack_settings, role_of
from medunlearn.tuning.curve_figure import write_figure

FRACTIONS: dict[Way, tuple[float, ...]] = {"parts": (1 / 8, 1 / 4), "short": (1 / 4, 1 / 2, 1.0), "epochs": (1 / 8,)}
"""Which parts of the training set each way trains on; by epoch, the share of the epochs after which it begins."""
READINGS: dict[Way, Reading] = {"parts": "difference", "short": "ratio", "epochs": "difference"}
SHORTER = 8
"""A short run has this share of the original's epochs, but at least `FEWEST`."""
FEWEST = 3
RETRAIN = "medunlearn.methods.retrain.Retrain"


@dataclass(frozen=True)
class Plan:
    """How a curve is to be made.

    Args:
        way: See `medunlearn.runs.curve_schema.Way`.
        fractions: Parts of the training set; by default those of the way.
        epochs: Epochs of a short run; by default an eighth of the original's, and three at least.
        reading: How the curve is carried over to the original; by default `ratio` for short runs, else `difference`.
        moves_attack: Whether the attack's share moves the target of MIA.
        seed: Seed of the parts.

    Raises:
        InputError: If a value is out of range.
    """

    way: Way = "parts"
    fractions: tuple[float, ...] = ()
    epochs: int | None = None
    reading: Reading | None = None
    moves_attack: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for fraction in self.fractions:
            if not 0 < fraction <= 1 or (self.way == "parts" and fraction == 1):
                most = "the original itself is the whole" if self.way == "parts" else "1 is the whole"
                raise InputError(f"fractions={fraction:g}: give shares of the training set above 0; {most}")
        if self.epochs is not None and (self.epochs < 1 or self.way != "short"):
            raise InputError(f"epochs={self.epochs}: give a number of epochs, for `--way short` alone")
        if self.seed < 0:
            raise InputError(f"seed={self.seed}: give a whole number of 0 or more")


class Made(NamedTuple):
    """What has been made: the content of `learning_curve.json`, and the figures drawn of it."""

    content: dict[str, Any]
    figures: list[Path]


def make_curve(
    original: RunDir,
    fit: Fit,
    plan: Plan = Plan(),
    engine: Engine = run_locally,
    announce: Callable[[Stage], None] = lambda stage: None,
) -> Made:
    """Make the learning curve of an original and write it beside its files; what is finished is not run again.

    Each run is a directory below `ORIGINAL/learning_curve`, made by `Retrain` with the original's arguments; the images
    left out are its forget set. Parts are drawn from the whole training set, each class in proportion, a smaller one
    within a larger one. Test images are not used.

    Args:
        original: The run directory of the original.
        fit: What plans need to know of `medunlearn fit`.
        plan: How it is made.
        engine: What runs the stages.
        announce: Called with each stage before it runs.

    Raises:
        InputError: If the original is missing or no original, its logs hold no curve, or a run fails.
    """
    check_finished(original, "original")
    role = role_of(original.read_metrics("original"))
    if role != "original":
        raise InputError(f"original={original}: is {role}; name the run that unlearning starts from")
    whole = _whole(original)
    own = {"images": len(whole.retain.labels), **measured(original, whole)}
    stages = [] if plan.way == "epochs" else _stages(original, fit, plan, whole.retain.labels)
    if stages:
        _run(stages, fit, engine, announce)
        points = [_point_of(stage.run) for stage in stages]
    else:
        points = _logged(original, own["images"], (plan.fractions or FRACTIONS["epochs"])[0])
    content = _content(original, plan, own, points)
    original.write_curve(content)
    return Made(content, write_figure(original, curve_of(content)))


def measured(run: RunDir, predictions: Predictions) -> dict[str, Any]:
    """Return the figures of a model as a point of a curve has them, its predictions on training images in `retain`."""
    attack = attack_settings(run.read_metrics("original")) or {"feature": "confidence", "seed": 0}
    _, unseen = attack_shares(predictions, attack["feature"], attack["seed"])
    val, train = accuracy(predictions.val), accuracy(predictions.retain)
    if val is None or train is None:
        raise InputError(f"original={run}: was measured on no validation image; give data that have some")
    return {
        "val_error": 100 - val,
        "val_error_by_class": _by_class(predictions.val),
        "train_error": 100 - train,
        "attack": unseen,
    }


def _by_class(part: Part) -> dict[str, float | None]:
    wrong = part.probs.argmax(1) != part.labels
    own = [part.labels == number for number in range(part.probs.shape[1])]
    return {str(number): 100 * float(wrong[at].mean()) if at.any() else None for number, at in enumerate(own)}


def _whole(run: RunDir) -> Predictions:
    """Return an original's predictions with every training image in `retain`."""
    found = Predictions.from_arrays(run.read_predictions("original", Predictions.names()))
    return found.split_by(np.empty(0, np.int64))


def _stages(original: RunDir, fit: Fit, plan: Plan, labels: np.ndarray) -> list[Stage]:
    """Write what each run needs, and return the runs."""
    settings = fit.settings(["fit", "--config", str(original.config)])
    order = nested_order(labels, plan.seed)
    sizes = part_sizes(len(labels), plan.fractions or FRACTIONS[plan.way])
    if plan.way == "short":
        own = original.read_metrics("original").get("epochs") or FEWEST
        plan = replace(plan, epochs=plan.epochs or max(FEWEST, own // SHORTER))
    return [_stage(original, settings, plan, size, np.sort(order[size:])) for size in sizes]


def _stage(original: RunDir, settings: dict[str, Any], plan: Plan, size: int, left_out: np.ndarray) -> Stage:
    name = f"{plan.way}_{size}" + (f"_{plan.epochs}_epochs" if plan.epochs else "")
    run = original.path / "learning_curve" / (f"{name}_seed{plan.seed}" if plan.seed else name)
    content: dict[str, Any] = json.loads(json.dumps(settings))  # a copy
    content |= {"run_dir": str(run), "reference": None}
    content["evaluation"] |= {"every_n_epochs": 0, "extra": None}
    content["trainer"] |= {"logger": False}
    content["data"]["forget"] = {"rate": None, "classes": None, "indices": None, "seed": 0, "stratified": False}
    if "test" in content["data"]:
        content["data"]["test"] = False
    if len(left_out):
        indices = run.with_suffix(".txt")
        write_whole(indices, "".join(f"{number}\n" for number in left_out).encode())
        content["data"]["forget"]["indices"] = str(indices)
        content["model"]["class_path"] = RETRAIN
    if plan.way == "short":
        content["trainer"] |= {"max_epochs": plan.epochs, "max_steps": -1}
        content["model"]["init_args"] |= {"lr_schedule": "cosine", "lr_min": 0.0}
    config = run.with_suffix(".yaml")
    write_whole(config, json.dumps(content, indent=2).encode())  # which YAML reads too
    return Stage(config, content)


def _run(stages: Sequence[Stage], fit: Fit, engine: Engine, announce: Callable[[Stage], None]) -> None:
    check_settings(stages, fit)
    check_inputs(stages, fit)
    for outcome in engine(stages, announce):
        if outcome.state not in ("done", "finished before"):
            what = f"{outcome.stage.run} {outcome.state} ({outcome.reason})"
            raise InputError(f"curve: {what}; mend that, and the same command goes on")
        outcome.stage.run.last.unlink(missing_ok=True)  # 90 MB of a ResNet-18 that nothing goes on from


def _point_of(run: RunDir) -> dict[str, Any]:
    metrics = run.read_metrics("curve")
    predictions = Predictions.from_arrays(run.read_predictions("curve", Predictions.names()))
    return {
        "images": len(predictions.retain.labels),
        **measured(run, predictions),
        "run": str(run),
        "epochs": metrics["epochs"],
        "seconds": sum(metrics["runtime"].values()),
    }


def _logged(original: RunDir, images: int, begin: float) -> list[dict[str, Any]]:
    """Return a point for each epoch that the original has logged, from a share of them on."""
    names = {"val/accuracy": "val_error", "unlearning/RA": "train_error"}
    logged = logged_values(original, [*names], "original")
    epochs = original.read_metrics("original").get("epochs") or 0
    known = [(epoch + 1, values) for epoch, values in logged if "val/accuracy" in values and epoch < epochs]
    if len(known) < 2:
        raise InputError(
            f"original={original}: its CSV logs hold the validation accuracy of {counted(len(known), 'epoch')}, which "
            "make no curve; choose another `--way`"
        )
    shown = [each for each in known if each[0] >= begin * epochs] or known[-2:]
    return [
        {
            "images": max(1.0, images * epoch / epochs),
            "val_error": 100 - 100 * values["val/accuracy"],
            "train_error": 100 - values["unlearning/RA"] if "unlearning/RA" in values else None,
            "epochs": epoch,
            "seconds": 0.0,
        }
        for epoch, values in shown
    ]


def _content(original: RunDir, plan: Plan, own: dict[str, Any], points: list[dict[str, Any]]) -> dict[str, Any]:
    made = list(points)
    if plan.way == "parts":
        points = [*points, own]
    content = {
        "way": plan.way,
        "reading": plan.reading or READINGS[plan.way],
        "moves_attack": plan.moves_attack,
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
