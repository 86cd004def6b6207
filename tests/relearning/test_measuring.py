"""What numbers of steps say. (Training: `test_training.py`.)"""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.backbones import TINY
from helpers.runs import write_npz

from medunlearn.__main__ import main
from medunlearn.relearning.measuring import Relearned
from medunlearn.relearning.training import Curve


def relearned(retrains=2, original=True, **losses):
    """Curves measured after 0, 5 and 10 steps."""
    models = {name: SimpleNamespace(label=name, run=name, sha256=None) for name in losses}
    others = [models[name] for name in models if name.startswith("retrain")][:retrains]
    subject = SimpleNamespace(
        unlearned=models["own"],
        original=models["untouched"] if original else None,
        retrains=others,
        models=[models["own"], *([models["untouched"]] if original else []), *others],
    )
    curves = {name: Curve(np.array([0, 5, 10]), np.array(values), np.zeros(3)) for name, values in losses.items()}
    return Relearned(subject, curves), models


LOSSES = {"untouched": [0.1, 0.0, 0.0], "retrain_0": [1.0, 0.5, 0.1], "retrain_1": [1.2, 0.2, 0.1]}


def test_the_goal_is_nine_tenths_of_the_way_to_the_original():
    found, models = relearned(own=[1.1, 0.2, 0.1], **LOSSES)
    assert found.goal == pytest.approx(0.1 + 0.1 * 1.0)
    assert found.steps(models["own"]) == 5
    assert found.steps(models["untouched"]) == 0
    assert [found.steps(each) for each in found.subject.retrains] == [10, 5]
    assert found.index(models["own"]) == pytest.approx(5 / 7.5)


def test_an_untouched_model_has_nothing_to_learn_and_a_retrain_is_the_unit():
    found, models = relearned(own=LOSSES["untouched"], **LOSSES)
    assert found.index(models["own"]) == 0
    found, models = relearned(own=LOSSES["retrain_0"], retrains=1, **LOSSES)
    assert found.index(models["own"]) == 1


def test_what_is_not_reached_or_not_known_has_no_index():
    found, models = relearned(own=[1.1, 0.9, 0.8], **LOSSES)
    assert found.steps(models["own"]) is None
    assert found.index(models["own"]) is None
    assert "over 10" in found.table()
    for less in ({"retrains": 0}, {"original": False}):
        found, models = relearned(own=[1.1, 0.9, 0.0], **less, **LOSSES)
        assert (found.goal, found.steps(models["own"]), found.index(models["own"])) == (None, None, None)
    found, models = relearned(own=[1.0, 0.0, 0.0], **(LOSSES | {"untouched": [2.0, 1.0, 0.5]}))
    assert found.goal is None, "an original that knows less than Retrain"


def test_runs_are_trained_again_by_the_command_and_stay_as_they_are(fit, npz, capsys):
    fit.original("runs/train", epochs=1)
    fit.once("Retrain", "runs/retrain", "--data.forget.rate=0.2", epochs=1)
    more = ["--model.init_args.original=runs/train", "--reference=runs/retrain", "--data.forget.rate=0.2"]
    fit("SalUn", "runs/salun", *more, epochs=1)
    before = {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()}
    argv = ["relearn", "runs/salun", "--steps", "3", "--every", "2", "--out", "out"]
    assert main(argv) == 2
    assert "backbone" in capsys.readouterr().err, "a network of one's own has to be named"
    assert main([*argv, "--backbone", TINY]) == 0
    assert {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()} == before
    assert "| untouched |" in capsys.readouterr().out
    (run,) = json.loads(Path("out/relearn.json").read_text())["runs"]
    assert [model["label"] for model in run["models"]] == ["SalUn", "untouched", "Retrain 1"]
    assert all(model["measured_after"] == [0, 2, 3] for model in run["models"])
    assert Path("out/relearn_1.png").is_file()
    write_npz(Path("other.npz"), train_images=np.zeros((20, 8, 8, 3), np.uint8), train_labels=np.arange(20) % 4)
    assert main(["relearn", "runs/salun", "--file", "other.npz"]) == 2
    assert "these are not the run's images" in capsys.readouterr().err
