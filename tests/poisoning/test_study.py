"""`medunlearn poison` from its command to its table, on tiny runs: once, resumed, and with what must be refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.backbones import LINEAR
from helpers.runs import QUIET, refused, write_npz
from scipy.stats import norm

from medunlearn.__main__ import main
from medunlearn.data.npz import read_npz
from medunlearn.models import load_model
from medunlearn.plans import engines
from medunlearn.poisoning.measurement import input_gradients
from medunlearn.poisoning.poison import Folder
from medunlearn.runs import RunDir

FORGET = "data: {forget: {rate: 0.5}}"
CONFIGS = {
    "train": f"model: {{class_path: Train, init_args: {{backbone: {LINEAR}, lr: 0.02}}}}",
    "retrain": f"model: {{class_path: Retrain, init_args: {{backbone: {LINEAR}, lr: 0.02}}}}\n{FORGET}",
    "salun": f"model: {{class_path: SalUn, init_args: {{backbone: {LINEAR}, original: x/train}}}}\n{FORGET}\n"
    "reference: x/retrain",
}
NAMES = [f"{name}.yaml" for name in CONFIGS]
OPTIONS = ["--data.file=d.npz", "--data.batch_size=8", "--data.augmentation=NoAug", "--trainer.max_epochs=20", *QUIET]
ARGV = ["poison", *NAMES, "--out=study", "--scale=0.3", "--draws=19", *OPTIONS]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return a folder with a finished study, what the command printed, and the stages that it ran."""
    folder = tmp_path_factory.mktemp("poison")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_npz(folder / "d.npz", counts={"train": 40, "val": 8, "test": 8})
        for name, text in CONFIGS.items():
            Path(f"{name}.yaml").write_text(f"run_dir: x/{name}\n{text}\n")
        calls = []

        def run(argv, *_):
            if calls[-1:] == ["retrain"] and not Path("failed").exists():  # SalUn, the first time
                Path("failed").touch()
                return 1
            calls.append(Path(argv[argv.index("--config") + 1]).stem)
            return main(argv[argv.index("medunlearn") + 1 :])

        patch.setattr(engines, "run_process", run)
        assert main(ARGV) == 1, "a stage has failed"
        kept = RunDir("study/train").poison.stat().st_mtime_ns
        assert main(ARGV) == 0
        assert RunDir("study/train").poison.stat().st_mtime_ns == kept, "it is not measured again"
    return folder, calls


@pytest.fixture
def here(study, monkeypatch):
    monkeypatch.chdir(study[0])
    return study[1]


def test_each_stage_runs_once_on_the_poisoned_data(here):
    assert here == ["train", "retrain", "salun"]
    clean, poisoned = read_npz("d.npz"), read_npz("study/poisoned.npz")
    changed = np.flatnonzero((clean.train.images != poisoned.train.images).any((1, 2, 3)))
    for name in ("retrain", "salun"):
        split = RunDir(f"study/{name}").read_split("test")
        assert split["indices"] == changed.tolist() == Folder(Path("study")).read().index.tolist()
        assert split["data_sha256"] == poisoned.sha256
    assert RunDir("study/train").read_split("test")["data_sha256"] == poisoned.sha256
    assert RunDir("study/salun").read_metrics("test")["original"] == "study/train"
    assert RunDir("study/salun").read_metrics("test")["reference"] == "study/retrain"


def test_figures_follow_from_the_files_by_a_formula_of_a_line(here):
    poison = Folder(Path("study")).read()
    for name in CONFIGS:
        run = RunDir(f"study/{name}")
        gradients = input_gradients(load_model(run.path, LINEAR), poison.images, poison.labels).astype(float)
        products = (poison.noise * gradients).sum((1, 2, 3)) / 0.3 / np.sqrt((gradients**2).sum((1, 2, 3)))
        content = run.read_poison("test")
        assert content["statistics"] == pytest.approx(products, rel=1e-5)
        assert content["p_value"] == pytest.approx(norm.sf(np.sqrt(20) * products.mean()), rel=1e-4)
        assert content["model_sha256"] == run.weights_sha256()
    values = {name: RunDir(f"study/{name}").read_poison("test")["p_value"] for name in CONFIGS}
    assert values["train"] < 1e-6
    assert 0.01 < values["retrain"] < 0.99


def test_the_table_has_a_row_for_each_run_and_says_what_it_means(here):
    text = Path("study/poison.md").read_text()
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| study")
    ]
    assert [row[:3] for row in rows] == [
        [f"study/{n}", m, "20"] for n, m in zip(CONFIGS, ("Train", "Retrain", "SalUn"), strict=True)
    ]
    assert [row[-1] for row in rows[:2]] == ["depends on the noise", "no trace, as it must be"]
    for row in rows:
        content = RunDir(row[0]).read_poison("test")
        assert row[3] == f"{content['mean']:+.3f}"
        assert row[4] == f"{content['p_value']:.2g}"


def test_a_run_is_measured_again_where_its_figures_are_of_another_model_or_missing(here, capsys):
    run = RunDir("study/retrain")
    content = run.read_poison("test")
    run.write_poison({**content, "model_sha256": "another", "mean": 9.0})
    assert main(ARGV) == 0
    assert run.read_poison("test") == content
    assert here == ["train", "retrain", "salun"], "nothing is run again"
    run.poison.unlink()
    assert main(ARGV) == 0
    assert run.read_poison("test") == content


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (["--scale=0.2"], "out=study: holds a study with another scale; give its settings"),
        (["--seed=1"], "out=study: holds a study with another seed"),
        (["--data.forget.seed=1"], "another"),
        (["--scale=0"], "scale=0: give the noise a standard deviation above 0; 1 is black to white"),
        (["--draws=0"], "draws=0: give a whole number of 1 or more"),
        (["--retrain_seeds", "-1"], "retrain_seeds=-1: not a seed"),
        (["--skale=1"], "did you mean --scale?"),
        (["--engine=slurm"], "engine"),
    ],
)
def test_a_wrong_option_is_one_line_and_changes_nothing(here, capsys, changes, says):
    assert says in refused(capsys, *ARGV, *changes)


@pytest.mark.parametrize(
    ("names", "options", "says"),
    [
        ([], [], "poison: no config given; name some or a plan, as in `medunlearn poison demo`"),
        (["train.yaml"], [], "poison: no stage forgets an image; name the configs of a Retrain or of methods too"),
        (
            ["retrain.yaml", "salun.yaml"],
            [],
            "salun.yaml: model.init_args.original=x/train: was not made on the poisoned",
        ),
        (["retrain.yaml", "less.yaml"], [], "poison: retrain.yaml and less.yaml forget other images; poison one"),
        (
            ["retrain.yaml", "other.yaml"],
            [],
            "other.yaml: has other data than retrain.yaml; name configs of one data set",
        ),
        (["retrain.yaml"], ["--data.file=no.npz"], "file=no.npz: no such file"),
    ],
)
def test_a_wrong_plan_is_one_line_and_nothing_is_written(here, capsys, names, options, says):
    retrain = Path("retrain.yaml").read_text().replace("x/retrain", "x/other")
    Path("less.yaml").write_text(retrain.replace("0.5", "0.25"))
    Path("other.yaml").write_text(retrain.replace("forget:", "num_classes: 5, forget:"))
    assert says in refused(capsys, "poison", *names, "--out=new", *OPTIONS, *options)
    assert not Path("new").exists()


def test_a_folder_with_a_data_file_of_no_study_is_refused(here, capsys, tmp_path):
    Path(tmp_path, "poisoned.npz").write_bytes(b"of the user")
    argv = ["poison", "retrain.yaml", f"--out={tmp_path}", *OPTIONS]
    assert "is of no study; name another folder by `--out`" in refused(capsys, *argv)


def test_a_run_on_other_data_is_not_measured(here, capsys):
    split = RunDir("study/retrain").split
    before = split.read_text()
    try:
        split.write_text(json.dumps({**json.loads(before), "indices": [0]}))
        assert main(ARGV) == 2
    finally:
        split.write_text(before)
    assert "study/retrain forgot other images than the poisoned ones; delete it" in capsys.readouterr().err
