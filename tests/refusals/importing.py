"""Refusals of `medunlearn.importing`, with inputs that reach them."""

import os
from pathlib import Path

from helpers.images import class_folder, dicom, picture, pixels, table

from medunlearn.importing import Settings, import_images, make_plan
from medunlearn.importing.classes import order_classes
from medunlearn.importing.entries import Entry
from medunlearn.importing.splitting import split_entries
from medunlearn.importing.writing import output_file, write_plan

TWO = order_classes(["a", "b"])


def read(content, name="t.csv", **settings):
    """Import a folder by a table of any content."""

    def call(at):
        class_folder("s", a=2)
        at.write(name, content)
        return make_plan("s", name, Settings(**settings))

    return call


def folder(*names):
    """Import a folder of images of these names."""

    def call(at):
        for name in names:
            picture(Path("s", name))
        return make_plan("s")

    return call


def split(*rows, patients=True, **settings):
    entries = [Entry(f"{number}.png", *row) for number, row in enumerate(rows)]
    return lambda at: split_entries(entries, TWO, patients, Settings(**settings))


def two_medmnists(at):
    for name in ("x", "y"):
        at.write(f"s/{name}.csv", "TRAIN,train0_1.png,1\n")
    return make_plan("s")


def half_split(at):
    table("s.csv")
    picture("s/train/a.png")
    picture("s/b.png")
    table(Path("s/train/metadata.csv"), ("a.png", "x"), head=("file_name", "label"))
    table(Path("s/metadata.csv"), ("b.png", "x"), head=("file_name", "label"))
    return make_plan("s")


def no_pydicom(at):
    dicom("s/a/1.dcm", pixels())
    at.patch.setitem(__import__("sys").modules, "pydicom", None)
    return make_plan("s")


def changed(at):
    class_folder("s", a=12, b=12)
    plan = make_plan("s")
    Path("s/a/000.png").write_bytes(b"")
    return write_plan(plan, Path("c.npz"))


def full(at):
    class_folder("s", a=12, b=12)
    plan = make_plan("s")
    at.denied("mkdir", OSError)
    return write_plan(plan, Path("c.npz"))


def bad(at):
    at.write("s/a/x.png")
    return make_plan("s")


def bad_command(at):
    at.write("s/a/x.png")
    return at.command("import", "s", "--out", "c.npz")


def nobody_to_ask(at):
    class_folder("s", a=12, b=12)
    at.patch.setattr("sys.stdin", open(os.devnull))  # noqa: PTH123, SIM115
    return at.command("import", "s", "--out", "c.npz")


ROWS = [
    # Settings
    (lambda at: Settings(size=7), "size=7: give a whole number of 8 or more"),
    (lambda at: Settings(channels="2"), "channels=2: give 1 (gray), 3 (colour) or auto"),
    (lambda at: Settings(levels=(9, 9)), "levels=9 9: give two rising values of 0 to 65535"),
    (lambda at: Settings(window=(40, 0)), "window=40 0: give a centre and a width of 1 or more"),
    (lambda at: Settings(val=0.5, test=0.5), "val=0.5, test=0.5: give shares above 0 whose sum is below 1"),
    (
        lambda at: Settings(dicom_patient=True, patient_column="p"),
        "dicom_patient, patient_column: patients come from one place; give one of the two",
    ),
    (lambda at: Settings(patient_pattern="("), "patient_pattern=(: no regular expression (…); fix it"),
    (
        lambda at: Settings(patient_pattern="P\\d+"),
        r"patient_pattern=P\d+: has 0 groups in brackets; put one around the patient, as in person(\d+)_",
    ),
    (lambda at: import_images("s", sise=3), "sise: Settings has no such argument; did you mean size? It takes …"),
    # Tables
    (read("", "t.txt"), "labels=t.txt: unknown kind of table; give a .csv or a .jsonl"),
    (lambda at: make_plan(".", "t.csv"), "labels=t.csv: no such file; give the table of the images"),
    (
        lambda at: (Path("t.csv").mkdir(), make_plan(".", "t.csv")),
        "labels=t.csv: cannot be read (Is a directory); give the table of the images",
    ),
    (read(b"path,label\n\xff,a\n"), "labels=t.csv: is not UTF-8 text; save it as UTF-8"),
    (read("path,label\n"), "labels=t.csv: has no image; write one line for each"),
    (read('path,label\n"a,b\n'), "labels=t.csv: line 2: unexpected end of data; save the table as CSV again"),
    (read("path;label\na;b\n"), "labels=t.csv: is separated by semicolons; save the table with commas"),
    (read("path\tlabel\na\tb\n"), "labels=t.csv: is separated by tabs; save the table with commas"),
    (read("path,label,label\na,b,c\n"), "labels=t.csv: has two columns `label`; give each its own name"),
    (
        read("path,label\na,b,c\n"),
        "labels=t.csv: line 2 has 3 values below 2 columns; put values with commas in quotes, and name all columns in "
        "line 1",
    ),
    (read("[1]\n", "t.jsonl"), "labels=t.jsonl: line 1 is not a JSON object; write one for each image"),
    (
        read('{"path": "\\ud800", "label": 1}\n', "t.jsonl"),
        "labels=t.jsonl: line 1 is not a JSON object; write one for each image",
    ),
    (
        read("image,label\na,b\n"),
        "labels=t.csv: has no column `path`, but `image`, `label`; name one of these by path_column",
    ),
    (
        read("path,label\na,b\n", patient_column="who"),
        "labels=t.csv: has no column `who`, but `path`, `label`; give one of these to patient_column",
    ),
    (
        read("path,label\na,b\n", columns=["device"]),
        "labels=t.csv: has no column `device`; leave it out of columns",
    ),
    (read("path,label\n,b\n"), "labels=t.csv: line 2 names no file; fill `path`, or delete the line"),
    (
        read("TRAIN,a.png,0,1\n"),
        "labels=t.csv: line 1 has 2 labels (multi-label), which is not supported",
    ),
    (
        read("TRAIN,a.png,0\nDEV,b.png,1\n"),
        "labels=t.csv: line 2 is not SPLIT,FILE,LABEL as MedMNIST writes it; save the images again, or write a CSV "
        "whose first line names its columns",
    ),
    (read("path,label,split\na,b,dev\n"), "labels=t.csv: line 2: the split is dev; give train, val or test"),
    (
        read("path,label,split\na,b,train\nc,b,\n"),
        "labels=t.csv: line 3: the split is empty; give train, val or test",
    ),
    (
        read("path,label\nelsewhere.png,b\n"),
        "labels=t.csv: none of its files exists, such as elsewhere.png; write paths relative to s, with their endings",
    ),
    (half_split, "s: one table has splits, another none; give all images a split, or none"),
    # Layouts
    (lambda at: make_plan("gone"), "folder=gone: no such folder; give the folder of the images"),
    (lambda at: (Path("s").mkdir(), make_plan("s")), "s: holds no image; give the folder above the images"),
    (two_medmnists, "s: holds several tables of MedMNIST, x.csv, y.csv; name one by labels"),
    (
        folder("1.png", "2.png"),
        "s: its 2 images lie in no folder of a class; name their table, as in labels=s/labels.csv, or sort them into a "
        "folder for each class",
    ),
    (
        folder("train/a/1.png", "test/a/1.png", "benign/1.png"),
        "s: has the folders test, train of splits beside benign; sort all images into folders of splits, or write a "
        "CSV with a column `split`",
    ),
    (
        folder("Training/1.png", "Testing/1.png"),
        "s: would take the folder Testing for a class; rename it to train, val or test, or write a CSV that names the "
        "classes",
    ),
    # Images
    (
        bad,
        "s: 1 of 1 file cannot be imported: a/x.png: is empty; fix them, or leave them out by skip_bad=true",
    ),
    (
        no_pydicom,
        "dicom: some files are DICOM, and pydicom is not installed; `pip install 'medunlearn[dicom]'`",
    ),
    # Classes
    (
        lambda at: order_classes(["a"]),
        "classes: a alone; a classifier needs two or more, so give the folder that holds all",
    ),
    (
        lambda at: order_classes(["Benign", "benign", "c"]),
        "classes: Benign and benign look alike; give one class one spelling",
    ),
    (lambda at: order_classes(["01", "1"]), "classes: 01 and 1 look alike; give one class one spelling"),
    (
        lambda at: order_classes(["a", "b"], ["a", "c"]),
        "classes=a, c: the images are of a, b; give each of these once, in the order of the labels",
    ),
    (
        lambda at: order_classes(["a", "b" * 101]),
        "classes: class_names: the name of class 1 has 101 characters; give at most 100",
    ),
    # Splits
    (
        split(("a", None, "P1"), ("b", None, "")),
        "patients: none is given for 1 image, such as 1.png; fill the column, or name another by patient_column",
    ),
    (
        split(("a", "train", "P1"), ("b", "val", "P1")),
        "patients: P1 is in train and val; give each patient one split, leave the splits out to have them drawn, or "
        "allow it with patients_may_cross=true",
    ),
    (
        split(("a", "val", "P1"), ("b", "test", "P2")),
        "splits: there are test, val images and no training images; give these too",
    ),
    (
        split(*[("ab"[number % 2], None, "P1") for number in range(10)]),
        "test: 1 patient of 2 classes cannot be split; give more, or a column `split`",
    ),
    (
        split(("a", "train", "P1"), ("b", "val", "P2"), ("b", "test", "P3")),
        "classes: b would have no training image; give it training images, or leave the class out",
    ),
    # Files
    (lambda at: output_file("c.csv", False), "out=c.csv: give a file that ends in .npz"),
    (lambda at: (Path("c.npz").mkdir(), output_file("c.npz", True)), "out=c.npz: is a directory; name a file"),
    (
        lambda at: (at.write("c.csv"), output_file("c.npz", False)),
        "out=c.npz: c.csv is there; name another file, or …",
    ),
    (changed, "a/000.png: is empty, and was not when it was checked; run the import again"),
    (full, "out=c.npz: cannot be written (No space left on device); make room there or name another directory"),
    # The command
    (
        lambda at: at.command("import", "s"),
        "import: give the folder and where it is written, as in `medunlearn import scans --out clinic.npz`",
    ),
    (
        lambda at: at.command("import", "s", "--skip_bad", "yes"),
        "argument --skip_bad: yes is neither true nor false; `medunlearn import --help` lists the options",
    ),
    (bad_command, "s: 1 of 1 file cannot be imported; fix them, or leave them out by `--skip_bad true`"),
    (nobody_to_ask, "import: nothing was written, since there is no terminal to ask; add --yes to write it"),
]
