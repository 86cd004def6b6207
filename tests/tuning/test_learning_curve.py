"""The learning curve of an original: how it is made, resumed and refused, and the targets that it moves."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from helpers.backbones import TINY
from helpers.runs import QUIET, write_npz

from medunlearn.__main__ import main
from medunlearn.callbacks import UnlearningMetrics
from medunlearn.cli.stages import FitCommand
from medunlearn.errors import InputError
from medunlearn.metrics import Loss, Predictions, attack_shares, group_arrays, proxy_gap
from medunlearn.plans import engines
from medunlearn.runs import RunDir
from medunlearn.runs.learning_curve import learning_curve
from medunlearn.tuning.curve_points import on_all_images, point_of
from medunlearn.tuning.learning_curve import Plan, curve_beside, make_curve

OPTIONS = ["--data.file=d.npz", "--data.batch_size=8", f"--model.init_args.backbone={TINY}", *QUIET]
UNLEARN = ["--model.init_args.original=t", "--model.init_args.rewind=true", "--data.forget.rate=0.5"]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Return the run directory of an original that was made in a folder of its own."""
    folder = tmp_path_factory.mktemp("curve")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_npz(folder / "d.npz", counts={"train": 40, "val": 20, "test": 8})
        logger = "--trainer.logger={class_path: CSVLogger, init_args: {save_dir: t, name: logs}}"
        quiet = [*OPTIONS, logger, "--evaluation.every_n_epochs=2"]
        assert main(["fit", "--model=Train", "--run_dir=t", "--trainer.max_epochs=8", *quiet]) == 0
    return folder / "t"


@pytest.fixture
def ran(original, monkeypatch):
    """Return the list of the stages that have been run, each in this process; one named in it beforehand fails."""
    monkeypatch.chdir(original.parent)
    calls = []

    def run(argv, *_):
        name = Path(argv[argv.index("--config") + 1]).stem
        if calls == [f"{name} fails"]:
            calls.clear()
            return 1
        calls.append(name)
        return main(argv[argv.index("medunlearn") + 1 :])

    monkeypatch.setattr(engines, "run_process", run)
    return calls


def settings(run):
    return RunDir(run).read_config("test")


def test_parts_are_nested_runs_of_the_originals_schedule_made_once(original, ran):
    ran.append("parts_20 fails")
    with pytest.raises(InputError, match=r"curve: t/learning_curve/parts_20 failed \(exit status 1\); fix that"):
        make_curve(RunDir("t"), FitCommand(), Plan(fractions=(0.5,)))
    made = make_curve(RunDir("t"), FitCommand(), Plan(fractions=(0.25, 0.5)))
    assert ran == ["parts_10", "parts_20"]
    assert make_curve(RunDir("t"), FitCommand(), Plan(fractions=(0.5, 0.25))).content == made.content
    assert len(ran) == 2, "what is finished is not run again"
    points = made.content["points"]
    assert [point["images"] for point in points] == [10, 20, 40]
    left_out = [set(RunDir(point["run"]).read_split("test")["indices"]) for point in points[:2]]
    assert left_out[1] < left_out[0]
    for point in points[:2]:
        run = RunDir(point["run"])
        found = Predictions.from_arrays(run.read_predictions("test"))
        assert point["val_error"] == pytest.approx(100 * np.mean(found.val.probs.argmax(1) != found.val.labels))
        wrong = [each.probs.argmax(1) != each.labels for each in (found.forget, found.val)]
        assert point["unseen_error"] == pytest.approx(100 * np.mean(np.concatenate(wrong)))
        assert point["attack"] == attack_shares(found)[1]
        assert point["train_error"] == pytest.approx(100 * np.mean(found.retain.probs.argmax(1) != found.retain.labels))
        assert run.read_metrics("test")["role"] == "retrained"
        assert settings(run.path)["trainer"]["max_epochs"] == point["epochs"] == 8
        assert not run.last.exists()
    assert made.content["epochs"] == pytest.approx(8 * 0.75)
    assert points[2]["val_error"] == 100 - RunDir("t").read_metrics("test")["validation"]["TA"]
    assert (points[2]["attack"], "unseen_error" in points[2]) == (None, False), "its validation images are few"
    assert made.content["moves_attack"] is True
    assert curve_beside(RunDir("t"), FitCommand(), Plan("short")) == made.content, "it is made once"
    assert {path.name for path in made.figures} == {"learning_curve.png", "learning_curve.svg"}
    assert all((original / path.name).stat().st_size > 1000 for path in made.figures)
    kept = learning_curve(RunDir("t"), "test")
    assert kept is not None
    assert [each.val_error for each in kept.points] == [point["val_error"] for point in points]


def test_left_out_images_of_a_patient_in_the_part_are_not_unseen(ran):
    make_curve(RunDir("t"), FitCommand(), Plan(fractions=(0.5,)))
    run = RunDir("t/learning_curve/parts_20")
    found = Predictions.from_arrays(run.read_predictions("test"))
    labels = found.split_by(np.empty(0, np.int64)).retain.labels
    groups = np.arange(40)
    known, unknown = found.forget.rows[:10], found.forget.rows[10:]
    groups[known] = groups[found.retain.rows[:10]]
    unseen = found.forget.take(np.isin(found.forget.rows, unknown)).joined(found.val)
    point = point_of(run, RunDir("t"), labels, groups)
    assert point["unseen_error"] == pytest.approx(100 * np.mean(unseen.probs.argmax(1) != unseen.labels))
    assert RunDir("t").read_curve("test")["points"][1]["attack"] is not None, "beside one part, the original counts"
    alone = point_of(run, RunDir("t"), labels, np.zeros(40))
    assert alone["unseen_error"] == pytest.approx(alone["val_error"]), "one patient: the validation images are left"


def test_groups_are_known_of_an_original_with_a_forget_set_of_its_own(original):
    arrays = RunDir(original).read_predictions("test")
    patients = np.arange(40) // 2
    forgotten = np.array([3, 8, 21])
    split = Predictions.from_arrays(arrays).split_by(forgotten)
    run = RunDir("u")
    run.path.mkdir()
    run.write_predictions(split.to_arrays() | group_arrays(split, {"train": patients}))
    whole, groups = on_all_images(run)
    assert len(whole.forget.labels) == 0
    assert groups is not None and groups.tolist() == patients.tolist(), "in the order of the training set"


def test_short_runs_have_few_epochs_with_a_cosine_at_the_whole_size_too(ran, capsys):
    argv = ["curve", "t", "--way", "short", "--epochs", "2", "--fractions", "0.5", "1", "--seed", "3"]
    assert main([*argv, "--move_attack", "true"]) == 0
    assert ran == ["short_20_2_epochs_seed3", "short_40_2_epochs_seed3"]
    part, whole = (settings(f"t/learning_curve/{name}") for name in ran)
    assert whole["model"]["class_path"].endswith("Train")
    forget = whole["data"]["forget"]
    assert {name for name, value in forget.items() if value} == {"group_by"}, "nothing is left out"
    for each in (part, whole):
        assert (each["trainer"]["max_epochs"], each["model"]["init_args"]["lr_schedule"]) == (2, "cosine")
    content = json.loads(Path("t/learning_curve.json").read_text())
    assert (content["reading"], content["moves_attack"], content["epochs"]) == ("ratio", True, 3.0)
    printed = capsys.readouterr().out
    assert "Predicted for a Retrain without 50 % of the images: validation accuracy " in printed
    assert "Cost: 3.0 epochs over the training set" in printed


def test_a_curve_by_epoch_is_of_what_the_original_has_logged_and_costs_nothing(ran):
    content = make_curve(RunDir("t"), FitCommand(), Plan("epochs", (0.25,))).content
    assert ran == []
    assert [point["images"] for point in content["points"]] == [10, 15, 20, 25, 30, 35, 40]
    last = content["points"][-1]
    assert last["val_error"] == pytest.approx(content["original"]["val_error"], abs=1e-3)
    assert last["train_error"] == pytest.approx(content["original"]["train_error"], abs=1e-3)
    assert content["points"][1]["train_error"] is None
    assert content["seconds"] == content["epochs"] == 0


def test_a_curve_moves_the_targets_of_the_proxy_gap_and_says_so(ran, monkeypatch, capsys):
    curve = RunDir("t").curve
    content = make_curve(RunDir("t"), FitCommand(), Plan("epochs")).content
    points = [{"images": 20, "val_error": 40.0, "train_error": 30.0}, {"images": 40, "val_error": 20.0}]
    curve.write_text(json.dumps({**content, "points": points}))
    losses = []
    measure = UnlearningMetrics.measure_proxy
    monkeypatch.setattr(
        UnlearningMetrics, "measure_proxy", lambda self, *given: (losses.append(given[2]), measure(self, *given))[1]
    )
    unlearn = ["fit", "--model=FineTune", "--trainer.max_epochs=2", *OPTIONS, *UNLEARN]
    assert main([*unlearn, "--run_dir=moved"]) == 0
    assert len(losses) == 3, "after each of two epochs, and at the end"
    assert len(set(losses)) == 1
    figures = RunDir("moved").read_metrics("test")
    proxy, targets = figures["proxy"], figures["proxy"]["targets"]
    assert "moved by the original's learning curve: validation accuracy -" in "".join(figures["notes"])
    assert Loss(**targets["loss"]) == losses[0]
    assert 15 < targets["loss"]["val"] < 25, "half of the images are forgotten, not exactly half of each class"
    found = Predictions.from_arrays(RunDir("moved").read_predictions("test"))
    before = Predictions.from_arrays(RunDir("t").read_predictions("test")).split_by(found.forget.rows)
    again = proxy_gap(found, before, loss=losses[0])
    assert {key: proxy[key] for key in again} == again
    assert proxy["RA"] == pytest.approx(abs(figures["RA"] - targets["RA"]))
    assert proxy["TA"] == pytest.approx(abs(figures["validation"]["TA"] - targets["TA"]))

    curve.unlink()
    assert main([*unlearn, "--run_dir=plain"]) == 0
    assert "targets" not in RunDir("plain").read_metrics("test")["proxy"]
    curve.write_text(json.dumps({**content, "original_sha256": "another"}))
    assert main([*unlearn, "--run_dir=foreign"]) == 2
    assert not Path("foreign").exists()
    program, *argv = shlex.split(capsys.readouterr().err.split("make it again with `")[1].partition("`")[0])
    assert (program, main(argv)) == ("medunlearn", 0)
    assert learning_curve(RunDir("t"), "test") is not None
