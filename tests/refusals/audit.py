"""Refusals of `medunlearn.audit`, with inputs that reach them."""

import numpy as np
from helpers.audited import family, run

from medunlearn.audit import Settings
from medunlearn.runs import RunDir


def command(*argv, retrains=1):
    def call(at):
        family(retrains)
        return at.command("audit", *argv)

    return call


def own_of(change):
    def call(at):
        family(1)
        change(at)
        return at.command("audit", "runs/own", "--out", "out")

    return call


def left_out_nothing(at):
    family(1)
    run("runs/whole", "Retrain", 3, forgotten=np.arange(0))
    return at.command("strata", "runs/train", "--out_of", "runs/whole")


def other_data(at):
    family(1)
    for name, sha256 in (("train", "ab"), ("retrain_0", "cd")):
        made = RunDir(f"runs/{name}")
        made.write_json(made.metrics, made.read_metrics("test") | {"data_sha256": sha256})
    return at.command("strata", "runs/train", "--out_of", "runs/retrain_0")


def against_another(at):
    family(1)
    run("runs/other", "Retrain", 30, forgotten=[1, 2])
    return at.command("audit", "runs/own", "--against", "runs/other")


def strata(*argv):
    def call(at):
        family(1)
        return at.command("strata", *argv)

    return call


ROWS = [
    (lambda at: at.command("strata"), "strata: no run given; name an original, as in `medunlearn strata …`"),
    (strata("runs/train"), "out_of: no run given; name Retrains, such as the parts of the original's learning curve"),
    (strata("runs/own", "--out_of", "runs/retrain_0"), "original=runs/own: is unlearned; name a run that is original"),
    (
        strata("runs/train", "--out_of", "runs/retrain_0"),
        "count=100: give 1 to 26; 80 images were left out by a model",
    ),
    (left_out_nothing, "out_of: none of the runs has left an image out; name Retrains of a forget set"),
    (
        other_data,
        "out_of=runs/retrain_0: it was run on other data; use the same data.dataset and data.size, or data.file",
    ),
    (lambda at: at.command("audit"), "audit: no run directories given; name some, as in `medunlearn audit runs/…`"),
    (command("runs/train"), "audit: none of the runs has unlearned; name one that started from an original"),
    (command("runs/own", "--against", "runs/train"), "against=runs/train: its model has seen the forget set; …"),
    (lambda at: Settings(nonmembers="train"), "nonmembers=train: choose one of test, val"),
    (lambda at: Settings(draws=0), "draws=0: give a number from 1 to 100000"),
    (lambda at: Settings(seed=-1), "seed=-1: give a whole number of 0 or more"),
    (own_of(lambda at: at.write("out")), "out=out: is a file; name a directory"),
    (own_of(lambda at: at.denied("mkdir")), "out=out: cannot be written (Permission denied); …"),
]
