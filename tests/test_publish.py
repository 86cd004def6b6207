"""Configs and expected figures of the evidence, as its `publish.py` writes and `reproduce` reads them."""

import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from helpers.fake_runs import change, fake

from medunlearn.plans.plan import read_plan
from medunlearn.report import load
from medunlearn.report.expected import FIGURES, compared, expectations
from medunlearn.report.frame import records

EVIDENCE = Path(__file__).parents[1] / "benchmarks" / "evidence"
TUNED = """# salun_50.yaml with the settings of trial 3.
# Trial 3 is chosen by the proxy gap, on validation images alone, out of 6 trials: 0.96 points.
run_dir: runs/evidence/tune/salun_50/tuned
reference: runs/retrain_blood_50
data: {dataset: null, forget: {rate: 0.5, seed: 0}, file: blood28.npz, batch_size: 64}
model: {class_path: SalUn, init_args: {original: runs/evidence/train_0, lr: 0.01}}
seed_everything: 0
trainer: {enable_progress_bar: false, max_epochs: 4}
"""


@pytest.fixture
def script(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(EVIDENCE))
    found = import_module("publish")
    monkeypatch.setattr(found, "CONFIGS", tmp_path / "configs")
    (tmp_path / "configs" / "plans").mkdir(parents=True)
    yield found
    for name in ("publish", "run", "jobs"):
        sys.modules.pop(name, None)


@pytest.fixture
def runs():
    """Retrain and a tuned method on two seeds, and runs that are not published: a recipe, a twin, another case."""
    for seed in (0, 1):
        train = fake(f"e/train_{seed}", "Train", (None, 99.0, 96.0, None), seed, rate=None)
        fake(f"e/retrain_50_{seed}", "Retrain", (5.0, 98.0, 95.0, 10.0), seed, rate=0.5)
        for name, shift in (("tuned_salun_50", 0.0), ("salun_50", 40.0)):
            fake(f"e/{name}_{seed}", "SalUn", (4.0 + seed + shift, 97.0, 94.5, 9.0), seed, rate=0.5, original=train)
    fake("e/retrain_1_0", "Retrain", (5.0, 98.0, 95.0, 10.0), rate=0.01)
    fake("e/retrain_50_0_twin", "Retrain", (9.0, 98.0, 95.0, 10.0), seed=100, rate=0.5)
    for run in Path("e").iterdir():
        change(run, data_sha256="a" * 64, epochs=4)
    file = Path("e/tune/salun_50/tuned.yaml")
    file.parent.mkdir(parents=True)
    file.write_text(TUNED)
    return Path("e")


def test_a_run_is_inside_what_was_published_of_its_like(script, runs):
    script.main([str(runs)])
    known = expectations(script.CONFIGS / "tuned")
    assert [(each.experiment["method"], each.seeds) for each in known] == [("Retrain", 2), ("SalUn", 2)]
    assert all(set(each.figures) == set(FIGURES) for each in known)
    assert known[1].figures["UA"] == (4.5, 0.707)
    lines = compared(records(load(["e/tuned_salun_50_0", "e/salun_50_0", "e/retrain_50_0"])), known)
    assert "e/tuned_salun_50_0: inside: UA, RA, TA, MIA, AG" in lines
    assert "e/retrain_50_0: inside: " in lines
    assert "e/salun_50_0: outside: UA 44.00, expected " in lines


def test_configs_are_experiments_of_their_own_and_make_a_plan(script, runs):
    script.main([str(runs)])
    content = yaml.safe_load((script.CONFIGS / "tuned/blood28/salun_50.yaml").read_text())
    assert content == {
        "run_dir": "runs/blood28/salun_50",
        "reference": "runs/blood28/retrain_50",
        "data": {"forget": {"rate": 0.5}, "file": "blood28.npz", "batch_size": 64},
        "model": {"class_path": "SalUn", "init_args": {"original": "runs/blood28/train", "lr": 0.01}},
        "trainer": {"max_epochs": 4},
    }
    stages = read_plan([str(script.CONFIGS / "plans/blood28.yaml")]).stages()
    assert {str(stage.run) for stage in stages} == {
        f"runs/blood28/{name}" for name in ("train", "retrain_10", "retrain_50", "salun_50")
    }
