"""Refusals of `medunlearn.report`, with inputs that reach them."""

from pathlib import Path

import torch
from helpers.fake_runs import chain, change, fake

from medunlearn.report import load
from medunlearn.report.reading import find_runs, read_run
from medunlearn.report.readings import changed_weights, check_originals, logged_points
from medunlearn.report.render import write_report
from medunlearn.report.sections import sections
from medunlearn.runs import RunDir

SALUN = "runs/0/salun"


def read(alter):
    """Read a run of which something has been changed."""

    def call(at):
        run = RunDir(chain()[2])
        alter(run)
        return read_run(run)

    return call


def config(text):
    return read(lambda run: run.write_config(text))


def without(key):
    def alter(run):
        metrics = run.read_metrics("test")
        del metrics[key]
        run.write_json(run.metrics, metrics)

    return read(alter)


def remade(read_together):
    """Load a run beside, or without, an original that holds another model now."""

    def call(at):
        train, _, salun = chain()
        change(salun, original_sha256="another")
        frame = load([train, salun] if read_together else [salun])
        return check_originals(frame)

    return call


def cells(alter):
    def call(at):
        train, _, salun = chain()
        frame = load([train, salun])
        alter(RunDir(salun), at)
        (cell,) = sections(frame)[0].of_role("unlearned")
        return changed_weights(cell)

    return call


def other_network(run, at):
    saved = torch.load(run.weights, weights_only=True)
    saved["state_dict"]["fc.bias"] = torch.zeros(9)
    torch.save(saved, run.weights)


def written(out):
    def call(at):
        runs = chain()
        out(at)
        return write_report(load(runs), Path("out"))

    return call


def twice(at):
    train, _, salun = chain()
    again = fake("runs/again", "SalUn", (1.0, 99, 96, 5), before=(1, 99, 96, 4), original=train)
    return sections(load([train, salun, again]))


def other_seed(at):
    first = chain()[1]
    return sections(load([first, fake("runs/other", "Retrain", (9.0, 98, 95, 10), seed=1, lr=0.5)]))


def ambiguous(at):
    train, retrain, salun = chain()
    second = fake("runs/second", "Retrain", (6.0, 98, 95, 10), lr=0.5)
    return sections(load([train, retrain, second, salun]))


def not_entered(at):
    at.denied("is_dir")
    return find_runs(["runs"])


ROWS = [
    (not_entered, "report=runs: cannot be read (Permission denied); name a run directory"),
    (without("RTE"), f"report={SALUN}: {SALUN}/metrics.json lacks RTE; run that stage again"),
    (config("data: 5"), f"report={SALUN}: {SALUN}/config.yaml: data is 5, not a group of settings; write …"),
    (
        config("data: {augmentation: [1]}"),
        f"report={SALUN}: {SALUN}/config.yaml: data.augmentation is not a name; run that stage again",
    ),
    (
        config("data: {forget: {rate: 2}}"),
        f"report={SALUN}: {SALUN}/config.yaml: data.forget.rate is 2, not a share; run that stage again",
    ),
    (
        config("data: {forget: {classes: x}}"),
        "…: data.forget.classes is not a list of whole numbers or names; run that stage again",
    ),
    (config("data: {forget: {groups: {P1: 5}}}"), "…: data.forget.groups is no list of names; run that stage again"),
    (config("data: {forget: {indices: 5}}"), "…: data.forget.indices is not a file name; run that stage again"),
    (
        read(lambda run: run.metrics.unlink()),
        f"report={SALUN}: the run there is unfinished; go on with `medunlearn fit --config {SALUN}/config.yaml "
        "--resume true`, or leave it out",
    ),
    (
        read(lambda run: (run.metrics.unlink(), run.config.unlink())),
        f"report={SALUN}: the run there is unfinished; run that stage again, or leave it out",
    ),
    (
        lambda at: read_run(RunDir("x")),
        "report=x: no run there; make it with `medunlearn…",
    ),
    (
        lambda at: read_run(RunDir(at.write("x").parent)),
        "report=.: holds no finished run; give directories that hold a metrics.json",
    ),
    (
        remade(True),
        f"report={SALUN}: it started from another model than runs/0/train holds now; run that stage again",
    ),
    (
        remade(False),
        f"report={SALUN}: it started from another model than runs/0/train holds now; run that stage again",
    ),
    (
        cells(other_network),
        f"report={SALUN}: its weights are of another network than runs/0/train's; run it again",
    ),
    (
        cells(lambda run, at: run.weights.write_bytes(b"x")),
        f"report={SALUN}: {SALUN}/checkpoints/model.ckpt cannot be read as weights (cut short or damaged (…)); run it "
        "again",
    ),
    (
        cells(lambda run, at: at.denied("open", of="salun/checkpoints/model.ckpt")),
        f"report={SALUN}: {SALUN}/checkpoints/model.ckpt cannot be read (Permission denied); give yourself the right "
        "to read it",
    ),
    (
        lambda at: (at.write("x/logs/version_0/metrics.csv", "epoch,unlearning/UA\n0,x"), logged_points(RunDir("x"))),
        "report=x: x/logs/version_0/metrics.csv holds no curves; delete it, or run that stage again",
    ),
    (
        lambda at: write_report(load([]), Path("out")),
        "report: none of the runs forgets anything; name a Retrain or an unlearned run too",
    ),
    (written(lambda at: at.write("out")), "out=out: is a file; name a directory"),
    (
        written(lambda at: at.denied("mkdir", of="out")),
        "out=out: cannot be written (Permission denied); give yourself the right to write there",
    ),
    (twice, f"report: {SALUN} and runs/again are the same experiment, seed 0; give one of them"),
    (
        other_seed,
        "report: … and … would be seeds of one experiment, but … is … and …; give runs of one setting",
    ),
    (ambiguous, "report: … are both Retrain of the same split, preset and seed, so the gap of … give one of them"),
]
