"""Refusals of poison studies, with inputs that reach them."""

from pathlib import Path

import numpy as np
from helpers.refusals import DATA

from medunlearn.data.npz import read_npz
from medunlearn.poisoning.measurement import measured
from medunlearn.poisoning.poison import Folder, Poison
from medunlearn.poisoning.study import Study
from medunlearn.runs import RunDir

FOLDER = Folder(Path("o"))
INDEX = np.arange(8)


def made(at, **changes):
    """Make a poison of the data of the finished runs, in the folder `o`."""
    at.take("t", "r", "s")
    return FOLDER.make(read_npz(DATA), **{"index": INDEX, "scale": 0.1, "seed": 0, **changes})


def again(**changes):
    return lambda at: (made(at), FOLDER.make(read_npz(DATA), **{"index": INDEX, "scale": 0.1, "seed": 0, **changes}))


def kept(**arrays):
    """Read a poison whose file holds other arrays; None leaves one out."""

    def call(at):
        made(at)
        with np.load(FOLDER.poison) as found:
            changed = {name: value for name, value in {**found, **arrays}.items() if value is not None}
        np.savez(FOLDER.poison, **changed)
        return FOLDER.read()

    return call


def foreign(at):
    at.write("o/poisoned.npz")
    made(at)


def of_run(**changes):
    """Measure a run that was not made of a poison."""

    def call(at):
        at.take("r")
        data = read_npz(DATA)
        poison = Poison.drawn(data, INDEX, 0.1, 0)
        return measured(RunDir("r"), Poison(**{**vars(poison), "poisoned_sha256": data.sha256, **changes}), 9)

    return call


def damaged(at):
    at.write("r/poison.json", '{"mean": 1}')
    return RunDir("r").read_poison("poison")


def study(*names, configs):
    def call(at):
        for name, text in configs.items():
            at.write(name, text)
        at.npz()
        at.command("poison", *names, "--out=o", f"--data.file={DATA}")

    return call


TRAIN, RETRAIN = "run_dir: x/t\nmodel: Train\n", "run_dir: x/r\nmodel: Retrain\ndata: {forget: {rate: 0.25}}\n"
SALUN = "run_dir: x/s\nmodel: {class_path: SalUn, init_args: {original: x/t}}\ndata: {forget: {rate: 0.25}}\n"
LESS = RETRAIN.replace("0.25", "0.5").replace("x/r", "x/l")
OTHER = LESS.replace("forget:", "num_classes: 5, forget:")
ONCE_MORE = "holds a study with another …; give its settings, or name another folder by `--out`"

ROWS = [
    (lambda at: at.command("poison"), "poison: no config given; name some or a plan, as in `medunlearn poison demo`"),
    (lambda at: Study(FOLDER, scale=2), "scale=2: give the noise a standard deviation above 0; 1 is black to white"),
    (lambda at: Study(FOLDER, draws=0), "draws=0: give a whole number of 1 or more"),
    (again(scale=0.2), f"out=o: {ONCE_MORE}"),
    (again(index=INDEX[1:]), f"out=o: {ONCE_MORE}"),
    (foreign, "out=o: o/poisoned.npz is of no study; name another folder by `--out`"),
    (
        kept(noise=None),
        "out=o: o/poison.npz cannot be read (it lacks noise); delete the folder, and the same command makes it again",
    ),
    (
        kept(noise=np.zeros(3)),
        "out=o: o/poison.npz cannot be read (its noise does not fit its images); delete the folder, and the same "
        "command makes it again",
    ),
    (
        of_run(poisoned_sha256="another"),
        "poison: r is of other data than the poisoned ones; delete it, and the same command makes it again",
    ),
    (
        of_run(),
        "poison: r forgot other images than the poisoned ones; delete it, and the same command makes it again",
    ),
    (damaged, "poison=r: r/poison.json cannot be read (it lacks model_sha256); delete it, and it is made again"),
    (
        study("t.yaml", configs={"t.yaml": TRAIN}),
        "poison: no stage forgets an image; name the configs of a Retrain or of methods too",
    ),
    (
        study("s.yaml", configs={"s.yaml": SALUN}),
        "s.yaml: model.init_args.original=x/t: was not made on the poisoned images; name the config that makes it too",
    ),
    (
        study("r.yaml", "l.yaml", configs={"r.yaml": RETRAIN, "l.yaml": LESS}),
        "poison: r.yaml and l.yaml forget other images; poison one forget set",
    ),
    (
        study("r.yaml", "l.yaml", configs={"r.yaml": RETRAIN, "l.yaml": OTHER}),
        "l.yaml: has other data than r.yaml; name configs of one data set",
    ),
]
