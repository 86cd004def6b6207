"""Refusals of `medunlearn.tuning`, with inputs that reach them."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from helpers.studies import write_config

from medunlearn.metrics import Part, Predictions
from medunlearn.plans.engines import Outcome
from medunlearn.plans.stages import read_stage
from medunlearn.runs import RunDir
from medunlearn.tuning import reporting
from medunlearn.tuning.journal import RECIPE
from medunlearn.tuning.reporting import ReportProxyGap
from medunlearn.tuning.space import read_space
from medunlearn.tuning.study import Study, check_same_study, chosen_by
from medunlearn.tuning.trials import Place, Recipe, check_recipes

SETTINGS = {"model": {"init_args": {"lr": 0.01, "original": "t", "ratio": None}}, "trainer": {"max_epochs": 5}}


def space(content):
    return lambda at: read_space(at.write("s.yaml", json.dumps(content)), "Own", SETTINGS)


def lr(form):
    return space({"model.init_args.lr": form})


def recipe(name="a.yaml", method="m.SalUn", original="t", reads_validation=False, **data):
    settings = {
        "data": {"file": "d.npz", **data},
        "model": {"class_path": method, "init_args": {"original": original}},
        "evaluation": {},
        "seed_everything": 0,
        "reference": None,
    }
    stage = read_stage(Path(write_config(name, method)), ())
    return Recipe(stage, settings, (), reads_validation)


def recipes(*changes, select="proxy"):
    return lambda at: check_recipes([recipe(**each) for each in changes], select)


def same_name(at):
    Path("b").mkdir()
    check_recipes([recipe("a.yaml"), recipe("b/a.yaml")], "proxy")


def failed(at):
    """Let the study of a recipe hear that its trial has failed."""
    trial = SimpleNamespace(user_attrs={RECIPE: True}, _trial_id=0)
    storage = SimpleNamespace(set_trial_user_attr=lambda *_: None)
    stage = SimpleNamespace(run=RunDir("r"))
    config = SimpleNamespace(stage=SimpleNamespace(config="a.yaml"))
    study = SimpleNamespace(trials=lambda: [trial], storage=storage, recipe_of=lambda _: config)
    Study._take(study, Outcome(stage, "failed", 1.0, "exit status 1"), 0)


def no_gap(at):
    run = RunDir(at.take("t")[0])
    chosen_by(run, "proxy")


def no_images(at):
    one = Part(at_probs := _probs(), labels=at_probs.argmax(1), rows=at_probs.argmax(1))
    at.patch.setattr(reporting, "original_predictions", lambda *_: Predictions(one, one, one, one))
    ReportProxyGap(Path("s.jsonl"), 0).setup(SimpleNamespace(), SimpleNamespace(datamodule=None), "fit")


def other_labels(at):
    """Unlearn without test images from an original of other labels, made before a hash said so."""
    at.take("t")
    metrics = Path("t/metrics.json")
    content = {key: value for key, value in json.loads(metrics.read_text()).items() if key != "training_sha256"}
    metrics.write_text(json.dumps(content))
    at.npz(val_labels=(np.arange(8) + 1) % 4)
    at.fit("--data.forget.rate=0.25", "--model.init_args.original=t", "--data.test=false", method="SalUn")


def _probs():
    return np.ones((1, 2))


ONE_OF = "write one of {times…"

ROWS = [
    (lr({"log": [0.0, 1]}), "space=s.yaml: model.init_args.lr={log: [0.0, 1]}: is an unknown kind of range; " + ONE_OF),
    (lr({"choice": []}), "space=s.yaml: …: does not give a list of plain values; " + ONE_OF),
    (lr(3), "space=s.yaml: model.init_args.lr=3; " + ONE_OF),
    (lr({"uniform": [1, 2]}), "space=s.yaml: … leaves out the recipe's own 0.01; widen it"),
    (
        space({"run_dir": 1}),
        "space=s.yaml: run_dir is not a setting that may vary; give some of model.init_args or trainer",
    ),
    (space({"trainer.epochs": 1}), "space=s.yaml: there is no setting trainer.epochs; …fix the name"),
    (lr({"choice": [0.01]}), "space=s.yaml: nothing to vary in Own; name a file with parameters by `--space`"),
    (recipes({"original": None}), "config=a.yaml: SalUn unlearns nothing; give a config with an original"),
    (same_name, "config=b/a.yaml: another config is called a too; rename one of them"),
    (
        recipes({}, {"name": "b.yaml", "file": "e.npz"}),
        "config=b.yaml: has other data, original or attack than a.yaml; tune each by itself",
    ),
    (
        recipes({}, {"name": "b.yaml", "method": "m.Twins", "reads_validation": True}),
        "config=b.yaml: Twins learns from validation images, so that its proxy gap looks too good beside others; tune "
        "it by itself",
    ),
    (
        recipes({}, select="average_gap"),
        "select=average_gap: a.yaml names no finished Retrain; give one by `--reference`",
    ),
    (
        failed,
        "tune: the recipe of a.yaml fails (exit status 1), and says why above; fix that, and the same command goes on",
    ),
    (
        lambda at: check_same_study(Place(Path("o")), {"seed": 1}, {"seed": 2}),
        "out=o: holds a study with another seed; give its settings, or name another folder by `--out`",
    ),
    (
        other_labels,
        "model.init_args.original=t: it was run on other data; use the same data.dataset and data.size, or data.file",
    ),
    (no_gap, "tune: t has no proxy gap, for lack of images or of a Retrain; give data that have them"),
    (
        no_images,
        "tune: needs the proxy gap, which cannot be measured: it needs two validation images, and there is 1; give "
        "data that have them",
    ),
]
