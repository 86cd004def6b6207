"""A study of tiny trials: what it runs, needs and proposes, and that it goes on where it was killed."""

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import children
from helpers.backbones import TINY
from helpers.runs import QUIET, refused, same, weights
from helpers.studies import command, here, prepare, results, write_config

import medunlearn.plans.engines as engines
from medunlearn.__main__ import main
from medunlearn.data import npz
from medunlearn.files.texts import read_yaml
from medunlearn.runs import RunDir


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a study of five trials, on images without a test set and with no Retrain anywhere."""
    folder = tmp_path_factory.mktemp("study")
    opened = []
    with pytest.MonkeyPatch.context() as patch:
        prepare(folder, patch)
        read_header = npz._header
        patch.setattr(npz, "_header", lambda archive, key: opened.append(key) or read_header(archive, key))
        assert main(command("out")) == 0
    assert opened and not any(key.startswith("test") for key in opened)
    return folder


@pytest.fixture
def place(folder, monkeypatch):
    """Work in that folder, with trials in this process."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(engines, "run_process", here)
    return folder


def trial(number, out="out"):
    return RunDir(Path(out, f"trial_{number:03}"))


def test_untouched_model_and_recipe_come_first_and_every_trial_is_a_run_directory(place):
    first, recipe, *others = results("out")
    assert (first["trial"], first["method"], first["RA"]) == ("untouched", "untouched", "0.0")
    assert (recipe["trial"], recipe["recipe"], recipe["state"]) == ("0", "True", "finished")
    assert (recipe["model.init_args.lr"], recipe["trainer.max_epochs"]) == ("0.013", "4")
    assert [row["trial"] for row in others] == ["1", "2", "3", "4"]
    for row in others:
        run = trial(int(row["trial"]))
        settings = run.read_config("run_dir")
        assert str(settings["model"]["init_args"]["lr"]) == row["model.init_args.lr"]
        assert (settings["data"]["test"], settings["reference"]) == (False, None)
        assert run.finished == (row["state"] == "finished")
        assert not run.last.exists()


def test_trials_have_the_figures_of_their_runs_and_none_that_need_test_images(place):
    for row in results("out")[1:]:
        if row["state"] == "finished":
            metrics = trial(int(row["trial"])).read_metrics("run_dir")
            assert float(row["proxy_gap"]) == metrics["proxy"]["gap"]
            assert (metrics["TA"], metrics["MIA"], metrics["AG"], metrics["n"]["test"]) == (None, None, None, 0)
            assert metrics["validation"]["TA"] is not None
            assert (metrics["before"]["TA"], metrics["before"]["MIA"]) == (None, None), "nor by way of the original"
            assert metrics["before"]["UA"] is not None


def test_stopped_trials_say_why_and_never_look_finished(place):
    stopped = [row for row in results("out") if row["state"] == "stopped"]
    assert stopped, "one of four is in the worse half"
    for row in stopped:
        run = trial(int(row["trial"]))
        content = json.loads(run.stopped.read_text())
        assert not run.finished and run.started
        assert content["epochs"] < content["of"]
        assert row["reason"].endswith(content["why"])
        assert float(row["proxy_gap"]) == content["gap"]


def test_chosen_trial_has_the_least_gap_and_tuned_yaml_repeats_it(place, capsys):
    rows = [row for row in results("out")[1:] if row["state"] == "finished"]
    best = min(rows, key=lambda row: float(row["proxy_gap"]))
    text = Path("out/tuned.yaml").read_text()
    assert f"# Trial {best['trial']} is chosen by the proxy gap, on validation images alone, out of 5 trials" in text
    assert "The search took" in text
    content = read_yaml(Path("out/tuned.yaml"))
    assert content["reference"] == "r/nowhere" and "test" not in content["data"]
    assert main(["fit", "--config", "out/tuned.yaml", "--data.file=whole.npz"]) == 0
    assert same(weights(Path("out/tuned")), weights(trial(int(best["trial"])).path))
    assert RunDir("out/tuned").read_metrics("run_dir")["TA"] is not None
    assert main(["report", "out"]) == 0, "runs with and without test images in one table"
    assert "it did without test images" in " ".join(capsys.readouterr().out.split())


def test_table_names_what_was_chosen_and_what_it_cost(place, capsys):
    assert main(command("out")) == 0, "a study that has all its trials shows them again"
    told = " ".join(capsys.readouterr().out.split())  # lines end where the terminal does
    assert "| untouched " in told and "| 0 (recipe) " in told and ", chosen" in told
    assert "The search took" in told and "the chosen run's RTE is" in told
    assert "trial_004" not in told


def test_altered_test_images_change_no_trial_and_a_longer_study_keeps_those_that_it_has(place):
    for trials in (2, 3):
        assert main(command("altered", file="altered.npz", trials=trials)) == 0
        assert results("altered") == results("out")[: trials + 1]


@pytest.mark.timeout(300)
def test_a_killed_study_goes_on_to_the_same_trials(place, tmp_path):
    """Killed where half of a trial is proposed, where one has ended and the study does not know, and within one."""
    for name in ("untested.npz", "salun.yaml", "space.yaml", "r"):
        (tmp_path / name).symlink_to(place / name)
    argv = command("killed", trials=4)
    for owner, name, count in (("space:Parameter", "suggested", 7), ("study:Study", "_take", 1)):
        kill_at = (f"medunlearn.tuning.{owner}", name, count)
        status, told = children.run(argv, tmp_path, forked_stages=True, kill_at=kill_at)
        assert status == -signal.SIGKILL, told[-3000:]
    kill_once(argv, tmp_path, tmp_path / "killed" / "trial_002" / "checkpoints" / "last.ckpt")
    status, told = children.run(argv, tmp_path, forked_stages=True)
    assert status == 0, told[-3000:]
    assert results(tmp_path / "killed") == results("out")[:5]


def kill_once(argv, folder, sign):
    """Start a study and kill it as soon as a file is there; its trial ends with it."""
    process = children.start(argv, folder, forked_stages=True)
    while process.is_alive() and not sign.exists():
        time.sleep(0.002)
    started = [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    while any(map(children.at_work, started)):
        time.sleep(0.01)


def test_a_folder_with_another_study_is_refused(place, capsys):
    Path("other.yaml").write_text(json.dumps({"model.init_args.lr": {"log": [0.001, 0.1]}}))
    for options, what in (
        (["--seed", "1"], "seed"),
        (["--space", "other.yaml"], "space"),
        (["--data.batch_size=10"], "config"),
        (["--no_halving"], "no_halving"),
    ):
        assert f"out=out: holds a study with another {what}; give its" in refused(capsys, *command("out", *options))
    write_config("fine.yaml", "FineTune")
    assert "another config" in refused(capsys, *command("out", config="fine.yaml"))


def test_a_learning_curve_is_made_once_and_moves_the_targets_of_all(place, capsys, monkeypatch):
    argv = command("curved", "--curve", "short", trials=1)
    assert main(argv) == 0
    told = capsys.readouterr().out
    assert "r/train/learning_curve.json: took" in told
    untouched, recipe = results("curved")
    assert untouched["proxy_gap"] != results("out")[0]["proxy_gap"]
    assert recipe["proxy_gap"] != results("out")[1]["proxy_gap"]
    assert trial(0, "curved").read_metrics("run_dir")["proxy"]["gap"] == float(recipe["proxy_gap"])
    assert "learning_curve/" not in told.partition("took")[2], "the curve comes first"
    assert "out=out: holds a study with another curve" in refused(capsys, *command("out"))
    Path("r/train/learning_curve.json").unlink()  # the other studies of this page have none
    assert "another curve" in refused(capsys, *command("curved", trials=1))


def test_several_configs_are_one_study_each_with_its_recipe(place, capsys):
    write_config("fine.yaml", "FineTune", epochs=1)
    Path("lr.yaml").write_text(json.dumps({"model.init_args.lr": {"times": [0.1, 1]}}))
    argv = command("both", trials=3)
    argv[argv.index("space.yaml")] = "lr.yaml"
    argv.insert(1, "fine.yaml")
    assert main(argv) == 0
    _, *rows = results("both")
    assert [(row["config"], row["recipe"]) for row in rows[:2]] == [("fine", "True"), ("salun", "True")]
    assert {row["config"] for row in rows[2:]} <= {"fine", "salun"}
    assert "| FineTune (fine)" in capsys.readouterr().out


def test_by_the_average_gap_reference_and_test_images_are_needed_and_it_is_said(place, capsys):
    retrain = ["fit", "--config=salun.yaml", "--model=Retrain", "--reference=null", "--trainer.max_epochs=1"]
    assert main([*retrain, "--data.file=whole.npz", "--run_dir=r/retrain"]) == 0
    capsys.readouterr()
    argv = command("by_AG", "--select", "average_gap", "--reference=r/retrain", file="whole.npz", trials=1)
    assert main(argv) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "AG (chosen by)" in told
    assert "chosen by the Average Gap to a Retrain on the test set, which only a researcher has" in told
    assert "by the Average Gap to a Retrain on the test set" in Path("by_AG/tuned.yaml").read_text()
    rows = results("by_AG")
    assert all(float(row["AG"]) >= 0 for row in rows)
    assert "which chose" in Path("by_AG/proxy_against_time.svg").read_text()


def test_a_method_that_reads_validation_images_is_marked_and_tuned_alone(place, capsys):
    write_config("twins.yaml", "HeldOutTwins", epochs=1)
    Path("lr.yaml").write_text(json.dumps({"model.init_args.lr": {"times": [0.1, 1]}}))
    argv = command("twins", trials=1, config="twins.yaml")
    argv[argv.index("space.yaml")] = "lr.yaml"
    assert main(argv) == 0
    assert "learns from the original's answers on validation images" in " ".join(capsys.readouterr().out.split())
    assert "looks too good" in Path("twins/tuned.yaml").read_text()
    argv.insert(1, "salun.yaml")
    assert "HeldOutTwins learns from validation images" in refused(capsys, *argv, "--trials", "2")


def test_a_recipe_that_fails_ends_the_study_and_a_proposal_that_fails_does_not(place, capsys, monkeypatch):
    def failing(number):
        def run(argv, environment):
            assert environment["WANDB_RUN_GROUP"] == "failing"
            return 1 if f"failing/trial_{number:03}" in argv else here(argv, environment)

        return run

    monkeypatch.setattr(engines, "run_process", failing(0))
    assert main(command("failing", trials=2)) == 2
    assert "tune: the recipe of salun.yaml fails (exit status 1)" in capsys.readouterr().err
    monkeypatch.setattr(engines, "run_process", failing(1))
    assert main(command("failing", trials=2)) == 0
    assert [row["state"] for row in results("failing")] == ["", "finished", "failed"]
    assert results("failing")[2]["reason"] == "exit status 1"


def test_data_on_which_there_is_no_proxy_gap_are_refused(place, capsys):
    arrays = dict(np.load("untested.npz"))
    kept = arrays["val_labels"].reshape(-1) != 0
    np.savez("lacking.npz", **arrays | {name: arrays[name][kept] for name in ("val_images", "val_labels")})
    train = ["fit", "--model=Train", f"--model.init_args.backbone={TINY}", "--data.file=lacking.npz", *QUIET]
    assert main([*train, "--data.test=false", "--run_dir=r/lacking", "--trainer.max_epochs=1"]) == 0
    first = np.flatnonzero(arrays["train_labels"].reshape(-1) == 0)[:2]
    Path("first.txt").write_text("\n".join(map(str, first)))
    options = ["--model.init_args.original=r/lacking", "--data.forget.rate=null", "--data.forget.indices=first.txt"]
    assert main(command("lacking", *options, file="lacking.npz", trials=1)) == 2
    told = capsys.readouterr().err
    assert "tune: needs the proxy gap, which cannot be measured: no validation image is of a class of" in told
    assert "tune: the recipe of salun.yaml fails (exit status 2), and says why above" in told
