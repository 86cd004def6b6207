"""Runs killed with SIGKILL at chosen and at random moments: never taken for finished, and resumed to the same bits.

`TRUST_KILLS=200 pytest tests/faults/test_kills.py` tries more random moments.
"""

import json
import os
import random
import shutil
import signal
import time
from contextlib import chdir

import pytest
from helpers import children
from helpers.backbones import WITH_TINY
from helpers.runs import QUIET, same, weights, write_npz

from medunlearn.__main__ import main
from medunlearn.runs import RunDir

KILLS = int(os.environ.get("TRUST_KILLS", "20"))
METHODS = ("Train", "Retrain", "SalUn")
FIGURES = ("UA", "RA", "TA", "MIA", "AG", "epochs", "n", "before", "validation", "split_sha256", "parameters")


def command(method, run_dir, *extra):
    given = ["fit", f"--model={method}", f"--run_dir={run_dir}", "--data.file=tiny.npz", "--data.batch_size=8", *QUIET]
    given += [WITH_TINY]
    given += ["--trainer.precision=32-true", "--trainer.deterministic=true", "--trainer.max_epochs=3"]
    if method != "Train":
        given += ["--data.forget.rate=0.25"]
    if method == "SalUn":
        given += ["--model.init_args.original=Train", "--model.init_args.schedule=sequential", "--reference=Retrain"]
    return [*given, *extra]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Runs that nobody killed, one of each method, and how long each took."""
    folder = tmp_path_factory.mktemp("kills")
    write_npz(folder / "tiny.npz")
    seconds = {}
    children.run(["list", "methods"], folder)  # or the first would take as long as starting the server of them all
    for method in METHODS:
        begin = time.monotonic()
        status, output = children.run(command(method, method), folder)
        assert status == 0, output
        seconds[method] = time.monotonic() - begin
    return folder, seconds


def finish(folder, method, run_dir):
    """Go on with a killed run and hold its result against the one that nobody killed."""
    part, whole = folder / run_dir, folder / method
    assert not (part / "metrics.json").exists(), "a killed run looks finished"
    begun = RunDir(part).started  # what `reproduce` asks too, before it says `--resume true`
    with chdir(folder):
        assert main(command(method, run_dir, *(["--resume=true"] if begun else []))) == 0
    assert same(weights(whole), weights(part))
    before, after = (json.loads((run / "metrics.json").read_text()) for run in (whole, part))
    assert {key: before[key] for key in FIGURES} == {key: after[key] for key in FIGURES}
    assert after["RTE"] > 0
    assert not list(part.rglob("*.part*"))
    assert (part / "checkpoints" / "last.ckpt.sha256").exists()
    shutil.rmtree(part)  # so that the disk holds any number of them


POINTS = {
    "in the mask, first batch": ("torch.autograd", "grad", 1),
    "in the mask, chosen but not kept": ("medunlearn.methods.unlearner", "saliency_mask", 1, True),
    "in the forget pass": ("medunlearn.methods.classifier:Classifier", "training_step", 1),
    "in the retain pass of the second epoch": ("medunlearn.methods.classifier:Classifier", "training_step", 6),
    "in the evaluation": ("medunlearn.methods.classifier:Classifier", "predict_step", 2),
    "in the attack": ("medunlearn.callbacks.unlearning_metrics", "validation_metrics", 1),
    "while a checkpoint is packed": ("torch", "save", 2),
} | {f"before write {count} has its name": ("os", "fsync", count) for count in range(1, 12)}


@pytest.mark.parametrize("point", POINTS)
def test_a_run_killed_at_a_chosen_point_goes_on(folder, point):
    folder, _ = folder
    run_dir = point.replace(" ", "_")
    status, output = children.run(command("SalUn", run_dir), folder, kill_at=POINTS[point])
    assert status == -signal.SIGKILL, output
    finish(folder, "SalUn", run_dir)


@pytest.mark.parametrize("number", range(KILLS))
def test_a_run_killed_at_random_goes_on(folder, number):
    folder, seconds = folder
    chance = random.Random(number)
    method = METHODS[number % 3]
    run_dir = f"random_{number}"
    moment = chance.uniform(0, seconds[method])
    process = children.start(command(method, run_dir), folder)
    time.sleep(moment)
    finished = (folder / run_dir / "metrics.json").exists()
    process.kill()
    process.join()
    if process.exitcode == 0 or finished:
        assert same(weights(folder / method), weights(folder / run_dir))
    else:
        finish(folder, method, run_dir)


def test_a_run_killed_again_and_again_goes_on(folder):
    folder, _ = folder
    for extra, step in (([], 2), (["--resume=true"], 3), (["--resume=true"], 5)):
        at = ("medunlearn.methods.classifier:Classifier", "training_step", step)
        status, output = children.run(command("SalUn", "often", *extra), folder, kill_at=at)
        assert status == -signal.SIGKILL, output
    finish(folder, "SalUn", "often")
