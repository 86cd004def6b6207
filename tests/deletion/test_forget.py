"""`medunlearn forget` from end to end, with a network of a few thousand weights and stages in this process."""

import csv
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from helpers.backbones import TINY
from helpers.runs import QUIET, weights, write_npz
from helpers.studies import here

import medunlearn.plans.engines as engines
from medunlearn.__main__ import main
from medunlearn.runs import RunDir

COUNTS = {"train": 48, "val": 24, "test": 24}
PATIENTS = 8


def write_table(path: Path) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["split", "index", "file", "label", "patient"])
        rows.writerows([s, i, f"{i}.png", 0, f"P{i % PATIENTS:02}"] for s, n in COUNTS.items() for i in range(n))


def request(name: str, run: str, *options: str, source: str = "runs/clinic") -> list[str]:
    return ["forget", "--from", source, "--groups", name, "--run_dir", run, *options, *QUIET]


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    """Return a folder with clinic.npz, clinic.csv, a trained model, and the answers of two requests in a row."""
    folder = tmp_path_factory.mktemp("clinic")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(engines, "run_process", here)
        write_npz(Path("clinic.npz"), counts=COUNTS)
        write_table(Path("clinic.csv"))
        train = ["fit", "--model=Train", f"--model.init_args.backbone={TINY}", "--model.init_args.lr=0.02"]
        data = ["--data.file=clinic.npz", "--data.batch_size=8"]
        assert main([*train, *data, "--run_dir=runs/clinic", "--trainer.max_epochs=8", *QUIET]) == 0
        assert main(request("P03", "runs/q1", "--trials", "2", "--method", "FineTune")) == 0
        assert main(request("P05", "runs/q2", "--trials", "0", source="runs/q1")) == 0
    return folder


@pytest.fixture(autouse=True)
def _here(clinic, monkeypatch):
    monkeypatch.chdir(clinic)
    monkeypatch.setattr(engines, "run_process", here)


def metrics(run):
    return RunDir(run).read_metrics("test")


def test_request_leaves_run_trials_and_audit_in_one_directory():
    names = {path.name for path in Path("runs/q1").iterdir()}
    assert {"metrics.json", "request.yaml", "trials", "audit"} <= names
    assert (Path("runs/q1/audit/audit.html")).is_file()
    found = metrics("runs/q1")
    assert (found["role"], found["method"], found["original"]) == ("unlearned", "FineTune", "runs/clinic")
    assert found["n"] == {"forget": 6, "retain": 42, "test": 21, "val": 21}
    assert found["by_group"]["n"]["forget"] == 1


def test_chosen_settings_are_those_of_the_trial_with_the_least_proxy_gap():
    trials = list(csv.DictReader(Path("runs/q1/trials/trials.csv").read_text().splitlines()))
    finished = [row for row in trials if row["state"] == "finished" and row["method"] == "FineTune"]
    best = min(finished, key=lambda row: float(row["proxy_gap"]))
    assert metrics("runs/q1")["proxy"]["gap"] == pytest.approx(float(best["proxy_gap"]), abs=1e-6)


def test_written_request_repeats_the_run_and_a_second_call_does_nothing(capsys):
    before = RunDir("runs/q2").weights_sha256()
    time = Path("runs/q2/metrics.json").stat().st_mtime_ns
    assert main(request("P05", "runs/q2", "--trials", "0", source="runs/q1")) == 0
    assert Path("runs/q2/metrics.json").stat().st_mtime_ns == time
    assert "Forgotten: 1 patient: 6 training images" in capsys.readouterr().out
    assert main(["fit", "--config", "runs/q2/request.yaml", "--run_dir", "runs/again", *QUIET]) == 0
    assert RunDir("runs/again").weights_sha256() == before


def test_next_command_that_an_answer_names_is_one_that_runs(capsys, monkeypatch):
    monkeypatch.setattr("medunlearn.deletion.answer.collapse", lambda notes: "")  # such tiny models know nothing
    assert main(request("P03", "runs/q1", "--trials", "2", "--method", "FineTune")) == 0
    command = re.search("`(medunlearn receipt [^`]*)`", capsys.readouterr().out)[1]
    assert main(shlex.split(command)[1:]) == 0
    assert Path("runs/q1/receipt.json").is_file()


def test_a_model_that_has_collapsed_is_not_one_to_write_a_receipt_of(capsys):
    assert main(request("P05", "runs/q2", "--trials", "0", source="runs/q1")) == 0
    said = capsys.readouterr().out
    assert "runs/q2 holds a finished answer, which is shown again" in said
    reason = next(note for note in metrics("runs/q2")["notes"] if note.startswith("collapsed: "))
    assert f"Collapsed: {reason.removeprefix('collapsed: ')}. Do not use this model." in said
    assert "Next: call it again with --overwrite true" in said
    assert "medunlearn receipt" not in said
    assert "% of training the original" not in said, "it started from a model that had unlearned"


def test_second_request_forgets_the_first_one_too():
    split = RunDir("runs/q2").read_split("test")
    assert len(split["indices"]) == 12
    assert [each["how"]["groups"] for each in split["requests"]] == [["P03"], ["P05"]]
    assert split["requests"][0]["model_sha256"] == RunDir("runs/q1").weights_sha256()
    assert split["dropped"]["test"] == sorted(i for i in range(24) if i % PATIENTS in (3, 5))
    assert metrics("runs/q2")["original_sha256"] == RunDir("runs/q1").weights_sha256()


def test_few_images_get_more_epochs_but_no_more_than_a_quarter_of_the_originals():
    config = yaml.safe_load(Path("runs/q2/request.yaml").read_text())
    assert config["model"]["class_path"] == "KernelTranspose"
    assert config["trainer"]["max_epochs"] == 3, "8 epochs of the original allow no more than the recipe's own"


def test_dry_run_says_what_would_be_done_and_writes_nothing(capsys):
    assert main(request("P01", "runs/q3", "--dry_run", "--trials", "4")) == 0
    said = capsys.readouterr().out
    assert "To forget: 6 training images of 48 (12 %); left out of every figure: 3 validation and 3 test" in said
    assert "Images: train:1, train:9, train:17, train:25, train:33, train:41, val:1, val:9, val:17, test:1, " in said
    assert "Copies: no retained image is a copy of a forgotten one, exact or near" in said
    assert "From runs/clinic by KernelTranspose, 3 epochs: 4 trials on validation images" in said
    assert not Path("runs/q3").exists()


def test_copies_that_stay_are_named_before_anything_is_done(capsys, tmp_path):
    arrays = dict(np.load("clinic.npz"))
    arrays["train_images"] = arrays["train_images"].copy()
    arrays["train_images"][2] = arrays["train_images"][1]
    np.savez(tmp_path / "copied.npz", **arrays)
    write_table(tmp_path / "copied.csv")
    assert main(["fit", "--config=runs/clinic/config.yaml", f"--data.file={tmp_path}/copied.npz",
                 f"--run_dir={tmp_path}/t", "--trainer.max_epochs=1", *QUIET]) == 0  # fmt: skip
    capsys.readouterr()
    assert main(request("P01", str(tmp_path / "q"), "--dry_run", source=str(tmp_path / "t"))) == 0
    assert "Copies: of 1 forgotten image another one is among the retained (1 exact, 0 near)" in capsys.readouterr().out


def test_file_of_weights_becomes_an_original_that_the_answer_starts_from(tmp_path):
    state = {f"module.{name}": value for name, value in weights(Path("runs/clinic")).items()}
    torch.save({"state_dict": state}, tmp_path / "weights.pt")
    argv = request("P04", "runs/w1", "--trials", "0", source=str(tmp_path / "weights.pt"))
    assert main([*argv, "--backbone", TINY, "--data.file=clinic.npz", "--data.batch_size=8"]) == 0
    original, found = metrics("runs/w1/original"), metrics("runs/w1")
    assert (original["role"], original["facts"]["trained"]) == ("original", "elsewhere")
    assert "seen" in original["facts"], "whether it has seen the forget set is tested and said"
    assert found["original_sha256"] == RunDir("runs/w1/original").weights_sha256()
    assert found["n"]["forget"] == 6
    assert "requests" not in RunDir("runs/w1").read_split("test"), "it is the first request"


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["forget"], "forget: no --from given; name it, as in"),
        (["forget", "--from", "runs/clinic"], "forget: no --run_dir given"),
        (["forget", "--from", "runs/clinic", "--run_dir", "r"], "nothing is named that is to be forgotten"),
        (request("P99", "r"), "groups=P99: no image of clinic.csv is of this patient; there are 8 patients"),
        (request("P01", "r", source="runs/none"), "from=runs/none: no run there"),
        (request("P01", "runs/clinic"), "run_dir=runs/clinic: is the run that is to forget"),
        (request("P01", "r", "--trials", "-1"), "trials=-1: give a whole number of 0 or more"),
        (request("P01", "r", "--method", "Salun"), "method=Salun: no such method; did you mean SalUn?"),
        (request("P01", "r", "--method", "Train"), "method=Train: no config ships with it"),
        (request("P03", "r", source="runs/q1"), "after=runs/q1: has already forgotten every image"),
        (
            request("P03", "runs/q1", "--method", "FineTune"),
            "trials=6: runs/q1 was answered after 2 trials; give `--trials 2` to see that",
        ),
        (
            request("P03", "runs/q1", "--trials", "0", "--method", "FineTune"),
            "trials=0: runs/q1 was answered after 2 trials",
        ),
        (request("P01", "runs/q2", "--trials", "0"), "run_dir=runs/q2: another request is answered there (its data"),
        (request("P01", "r", "--data.forget.rate=0.5"), "--data.forget.rate: the request names what is to be"),
        (request("P01", "r", "--data.file=none.npz"), "file=none.npz: no such file"),
    ],
)
def test_wrong_requests_are_refused_in_one_line_and_write_nothing(capsys, argv, says):
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert says in error
    assert len(error.strip().splitlines()) == 1
    assert not Path("r").exists()
    assert len([*Path("runs/q1/trials").glob("trial_*")]) == 2


def test_overwrite_answers_anew(capsys):
    assert main(request("P02", "runs/q4", "--trials", "0")) == 0
    first = json.loads(Path("runs/q4/split.json").read_text())["indices"]
    assert main(request("P06", "runs/q4", "--trials", "0", "--overwrite", "true")) == 0
    assert json.loads(Path("runs/q4/split.json").read_text())["indices"] != first
    assert (Path("runs/q4/audit/audit.json")).is_file()
