"""Refusals of studies of swapped labels, with inputs that reach them."""

from pathlib import Path

import numpy as np
from helpers.refusals import DATA

from medunlearn.confusion.swap import Folder, Swap
from medunlearn.data.npz import read_npz

TRAIN = "run_dir: x/t\nmodel: {class_path: Train}\ndata: {file: d.npz}\n"
SALUN = "run_dir: x/s\nmodel: {class_path: SalUn, init_args: {original: elsewhere}}\ndata: {file: d.npz}\n"


def study(text):
    def call(at):
        at.npz()
        at.write("a.yaml", text)
        at.command("confuse", "a.yaml", "--classes", "0", "1", "--out", "o")

    return call


def again(at):
    at.npz()
    for seed in (0, 1):
        Folder(Path("o")).make(read_npz(DATA), Swap((0, 1), seed=seed))


def damaged(at):
    at.npz()
    at.write("o/confused.npz", "no archive")
    Folder(Path("o")).make(read_npz(DATA), Swap((0, 1)))


ROWS = [
    (
        lambda at: at.command("confuse"),
        "confuse: no config given; name some or a plan, as in `medunlearn confuse demo --classes 0 1`",
    ),
    (lambda at: at.command("confuse", "demo"), "confuse: no classes given; name some, as in `medunlearn confuse …`"),
    (lambda at: Swap((1, 1)), "classes=1 1: name two classes"),
    (lambda at: Swap((0, 1), share=1.0), "share=1: give a share between 0 and 1; some images must keep their labels"),
    (lambda at: Swap((0, 1), seed=-1), "seed=-1: give a whole number of 0 or more"),
    (lambda at: Swap((0, 9)).drawn(np.arange(4), 4), "classes=9: the classes are 0 to 3"),
    (
        lambda at: Swap((0, 1), share=0.1).drawn(np.arange(4), 4),
        "share=0.1: of so few images none is drawn; give a larger share",
    ),
    (again, "out=o: holds a study of other labels; give its settings, or name another folder by `--out`"),
    (damaged, "out=o: o/confused.npz cannot be read (…); delete the folder, and the same command makes it again"),
    (study(TRAIN), "confuse: no stage forgets an image; name the configs of a Retrain or of methods too"),
    (
        study(SALUN),
        "a.yaml: model.init_args.original=elsewhere: was not made on the swapped labels; name the config …",
    ),
]
