"""`medunlearn ulira` from its command to its table, on tiny runs, killed once and called again; and what it refuses."""

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import children
from helpers.backbones import LINEAR
from helpers.runs import QUIET, refused, write_npz

from medunlearn.__main__ import main
from medunlearn.data.npz import read_npz
from medunlearn.metrics import auc, margins, ulira
from medunlearn.runs import RunDir
from medunlearn.ulira.design import Design
from medunlearn.ulira.table import LEAK, POWER

MODEL = f"init_args: {{backbone: {LINEAR}, lr: 0.05"
FORGET = "data: {forget: {rate: 0.5, stratified: true}}"
CONFIGS = {
    "train": f"model: {{class_path: Train, {MODEL}}}}}\ntrainer: {{max_epochs: 40}}",
    "retrain": f"model: {{class_path: Retrain, {MODEL}}}}}\n{FORGET}",
    "tuned": f"model: {{class_path: FineTune, {MODEL}, original: x/train}}}}\n{FORGET}\nreference: x/retrain\n"
    "trainer: {max_epochs: 2}",
}
NAMES = ["train.yaml", "tuned.yaml"]  # without a Retrain, for the time that it takes
OPTIONS = ["--data.file=d.npz", "--data.batch_size=8", "--data.augmentation=NoAug", *QUIET]
STUDY = ["--out=study", "--originals=4", "--draws=2", "--targets=6"]
ARGV = ["ulira", *NAMES, *STUDY, *OPTIONS]
DESIGN = Design(4, 2, 6, 0, 50)
RUNS = [f"{n:03d}/{name}" for n in range(4) for name in ("train", "tuned_0", "tuned_1")]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return a folder with a study that was killed in its middle and then finished, and what the command printed."""
    folder = tmp_path_factory.mktemp("ulira")
    labels = np.random.default_rng(0).integers(
        4, size=(50, 1)
    )  # at random, so that what is learned is learned by heart
    write_npz(folder / "d.npz", counts={"train": 50, "val": 8, "test": 8}, train_labels=labels)
    for name, text in CONFIGS.items():
        (folder / f"{name}.yaml").write_text(f"run_dir: x/{name}\n{text}\n")
    process = children.start(ARGV, folder, forked_stages=True)
    while process.is_alive() and not (folder / "study/001/tuned_1/split.json").exists():
        time.sleep(0.01)
    assert process.is_alive(), (folder / "output.txt").read_text()[-3000:]
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    before = {run: (folder / "study" / run / "metrics.json") for run in RUNS}
    before = {run: file.stat().st_mtime_ns for run, file in before.items() if file.exists()}
    assert 3 < len(before) < 7
    status, printed = children.run(ARGV, folder, forked_stages=True)
    assert status == 0, printed[-3000:]
    assert {run: (folder / "study" / run / "metrics.json").stat().st_mtime_ns for run in before} == before
    return folder, printed


@pytest.fixture
def here(study, monkeypatch):
    monkeypatch.chdir(study[0])
    return study[1]


def rows():
    return {row["run"]: row for row in json.loads(Path("study/ulira.json").read_text())["rows"]}


def seen(name):
    """Return the margins of forgotten and of unseen targets, read from the files without the package's own reading."""
    data = read_npz("d.npz")
    forgotten, unseen = np.full((2, 4, 50), np.nan)
    for shadow in range(4):
        train = [image.tobytes() for image in read_npz(f"study/{shadow:03d}/data.npz").train.images]
        images = [image.tobytes() for image in data.train.images]
        for draw in range(2):
            arrays = RunDir(f"study/{shadow:03d}/{name if name == 'train' else f'{name}_{draw}'}").read_predictions("")
            for part, into in (("forget", forgotten), ("retain", forgotten), ("test", unseen)):
                phi = margins(arrays[f"{part}_logits"], arrays[f"{part}_labels"])
                for row, value in zip(arrays[f"{part}_index"], phi, strict=True):
                    if part == "test" and not draw * 6 <= row - 8 < (draw + 1) * 6:
                        continue
                    if part != "test":
                        image = images.index(train[row])
                    else:
                        image = images.index(read_npz(f"study/{shadow:03d}/data.npz").test.images[row].tobytes())
                    if image in DESIGN.target_images(draw) and (name == "train" or part != "retain"):
                        into[shadow, image] = value
    there = ~np.isnan(forgotten).all(axis=0)
    assert there.sum() == 24
    return forgotten[:, there], unseen[:, there]


def test_stages_run_on_halves_with_forget_sets_of_their_own(here):
    data, halves = read_npz("d.npz"), []
    for shadow in range(4):
        own = read_npz(f"study/{shadow:03d}/data.npz")
        assert (own.train.images == data.train.images[DESIGN.half(shadow)]).all()
        assert (own.test.images[:8] == data.test.images).all()
        assert (own.val.images == data.val.images).all()
        halves.append({image.tobytes() for image in own.train.images})
        assert not halves[-1] & {image.tobytes() for image in own.test.images}
        for draw in range(2):
            run = RunDir(f"study/{shadow:03d}/tuned_{draw}")
            assert run.read_split("")["indices"] == DESIGN.places(shadow, draw).tolist()
            metrics = run.read_metrics("")
            assert metrics["original"] == f"study/{shadow:03d}/train"
            assert metrics["reference"] is None, "it would be of another forget set"
            assert metrics["seed"] == shadow
    assert not halves[0] & halves[1]
    assert halves[0] != halves[2]


def test_figures_follow_from_the_files(here):
    found, pairs = rows(), np.array([0, 0, 1, 1])
    for name, row in found.items():
        forgotten, unseen = seen(name)
        scores = ulira(forgotten, unseen, pairs, pooled=True)
        assert row["auc"] == pytest.approx(auc(*(side[~np.isnan(side)] for side in scores)), abs=1e-9)
        assert row["auc_interval"][0] <= row["auc"] <= row["auc_interval"][1]
        assert (row["forgotten"], row["unseen"], row["tpr@0.01"]) == (48, 48, None)
        assert row["auc"] > row["auc_chance"][1], "all labels are learned by heart, and two epochs forget few"


def test_utility_is_of_the_test_images_alone(here):
    for name, row in rows().items():
        assert (row["runs"], len(row["utility"]["UA"])) == ((4 if name == "train" else 8), 8)
        for number, run in enumerate(run for run in RUNS if run[4:].split("_")[0] == name):
            arrays = RunDir(f"study/{run}").read_predictions("")
            right = arrays["test_probs"].argmax(1) == arrays["test_labels"]
            assert row["utility"]["TA"][number] == pytest.approx(100 * right[:8].mean())
            metrics = RunDir(f"study/{run}").read_metrics("")
            assert row["utility"]["RA"][number] == metrics["RA"]
            if name != "train":
                assert row["utility"]["UA"][number] == pytest.approx(metrics["UA"])


def test_the_table_is_printed_and_written(here):
    text = Path("study/ulira.md").read_text()
    assert text in here
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")][
        1:
    ]
    assert [line[:2] for line in lines] == [["train", "Train"], ["tuned", "FineTune"]]
    for line, row in zip(lines, rows().values(), strict=True):
        assert line[2].startswith(f"{row['auc']:.3f} (")
    assert [line[-1] for line in lines] == [POWER, LEAK]


def test_nothing_runs_again_and_a_dry_run_prints_the_commands(here, capsys, monkeypatch):
    monkeypatch.setattr("medunlearn.plans.engines.run_process", lambda *_: pytest.fail("a stage ran"))
    before = Path("study/ulira.json").read_text()
    assert main(ARGV) == 0
    assert Path("study/ulira.json").read_text() == before
    capsys.readouterr()
    assert main(["ulira", "retrain.yaml", *ARGV[1:], "--out=new", "--originals=6", "--dry_run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6 * 5
    assert all(line.startswith("medunlearn fit --config ") for line in lines)
    (tuned,) = (line for line in lines if line.endswith("--reference new/005/retrain_1"))
    assert "--seed_everything 5 --data.file new/005/data.npz" in tuned
    assert "--run_dir new/005/tuned_1 --model.init_args.original new/005/train" in tuned
    assert not Path("new").exists()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (["--targets=5"], "out=study: holds a study with other targets; give its settings, or name another"),
        (["--draws=1"], "out=study: holds a study with other draws"),
        (["--seed=1"], "out=study: holds a study with other seed"),
        (["--originals=3"], "originals=3: give an even number of 4 or more; two share out the training images"),
        (["--draws=0"], "draws=0: give a whole number of 1 or more"),
        (["--targets=13"], "targets=13: 2 draws take 52 images"),
        (["--target=1"], "did you mean --targets?"),
        (["--data.test=false"], "train.yaml: data.test=false: images that were never seen are added to the test"),
    ],
)
def test_a_wrong_option_is_one_line_and_changes_nothing(here, capsys, changes, says):
    assert says in refused(capsys, *ARGV, *changes)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ([], "ulira: no config given; name some or a plan, as in `medunlearn ulira demo`"),
        (["train", "retrain"], "ulira: no stage unlearns; name the config of a method and of its original"),
        (["retrain", "tuned"], "tuned.yaml: model.init_args.original=x/train: is not a shadow; name the config that"),
        (["train", "tuned", "another"], "ulira: another.yaml and tuned.yaml start from different originals"),
        (["train", "tuned", "stray"], "stray.yaml: forgets no image, and no method here starts from it; leave it out"),
        (["train", "tuned", "five"], "five.yaml: has other data than train.yaml; name configs of one data set"),
    ],
)
def test_a_wrong_plan_is_one_line_and_nothing_is_written(here, capsys, names, says):
    tuned, train, retrain = (Path(f"{name}.yaml").read_text() for name in ("tuned", "train", "retrain"))
    Path("another.yaml").write_text(tuned.replace("x/train", "x/else").replace("x/tuned", "x/another"))
    Path("stray.yaml").write_text(train.replace("x/train", "x/stray"))
    Path("five.yaml").write_text(retrain.replace("x/retrain", "x/five").replace("forget:", "num_classes: 5, forget:"))
    argv = ["ulira", *(f"{name}.yaml" for name in names), "--out=new", *STUDY[1:], *OPTIONS]
    assert says in refused(capsys, *argv)
    assert not Path("new").exists()


def test_a_data_file_of_no_study_is_refused(here, capsys, tmp_path):
    Path(tmp_path, "000").mkdir()
    Path(tmp_path, "000", "data.npz").write_bytes(b"of the user")
    assert "holds data of no study; name another folder by `--out`" in refused(capsys, *ARGV, f"--out={tmp_path}")
