"""Refusals of `medunlearn.data`, with inputs that reach them."""

import re
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from helpers.runs import COUNTS

from medunlearn.data import ForgetSpec, MedMNISTDataModule, breast28, medmnist, named
from medunlearn.data.augmentation import draw
from medunlearn.data.forgetting import choose_forget_set, read_indices
from medunlearn.data.group_names import group_names
from medunlearn.data.groups import read_groups
from medunlearn.data.loading import check_loading
from medunlearn.data.medmnist import check_dataset, fetch
from medunlearn.data.npz import read_npz
from medunlearn.data.sampling import check_draw
from medunlearn.runs import RunDir

LABELS = np.array([0, 1, 2, 3] * 8)
PRESETS = "unknown preset; choose one of NoAug, Default, Default+RandAugment"
KEYS = "train_images, train_labels, val_images, val_labels, test_images, test_labels"


def images(*shape, dtype=np.uint8):
    return np.zeros(shape, dtype)


def changed(**arrays):
    """Read a data file with changed arrays."""
    return lambda at: read_npz(at.npz(**arrays))


def labels(values, **more):
    return lambda at: read_npz(at.npz(train_labels=np.asarray(values), **more))


def file(name, content=""):
    """Read a data file of any content."""
    return lambda at: read_npz(at.write(name, content))


def indices(name, content, count=32):
    return lambda at: read_indices(at.write(name, content), count)


def chosen(**spec):
    return lambda at: choose_forget_set(LABELS, 5, ForgetSpec(**spec))


def official(content=None, download=False, error=None, name="exists"):
    """Fetch bloodmnist from a folder `data`; with an error, as a system refuses it."""

    def call(at):
        if content is not None:
            at.write("data/bloodmnist_64.npz", content)
        if error is not None:
            at.denied(name, error)
        return fetch("bloodmnist", 64, "data", download)

    return call


def sent(at, content=b"x", scheme="http"):
    """Download from a server that sends something else."""
    info = {"bloodmnist": medmnist._info()["bloodmnist"] | {"url_64": f"{scheme}://host/file"}}
    at.patch.setattr(medmnist, "_info", lambda: info)
    if scheme == "http":
        at.patch.setattr(medmnist, "_transfer", lambda url, part, path: part.write_bytes(content))
    return fetch("bloodmnist", 64, "data")


def cut(at):
    """Write a data file whose directory says more of an array than its data hold."""
    read_npz(at.npz())
    with zipfile.ZipFile("d.npz") as whole, zipfile.ZipFile("cut.npz", "w") as archive:
        for name in whole.namelist():
            archive.writestr(name, whole.read(name))
    at.patch.setattr("medunlearn.data.npz._header", _longer)
    at.patch.setattr("medunlearn.data.npz._check_headers", lambda *_: None)
    return read_npz("cut.npz")


def _longer(archive, key):
    from medunlearn.files import read_header

    member = archive.getinfo(f"{key}.npy")
    with archive.open(member) as stream:
        header = read_header(stream, member.file_size, key)
    return header._replace(shape=(40, 8, 8, 3)) if key == "val_images" else header


def whose(content, **settings):
    """Read a table of whose the images of one training image are."""
    return lambda at: read_groups(at.write("p.csv", content), **{"by": "patient", "sizes": {"train": 1}} | settings)


PATIENTS = "".join(f"{split},{row},P{row % 4}\n" for split, count in COUNTS.items() for row in range(count))
HEAD = "split,index,patient\n"


def asked(groups, after=None, table=HEAD + PATIENTS, test=True, **forget):
    """Choose a forget set of tiny images with a table of their patients."""

    def call(at):
        file, spec = at.npz(), ForgetSpec(groups=groups, after=after, **forget)
        whose = None if table is None else at.write("p.csv", table)
        return MedMNISTDataModule(file=file, groups=whose, forget=spec, test=test).forget_set

    return call


def after(earlier, groups, **changes):
    """Choose a forget set that adds to a run of which split.json says what `earlier` does."""

    def call(at):
        at.take("r")
        run = RunDir("r")
        run.write_json(run.split, run.read_split("r") | earlier)
        run.write_json(run.metrics, run.read_metrics("r") | {"files": run.hashes()})
        return asked(groups, after="r", **changes)(at)

    return call


def untested(groups):
    """Choose a forget set after a run without test images."""

    def call(at):
        first = MedMNISTDataModule(
            file=at.npz(), groups=at.write("p.csv", HEAD + PATIENTS), forget={"groups": "P1"}, test=False
        )
        return after(first.split_record(), groups)(at)

    return call


def plug_in(at, made):
    at.patch.setattr(named, "find", lambda *_: made)
    return named.read_named("mine", 28, Path(), False)


def directory(name):
    return lambda at: Path(name).mkdir(parents=True)


def both(first, second):
    def call(at):
        first(at)
        return second(at)

    return call


ROWS = [
    (
        lambda at: ForgetSpec(indices=[1, 2]),
        "data.forget.indices=list: give the path of a file; write the indices into one",
    ),
    (
        lambda at: MedMNISTDataModule("synthetic", forget=0.1),
        "data.forget=0.1: give a ForgetSpec, such as ForgetSpec(rate=0.1)",
    ),
    # Settings
    (lambda at: draw("Flip", 1, torch.Generator()), f"data.augmentation=Flip: {PRESETS}"),
    (lambda at: check_loading("default", 8, 0), f"data.augmentation=default: {PRESETS}"),
    (lambda at: check_loading("NoAug", 0, 0), "data.batch_size=0: give a whole number of 1 or more"),
    (lambda at: check_loading("NoAug", 8, -1), "data.num_workers=-1: give a whole number of 0 or more"),
    (lambda at: check_draw("some", 8), "images=some: unknown draw; choose one of all, retain, forget, …"),
    (lambda at: check_draw("paired", 1), "data.batch_size=1: a paired step holds two parts; give 2 or more"),
    (lambda at: MedMNISTDataModule(), "data: no images named; set data.dataset, such as bloodmnist, or data.file"),
    (
        lambda at: MedMNISTDataModule("bloodmnist", num_classes=8),
        "data.num_classes=8: applies to data.file only; bloodmnist has its own",
    ),
    (
        lambda at: MedMNISTDataModule(file=at.npz()).require_forget_set(),
        "data.forget: this method needs a forget set and none is named; set one of data.forget.rate, …",
    ),
    (
        lambda at: MedMNISTDataModule(file=at.npz()).part_dataloader("test"),
        "part='test': unknown; choose one of retain, forget, val",
    ),
    # Official sets
    (lambda at: check_dataset("cifar10", 28), "data.dataset=cifar10: not a 2-D MedMNIST set with single labels; …"),
    (
        lambda at: check_dataset("bloodmnst", 28),
        "data.dataset=bloodmnst: not a 2-D MedMNIST set with single labels; did you mean bloodmnist? …",
    ),
    (
        lambda at: check_dataset("chestmnist", 28),
        "data.dataset=chestmnist: has 14 labels an image (multi-label), which is not supported; choose one "
        "of pathmnist, …",
    ),
    (
        lambda at: check_dataset("organmnist3d", 28),
        "data.dataset=organmnist3d: has 3-D images, which is not supported; choose one of pathmnist, …",
    ),
    (
        lambda at: check_dataset("bloodmnist", 32),
        "data.size=32: no such size of bloodmnist; choose one of 28, 64, 128, 224",
    ),
    (
        official(),
        "data.root=data: no file bloodmnist_64.npz there and data.download=false; give the folder that holds it, or "
        "data.download=true",
    ),
    (
        official("altered"),
        "data.root=data: bloodmnist_64.npz is truncated or altered (MD5 …, not …); delete it and set "
        "data.download=true, or give data.file if it is meant to differ",
    ),
    (
        official("there", error=PermissionError, name="open"),
        "data.root=data: Permission denied (…bloodmnist_64.npz); give yourself the right to read it",
    ),
    (
        official(download=True, error=PermissionError, name="mkdir"),
        "data.root=data: Permission denied (data); give yourself the right to write there",
    ),
    (
        official(download=True, error=OSError, name="mkdir"),
        "data.root=data: No space left on device (data); make room there or name another directory",
    ),
    (
        both(lambda at: at.write("data"), official(download=True)),
        "data.root=data: File exists (data); a file stands where a directory of the path should; "
        "name another directory",
    ),
    (
        both(directory("data/bloodmnist_64.npz"), official()),
        "data.root=data: Is a directory (…); a directory stands where the file should; delete it, or name another "
        "directory",
    ),
    (
        sent,
        "data.root=data: http://host/file sent another file than bloodmnist_64.npz (MD5 …, not …), now deleted; try "
        "again, or copy the file to data/bloodmnist_64.npz by hand",
    ),
    (
        partial(sent, scheme="ftp"),
        "data.root=data: bloodmnist_64.npz is not there and ftp://host/file could not be downloaded (only http and "
        "https are allowed); copy the file to data/bloodmnist_64.npz by hand, try again, or give data.file",
    ),
    # Plug-ins
    (
        lambda at: plug_in(at, 5),
        "data.dataset=mine: its plug-in is a int whose parameters cannot be read; make it a function",
    ),
    (
        lambda at: plug_in(at, lambda size: size),
        "data.dataset=mine: its plug-in returns int, not medunlearn.ImageData; fix it",
    ),
    # Files of images
    (
        lambda at: read_npz(at.npz(), 1),
        "data.num_classes=1: a classifier needs at least 2 classes; give the true number",
    ),
    (
        lambda at: read_npz("no.npz"),
        "data.file=no.npz: no such file; give the path of a .npz file in MedMNIST's format",
    ),
    (lambda at: read_npz("."), "data.file=.: this is a directory; give the path of a .npz file in MedMNIST's format"),
    (
        lambda at: read_npz("a\0b"),
        "data.file=a\\x00b: cannot be read (…embedded null …); give a file that you may read",
    ),
    (
        lambda at: (at.write("a.npz", "x"), at.denied("open"), read_npz("a.npz")),
        "data.file=a.npz: cannot be read (Permission denied); give a file that you may read",
    ),
    (file("a.npz"), "data.file=a.npz: is empty; download or save it again"),
    (file("a.npz", "1,2"), f"data.file=a.npz: not an .npz file; save the arrays {KEYS} with numpy.savez_compressed"),
    (
        lambda at: (np.savez("a.npz", train_images=images(4, 8, 8)), read_npz("a.npz")),
        f"data.file=a.npz: no array train_labels, val_images, …; the file must hold {KEYS}",
    ),
    (cut, "data.file=cut.npz: val_images ends after … of 7680 bytes; save the file again"),
    (
        changed(val_images=images(8, 9, 9, 3)),
        "data.file=d.npz: one image of val_images has shape (9, 9, 3), of train_images (8, 8, 3); make all alike",
    ),
    (
        changed(train_images=np.random.default_rng(0).random((32, 8, 8, 3))),
        "data.file=d.npz: train_images is float64; images must be uint8, 0 to 255",
    ),
    (
        changed(train_images=images(32, 3, 8, 8)),
        "data.file=d.npz: train_images has shape (32, 3, 8, 8); images must be (N, H, W) or (N, H, W, 3)",
    ),
    (
        changed(test_images=images(0, 8, 8, 3)),
        "data.file=d.npz: test_images is empty; every split needs at least one …",
    ),
    (
        changed(train_images=images(32, 8, 9)),
        "data.file=d.npz: train_images has images of 8x9 pixels; they must be square, so crop or pad them",
    ),
    (
        changed(train_images=images(32, 4, 4)),
        "data.file=d.npz: train_images has images of 4x4 pixels; give at least 8x8",
    ),
    # Labels
    (labels(LABELS.astype(float)), "data.file=d.npz: train_labels is float64; labels must be integers, 0 to C-1"),
    (labels(LABELS[:-1]), "data.file=d.npz: train_labels has 31 labels for 32 images; give one label for each image"),
    (
        labels(np.stack([LABELS] * 2, 1)),
        "data.file=d.npz: train_labels has shape (32, 2); labels must be (N,) or (N, 1), one class for each image",
    ),
    (
        labels(np.eye(4)[LABELS]),
        "data.file=d.npz: train_labels has shape (32, 4), one-hot rows; save train_labels.argmax(1)",
    ),
    (
        labels(np.random.default_rng(0).integers(2, size=(32, 14))),
        "data.file=d.npz: train_labels has shape (32, 14), 14 labels of 0 or 1 for each image (multi-label), which is "
        "not supported; save one class for each image",
    ),
    (labels(LABELS - 1), "data.file=d.npz: train_labels holds -1; number the classes from 0"),
    (
        labels(LABELS + 1),
        "data.file=d.npz: label 0 does not occur in train_labels, but 4 does; renumber the labels 0 to 3, or state "
        "data.num_classes",
    ),
    (labels(LABELS * 0), "data.file=d.npz: every label in train_labels is 0; give at least 2 classes"),
    (
        changed(val_labels=np.full(8, 4)),
        "data.file=d.npz: val_labels holds 4, but the 4 classes are 0 to 3; renumber the labels, or state "
        "data.num_classes",
    ),
    (
        changed(val_labels=np.full(8, -4)),
        "data.file=d.npz: val_labels holds -4, but the 4 classes are 0 to 3; renumber the labels",
    ),
    # Names of classes
    (
        changed(class_names=np.array([1, 2, 3, 4])),
        "data.file=d.npz: class_names is int64; save it as text, `numpy.array([...], dtype=str)`, or leave it out",
    ),
    (
        changed(class_names=np.array(["a", "b"])),
        "data.file=d.npz: class_names has shape (2,) for 4 classes; give one name for each class, (4,)",
    ),
    (
        changed(class_names=np.array(["a", "b", "c", "d"], "<U9999")),
        "data.file=d.npz: class_names is <U9999, of longer names than … characters; shorten them",
    ),
    (
        changed(class_names=np.array([b"a", b"b", b"c", b"\xff"])),
        "data.file=d.npz: class_names holds bytes that are not text; save it with UTF-8 names",
    ),
    (
        changed(class_names=np.array(["a", "b", "c", "d"], object)),
        "data.file=d.npz: class_names holds Python objects, …; save it as text, `numpy.array([...], dtype=str)`, or "
        "leave it out",
    ),
    (
        lambda at: replace(read_npz(at.npz()), class_names=("a", "b")),
        "data.class_names has 2 names for 4 classes; give one name for each class, in the order of the labels",
    ),
    (
        lambda at: breast28.breast28_data(64),
        "data.size=64: breast28 has images of 28x28 pixels; set data.size=28, or data.dataset=breastmnist for other "
        "sizes",
    ),
    (
        lambda at: breast28._check(at.write("breast28.npz", "other")),
        "data.dataset=breast28: breast28.npz is truncated or altered (SHA-256 …, not …); install medunlearn again",
    ),
    (
        lambda at: breast28._check(Path("breast28.npz")),
        "data.dataset=breast28: breast28.npz cannot be read (No such file or directory); name another directory",
    ),
    (
        lambda at: MedMNISTDataModule("synthetic", size=8, class_names=["a", "b"]).setup(),
        "data.class_names has 2 names for 4 classes; give one name for each class, in the order of the labels",
    ),
    # The forget set
    (
        chosen(classes=["[a: b]"]),
        "data.forget.classes=[a: b]: give numbers and names of classes, such as [4] or [basophil], in quotes where a "
        "name looks like something else",
    ),
    (
        lambda at: ForgetSpec(rate=0.1, classes=[1]),
        "data.forget: rate and classes are both set; keep one and clear the other, as in `--data.forget.rate null`",
    ),
    (chosen(rate=10), "data.forget.rate=10: give a share between 0 and 1, such as 0.1"),
    (chosen(seed=-1), "data.forget.seed=-1: give a whole number of 0 or more"),
    (
        chosen(classes=[1], stratified=True),
        "data.forget.stratified=true: only a draw by rate can be stratified; set data.forget.rate",
    ),
    (
        chosen(rate=0.01),
        "data.forget.rate=0.01: the forget set is empty with 32 training images; choose more",
    ),
    (chosen(classes=[4]), "data.forget.classes=[4]: no training image is of these classes; choose others"),
    (
        lambda at: choose_forget_set(LABELS, 4, ForgetSpec(indices=at.write("a.txt"))),
        "data.forget.indices=a.txt: names no image; list those to forget",
    ),
    (
        chosen(classes=[0, 1, 2, 3]),
        "data.forget.classes=[0, 1, 2, 3]: nothing is left to retain of 32 training images; choose fewer",
    ),
    (chosen(classes=[5]), "data.forget.classes=[5]: class 5 is out of range; the classes are 0 to 4"),
    (
        indices("a.csv", "index,patient\n1,17\n"),
        "data.forget.indices=a.csv: has 2 columns, `index`, `patient`, and may list more than what …",
    ),
    (
        indices("a.xlsx", "1"),
        "data.forget.indices=a.xlsx: unknown kind of file; give one that ends in .txt, .csv, .npy, .npz, .json",
    ),
    (
        both(directory("a.txt"), lambda at: read_indices(Path("a.txt"), 32)),
        "data.forget.indices=a.txt: is a directory; give an index file, or split.json of a run",
    ),
    (
        lambda at: read_indices(Path("a.txt"), 32),
        "data.forget.indices=a.txt: no such file; give the path of an index file",
    ),
    (
        both(lambda at: at.denied(), indices("a.txt", "1")),
        "data.forget.indices=a.txt: cannot be read (Permission denied); give yourself the right to read it",
    ),
    (indices("a.txt", "1\n2".encode("utf-16")), "data.forget.indices=a.txt: is not UTF-8 text; save it as UTF-8"),
    (
        indices("a.txt", "1\n2.5"),
        "data.forget.indices=a.txt: line 2 is 2.5: not readable as a list of indices; write one whole number per line",
    ),
    (
        indices("a.json", '{"rows": [1]}'),
        "data.forget.indices=a.json: not readable as a list of indices; write a list of whole numbers, or give a run's "
        "split.json",
    ),
    (
        lambda at: (np.save("a.npy", np.ones(3)), read_indices(Path("a.npy"), 32)),
        "data.forget.indices=a.npy: not readable as a list of indices; save a one-dimensional integer array",
    ),
    (
        indices("a.txt", "32"),
        "data.forget.indices=a.txt: index 32 is out of range; there are 32 training images, 0 to 31",
    ),
    (
        indices("a.txt", "-1", None),
        "data.forget.indices=a.txt: index -1 is out of range; the first image is 0",
    ),
    (indices("a.txt", "1\n1"), "data.forget.indices=a.txt: index 1 occurs more than once; list each image once"),
    # Patients
    (lambda at: group_names(["P1", ""]), "data.forget.groups=P1,: holds an empty name; give names such as [P0017]"),
    (
        lambda at: group_names("[[P1]]"),
        "data.forget.groups=[['P1']]: ['P1'] is not a name; give names such as [P0017], in quotes where they look like "
        "something else",
    ),
    (
        lambda at: group_names("p.txt"),
        "data.forget.groups=p.txt: cannot be read (No such file or directory); fix the path",
    ),
    (
        both(lambda at: at.write("p.txt", b"\xff"), lambda at: group_names("p.txt")),
        "data.forget.groups=p.txt: is not UTF-8 text; save it as UTF-8",
    ),
    (
        lambda at: ForgetSpec(after="r"),
        "data.forget.after=r: is the earlier request; name what is to be forgotten now, by data.forget.groups or "
        "another of data.forget",
    ),
    (
        whose("split;index;patient"),
        "data.groups=p.csv: line 1 is separated by semicolons; save the table with commas",
    ),
    (
        whose("index,patient\n0,P1"),
        "data.groups=p.csv: line 1 has 0 columns `split`; write `split,index,patient` and a row an image",
    ),
    (
        whose("split,index,site\ntrain,0,A"),
        "data.groups=p.csv: line 1 has 0 columns `patient`, but site; name one of these by data.forget.group_by",
    ),
    (
        whose("split,index,patient\ntrain,0"),
        "data.groups=p.csv: line 2 has 2 values, fewer than columns are named; fix that line",
    ),
    (whose(HEAD + "dev,0,P1"), "data.groups=p.csv: line 2 has the split 'dev'; write train, val or test"),
    (whose(HEAD + "train,x,P1"), "data.groups=p.csv: line 2 has the index 'x'; write a whole number of 0 or more"),
    (
        whose("split,index,image_id\ntrain,0,x.png", dataset="octmnist"),
        "data.groups=p.csv: line 2 has the image 'x.png', in which no patient is found; add a column patient",
    ),
    (
        whose(HEAD + "train,1,P1"),
        "data.groups=p.csv: line 2 is of train image 1, and there are 1; give the table of these data",
    ),
    (
        whose(HEAD + "train,0,P1\ntrain,0,P1"),
        "data.groups=p.csv: line 3 is of train image 0, as an earlier line is; keep one of them",
    ),
    (
        whose(HEAD),
        "data.groups=p.csv: has no row for train image 0; give the table of these data, a row for each image (an empty "
        "patient says that none is known)",
    ),
    (whose(b"\xff"), "data.groups=p.csv: is not UTF-8 text; save it as UTF-8"),
    (
        lambda at: read_groups(Path("p.csv"), "patient", {"train": 1}),
        "data.groups=p.csv: cannot be read (No such file or directory); give the table that `medunlearn import` wrote",
    ),
    (
        asked(["P11"]),
        "data.forget.groups=P11: no image of p.csv is of this patient; did you mean P1? give the "
        "name as the table has it",
    ),
    (
        asked(["P1"], table=None),
        "data.forget.groups=P1: no table says who an image belongs to; give it by data.groups, such as the .csv that "
        "`medunlearn import` wrote",
    ),
    (
        asked(["P9"], table=(HEAD + PATIENTS).replace("val,3,P3", "val,3,P9")),
        "data.forget.groups=P9: no training image is of this patient, so no model has learned from one; delete 1 "
        "validation and test image from the data and nothing else is to be done",
    ),
    (
        asked(["P1"], table=HEAD + re.sub(r"(val,\d+),P\d", r"\1,P1", PATIENTS)),
        "data.forget: every validation image is of those to be forgotten, so nothing is left to measure on; give data "
        "with validation images of others",
    ),
    (after({"indices": []}, ["P1"]), "data.forget.after=r: has forgotten nothing; leave it out"),
    (
        after({"indices": list(range(32))}, ["P1"]),
        "data.forget.after=r: has already forgotten every image of this request; nothing is left to do",
    ),
    (
        after({"data_sha256": "ab", "training_sha256": "ab"}, ["P1"]),
        "data.forget.after=r: its request is of other data; give the data that it was run on",
    ),
    (
        after({"indices": [row for row in range(32) if row % 4]}, ["P0"]),
        "data.forget: nothing is left to retain of 32 training images; choose fewer",
    ),
    (
        untested(["P2"]),
        "data.forget.after=r: did without test images, so those to leave out for it are not known; run it with "
        "`--data.test true`, or this one with `--data.test false`",
    ),
]
