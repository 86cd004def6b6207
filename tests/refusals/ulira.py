"""Refusals of U-LiRA studies, with inputs that reach them."""

from pathlib import Path

from helpers.refusals import DATA

from medunlearn.data.npz import read_npz
from medunlearn.ulira.design import Design
from medunlearn.ulira.folder import Folder
from medunlearn.ulira.study import Study

FOLDER = Folder(Path("o"))
TRAIN, TUNED = (
    "run_dir: x/t\nmodel: Train\n",
    "run_dir: x/f\nmodel: {class_path: FineTune, init_args: {original: x/t}}\n",
)
FORGET = "data: {forget: {rate: 0.25}}\n"
OTHER = "run_dir: x/r\nmodel: Retrain\ndata: {num_classes: 5, forget: {rate: 0.25}}\n"
AGAIN = "delete the folder, and the same command makes it again"


def ulira(*contents, options=()):
    """Run the command with configs `0.yaml`, `1.yaml`, ... of these contents."""

    def call(at):
        at.npz()
        names = [str(at.write(f"{number}.yaml", content)) for number, content in enumerate(contents)]
        at.command("ulira", *names, "--out=o", f"--data.file={DATA}", *options)

    return call


def begun(content):
    def call(at):
        at.write("o/design.json", content)
        at.npz()
        FOLDER.check_same(Design(4, 1, 2, 0, 32), read_npz(DATA))

    return call


def foreign(at):
    at.write("o/000/data.npz")
    at.npz()
    FOLDER.check_same(Design(4, 1, 2, 0, 32), read_npz(DATA))


ROWS = [
    (lambda at: at.command("ulira"), "ulira: no config given; name some or a plan, as in `medunlearn ulira demo`"),
    (
        lambda at: Study(FOLDER, originals=5),
        "originals=5: give an even number of 4 or more; two share out the training images",
    ),
    (lambda at: Study(FOLDER, targets=0), "targets=0: give a whole number of 1 or more"),
    (
        lambda at: Design(4, 3, 5, 0, 31),
        "targets=5: 3 draws take 30 images and some must be left of 31; give fewer of either",
    ),
    (begun("{"), f"out=o: o/design.json cannot be read (…); {AGAIN}"),
    (begun("[]"), f"out=o: o/design.json cannot be read (it holds no JSON object); {AGAIN}"),
    (
        begun("{}"),
        "out=o: holds a study with other data; give its settings, or name another folder by `--out`",
    ),
    (foreign, "out=o: holds data of no study; name another folder by `--out`"),
    (ulira(TRAIN), "ulira: no stage unlearns; name the config of a method and of its original"),
    (
        ulira(TUNED + FORGET),
        "0.yaml: model.init_args.original=x/t: is not a shadow; name the config that trains it too",
    ),
    (
        ulira(TUNED + FORGET, TUNED.replace("x/t", "x/other").replace("x/f", "x/g") + FORGET),
        "ulira: 0.yaml and 1.yaml start from different originals; audit methods of one original",
    ),
    (
        ulira(TRAIN, TRAIN.replace("x/t", "x/s"), TUNED),
        "1.yaml: forgets no image, and no method here starts from it; leave it out, or name what it forgets",
    ),
    (
        ulira(TRAIN, TUNED + FORGET, options=["--data.test=false"]),
        "0.yaml: data.test=false: images that were never seen are added to the test images; leave it out",
    ),
    (
        ulira(TRAIN, OTHER, TUNED + FORGET),
        "1.yaml: has other data than 0.yaml; name configs of one data set",
    ),
]
