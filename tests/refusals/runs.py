"""Refusals of `medunlearn.runs`, with inputs that reach them."""

import json
from pathlib import Path

import numpy as np
import torch
import yaml

from medunlearn.runs import RunDir
from medunlearn.runs.arrays import check_predictions
from medunlearn.runs.class_names import check_class_names
from medunlearn.runs.commands import check_finished
from medunlearn.runs.content import check
from medunlearn.runs.record import augmentation_of
from medunlearn.runs.schema import Metrics
from medunlearn.runs.starting import check_resumable, check_run_dir, check_same_run
from medunlearn.runs.values import check_mapping

PROBS = np.full((2, 2), 0.5, np.float32)


def predictions(**arrays):
    return lambda at: check_predictions(arrays)


def original(name, write=None):
    """Name something as an original that is no finished run."""

    def call(at):
        if write is not None:
            write(at)
        return check_finished(RunDir(name), "original")

    return call


def state(names, prefix=""):
    return lambda at: torch.save({f"{prefix}{name}": torch.zeros(2) for name in names}, "own.pth")


def altered(change, read=lambda run: run.check_unaltered("original")):
    def call(at):
        run = RunDir(at.take("t")[0])
        change(run)
        return read(run)

    return call


def starts(resume=False, overwrite=False, **files):
    def call(at):
        for name, content in files.items():
            at.write(f"r/{name.replace('_', '.')}", content)
        return check_run_dir(RunDir("r"), resume, overwrite)

    return call


def resumed(settings=None, **split):
    def call(at):
        run = RunDir("r")
        at.write("r/config.yaml", yaml.safe_dump({"data": {"augmentation": "NoAug"}}))
        at.write("r/split.json", json.dumps({"sha256": "a", "data_sha256": "b", "indices": [1]}))
        now = {"sha256": "a", "data_sha256": "b", "indices": [1], **split}
        return check_resumable(run, settings or {"data": {"augmentation": "NoAug"}}, now)

    return call


def same_run(at):
    at.write("r/config.yaml", yaml.safe_dump({"data": {"augmentation": "NoAug"}}))
    return check_same_run(RunDir("r"), {"data": {"augmentation": "Default"}})


def unwritten(at):
    return RunDir("r").write_metrics({"UA": 101})


def not_entered(at):
    at.denied("stat", of="metrics.json")
    return check_finished(RunDir("t"), "original")


def not_read(at):
    at.take("t")
    at.denied("read_bytes")
    return RunDir("t").read_metrics("original")


ROWS = [
    # Arrays and values
    (predictions(test_probs=PROBS.astype(float)), "test_probs holds no float32 (N, C); write it again"),
    (
        predictions(test_probs=PROBS, test_labels=np.zeros(3, np.int64)),
        "the arrays of test differ in length; write them again",
    ),
    (
        predictions(test_probs=PROBS, val_probs=np.full((2, 3), 0.3, np.float32)),
        "its parts differ in their number of classes, or have none; write them again",
    ),
    (lambda at: check({"UA": 101}, Metrics), "UA is 101, not a number from 0 to 100, or null; write it again"),
    (
        lambda at: check_mapping(5, "data"),
        "data is 5, not a group of settings; write `name: value` lines",
    ),
    (
        lambda at: check_class_names("ab", 2),
        "class_names is 'ab', not a list; give one name for each class",
    ),
    (
        lambda at: check_class_names(["a"], 2),
        "class_names has 1 names for 2 classes; give one name for each class, in the order of the labels",
    ),
    (lambda at: check_class_names(["a", ""], 2), "class_names: the name of class 1 …"),
    (
        lambda at: check_class_names(["a", "A"], 2),
        "class_names: classes 0 and 1 are both named A; give each its own name",
    ),
    # An original, a reference
    (
        original("none"),
        "original=none: no run there; make it with `medunlearn fit --config configs/NAME.yaml --run_dir none`",
    ),
    (
        original("begun", lambda at: at.write("begun/config.yaml")),
        "original=begun: the run there is unfinished; make it with `medunlearn fit --config begun/config.yaml --resume "
        "true`",
    ),
    (
        original("t/checkpoints/model.ckpt", lambda at: at.take("t")),
        "original=t/checkpoints/model.ckpt: is a file of a run; give that run's directory, t",
    ),
    (
        original("t/config.yaml", lambda at: at.take("t")),
        "original=t/config.yaml: is a file of a run; give that run's directory, t",
    ),
    (
        original("own.pth", state(["conv1.weight"])),
        "original=own.pth: is a file of weights, and original must be the directory of a finished run, which keeps its "
        "data, forget set and figures; make one with `medunlearn fit`",
    ),
    (
        original("own.pth", state(["conv1.weight"], "module.")),
        "original=own.pth: is a file of weights with the prefix `module.` of DataParallel, and original must be …",
    ),
    (
        original("own.pth", state(["conv1.weight"], "_orig_mod.")),
        "original=own.pth: is a file of weights with the prefix `_orig_mod.` of torch.compile, and original must be …",
    ),
    (
        original("own.txt", lambda at: at.write("own.txt", "x")),
        "original=own.txt: is a file, and original must be the directory of a finished run, …",
    ),
    (not_entered, "original=t: cannot be read (Permission denied); give yourself the right to read it"),
    (
        altered(lambda run: run.metrics.write_text("{}")),
        "original=t: t/metrics.json holds no hashes of its files; run that stage again",
    ),
    (
        altered(lambda run: run.split.write_text("{}")),
        "original=t: split.json is not the file that the run wrote (its SHA-256 differs from the one in metrics.json); "
        "bring it back, or run that stage again",
    ),
    (
        altered(lambda run: run.weights.unlink()),
        "original=t: checkpoints/model.ckpt is missing; bring it back, or run that stage again",
    ),
    # Files of a run
    (
        altered(lambda run: run.write_predictions({"a": PROBS}), lambda run: run.read_predictions("original", ["b"])),
        "original=t: t/predictions.npz cannot be read (it lacks b); run that stage again",
    ),
    (
        altered(lambda run: run.predictions.unlink(), lambda run: run.read_predictions("original")),
        "original=t: t/predictions.npz cannot be read (No such file or directory); run that stage again",
    ),
    (
        altered(lambda run: run.metrics.write_text("[]"), lambda run: run.read_metrics("original")),
        "original=t: t/metrics.json holds no JSON object; run that stage again",
    ),
    (not_read, "original=t: t/metrics.json cannot be read (Permission denied); give yourself the right to read it"),
    (unwritten, "run_dir=r: metrics.json cannot be written (UA is 101, not a number from 0 to 100, or null)"),
    (
        altered(lambda run: run.write_config("data: 5"), lambda run: augmentation_of(run, "original")),
        "original=t: t/config.yaml: data is 5, not a group of settings; write `name: value` lines",
    ),
    # Where a run starts
    (starts(True, True), "resume=true: contradicts overwrite=true; keep one of them"),
    (lambda at: check_run_dir(RunDir(at.write("r")), False, False), "run_dir=r: is a file; name a directory"),
    (
        starts(metrics_json="{}"),
        "run_dir=r: already holds a finished run; `--overwrite true` starts again, another run_dir keeps it",
    ),
    (
        starts(resume=True, metrics_json="{}"),
        "run_dir=r: already holds a finished run, which cannot be resumed; to train for longer, give a larger "
        "`--trainer.max_epochs` with another run_dir, or with `--overwrite true` in place of `--resume true`",
    ),
    (
        starts(config_yaml=""),
        "run_dir=r: already holds an unfinished run; give `--resume true` to go on with it, or `--overwrite true` to "
        "start again",
    ),
    (
        lambda at: (Path("r/logs").mkdir(parents=True), check_run_dir(RunDir("r"), False, False)),
        "run_dir=r: holds logs and no config.yaml, of a run that ended early or of something else; name another "
        "run_dir, or give `--overwrite true` to delete it",
    ),
    (starts(resume=True), "run_dir=r: there is no run to resume; leave out `--resume true`"),
    (
        resumed({"data": {"augmentation": "Default"}}),
        "data.augmentation=Default: the run in r was started with NoAug; resume it with the same",
    ),
    (resumed(indices=[2]), "run_dir=r: its data or forget set has changed since it was started; bring it back"),
    (
        same_run,
        "data.augmentation=Default: the unfinished run in r was made with NoAug; use the same, name another run_dir, "
        "or delete that one",
    ),
]
