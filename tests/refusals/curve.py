"""Refusals of learning curves, with inputs that reach them."""

import json
import shutil

import numpy as np

from medunlearn.cli.stages import FitCommand
from medunlearn.metrics import Predictions
from medunlearn.plans.engines import Outcome
from medunlearn.runs import RunDir
from medunlearn.runs.learning_curve import learning_curve
from medunlearn.tuning.curve_points import measured
from medunlearn.tuning.learning_curve import Plan, make_curve

POINT = {"images": 8, "val_error": 5.0}


def curve(**changes):
    """Read the curve beside a copy of an original."""

    def call(at):
        at.take("t")
        content = {"way": "parts", "reading": "ratio", "original_sha256": "another", "original": POINT}
        at.write("t/learning_curve.json", json.dumps({**content, "points": [POINT], **changes}))
        return learning_curve(RunDir("t"), "original")

    return call


def made(run, plan, engine=None):
    def call(at):
        at.take("t", "r", "s")
        return make_curve(RunDir(run), FitCommand(), plan, engine)

    return call


def of_others(stages, announce):
    shutil.copytree("r", stages[0].run.path)
    found = RunDir("r").read_predictions("test")
    changed = {**found, "retain_labels": 1 - np.minimum(found["retain_labels"], 1)}
    stages[0].run.write_predictions(changed)
    yield Outcome(stages[0], "done")


def fails(stages, announce):
    yield Outcome(stages[0], "failed", reason="exit status 2")


def without_validation(at):
    at.take("t")
    found = Predictions.from_arrays(RunDir("t").read_predictions("test"))
    none = found.val.take(np.arange(0))
    return measured(RunDir("t"), Predictions(found.forget, found.retain, found.test, none))


ROWS = [
    (
        curve(),
        "original=t: t/learning_curve.json is of another model; make it again with `medunlearn curve t`, or delete it",
    ),
    (
        curve(reading="sum"),
        "original=t: t/learning_curve.json cannot be read (reading is 'sum', not level, difference or ratio); make it "
        "again, or delete it",
    ),
    (
        curve(points=[{"images": 0, "val_error": 5.0}]),
        "original=t: t/learning_curve.json cannot be read (points is …, not a list of groups of numbers); …",
    ),
    (lambda at: at.command("curve"), "curve: no run given; name a trained original, as in `medunlearn curve runs/…`"),
    (
        lambda at: at.command("curve", "t", "--fractions", "1"),
        "fractions=1: give shares of the training set above 0; the original itself is the whole",
    ),
    (lambda at: Plan("short", (2,)), "fractions=2: give shares of the training set above 0; 1 is the whole"),
    (lambda at: Plan(epochs=3), "epochs=3: give a number of epochs, for `--way short` alone"),
    (lambda at: Plan(seed=-1), "seed=-1: give a whole number of 0 or more"),
    (made("r", Plan()), "original=r: is retrained; name the run that unlearning starts from"),
    (made("no", Plan()), "original=no: no run there; make it with `medunlearn fit …`"),
    (
        made("t", Plan("epochs")),
        "original=t: its CSV logs hold the validation accuracy of 0 epochs, which make no curve; choose another …",
    ),
    (
        made("t", Plan(fractions=(0.5,)), fails),
        "curve: t/learning_curve/parts_16 failed (exit status 2); fix that, and the same command goes on",
    ),
    (
        made("t", Plan(fractions=(0.5,)), of_others),
        "curve: t/learning_curve/parts_16 is of other images than t; bring those back, and delete it",
    ),
    (without_validation, "original=t: was measured on no validation image; give data that have some"),
]
