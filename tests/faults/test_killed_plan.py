"""A plan that is killed in the middle of any stage and called again ends in the same table."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from helpers import children
from helpers.backbones import TINY
from helpers.runs import QUIET, same, weights

import medunlearn.plans.engines as engines
from medunlearn.__main__ import main

STAGES = ("train", "retrain", "salun")
SEEDS = (0, 1)
EPOCHS = 20  # so that a stage is still at work when its first file is seen
PLAN = ["reproduce", "../plan.yaml", *QUIET]


def write_configs(npz):
    data = {"file": str(npz), "batch_size": 8}
    forget = data | {"forget": {"rate": 0.25}}
    contents = {
        "train": {"data": data, "model": {"class_path": "Train", "init_args": {"backbone": TINY}}},
        "retrain": {"data": forget, "model": {"class_path": "Retrain", "init_args": {"backbone": TINY}}},
        "salun": {
            "data": forget,
            "reference": "r/retrain",
            "model": {"class_path": "SalUn", "init_args": {"original": "r/train", "backbone": TINY}},
        },
    }
    for name, content in contents.items():
        Path(f"{name}.yaml").write_text(
            json.dumps({"run_dir": f"r/{name}", "trainer": {"max_epochs": EPOCHS}, **content})
        )
    Path("plan.yaml").write_text(json.dumps({"configs": [f"{name}.yaml" for name in STAGES], "seeds": list(SEEDS)}))


def run_here(argv, environment):
    """Run a stage in this process: to start one of its own takes longest."""
    python, *options, module = argv[: argv.index("medunlearn") + 1]
    assert (options, module) == (["-P", "-m"], "medunlearn"), python
    return main(list(argv[argv.index("medunlearn") + 1 :]))


def stages_of(plan):
    """Return the processes that a plan has started."""
    return [int(pid) for pid in Path(f"/proc/{plan}/task/{plan}/children").read_text().split()]


def kill_at(folder, sign):
    """Start the plan and kill it, and nothing else, as soon as a file is there; its stage must end with it."""
    process = children.start(PLAN, folder, forked_stages=True)
    while process.is_alive() and not (folder / "r" / sign).exists():
        time.sleep(0.01)
    assert process.is_alive(), (folder / "output.txt").read_text()[-3000:]
    (stage,) = stages_of(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    deadline = time.monotonic() + 60
    while children.at_work(stage):
        assert time.monotonic() < deadline, "the stage goes on without its plan"
        time.sleep(0.01)


def runs():
    return [f"r/{stage}{f'_seed{seed}' if seed else ''}" for seed in SEEDS for stage in STAGES]


def table(told):
    """The comparison at the end, without run times."""
    lines = told.rpartition("stage 6 of 6")[2].splitlines()
    rows = [line.split("|") for line in lines if line.startswith("| r/")]
    return [row[:8] + row[9:] for row in rows]


@pytest.mark.timeout(900)
def test_a_killed_plan_ends_in_the_same_table(npz, monkeypatch, capfd):
    write_configs(npz)
    whole, killed = Path("whole").absolute(), Path("killed").absolute()
    for folder in (whole, killed):
        folder.mkdir()
    with monkeypatch.context() as here:
        here.chdir(whole)
        here.setattr(engines, "run_process", run_here)
        assert main(PLAN) == 0
    told = "".join(capfd.readouterr())
    # In the middle of Train's training, of Retrain's, of SalUn's mask or epochs, and of a stage of the last seed.
    for sign in ("train/checkpoints/last.ckpt", "retrain/split.json", "salun/split.json", "retrain_seed1/config.yaml"):
        kill_at(killed, sign)
        unfinished = killed / "r" / sign.split("/")[0]
        assert not (unfinished / "metrics.json").exists()
    (process := children.start(PLAN, killed, forked_stages=True)).join()
    last = (killed / "output.txt").read_text()
    assert process.exitcode == 0, last[-3000:]
    assert len(table(told)) == 6
    assert table(last) == table(told)
    for run in runs():
        assert same(weights(whole / run), weights(killed / run)), run
