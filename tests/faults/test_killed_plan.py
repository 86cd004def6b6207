"""A plan that is killed in the middle of any stage and called again ends in the same table."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.backbones import TINY
from helpers.runs import QUIET, same, weights

STAGES = ("train", "retrain", "salun")
SEEDS = (0, 1, 2)
EPOCHS = 20  # so that a stage is still at work when its first file is seen


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


def reproduce(folder):
    words = [sys.executable, "-m", "medunlearn", "reproduce", "../plan.yaml", *QUIET]
    return subprocess.Popen(
        words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def runs():
    return [f"r/{stage}{f'_seed{seed}' if seed else ''}" for seed in SEEDS for stage in STAGES]


def table(told):
    """The comparison at the end, without run times."""
    lines = told.rpartition("stage 9 of 9")[2].splitlines()
    return [line.rsplit("|", 2)[0] for line in lines if line.startswith("| r/")]


@pytest.mark.timeout(900)
def test_a_killed_plan_ends_in_the_same_table(npz):
    write_configs(npz)
    whole, killed = Path("whole"), Path("killed")
    for folder in (whole, killed):
        folder.mkdir()
    told, _ = (process := reproduce(whole)).communicate()
    assert process.returncode == 0, told[-3000:]
    # In the middle of Train's training, of Retrain's, of SalUn's mask or epochs, and of a stage of the last seed.
    for sign in ("train/checkpoints/last.ckpt", "retrain/split.json", "salun/split.json", "retrain_seed2/config.yaml"):
        process = reproduce(killed)
        while process.poll() is None and not (killed / "r" / sign).exists():
            time.sleep(0.01)
        assert process.poll() is None, process.communicate()[0][-3000:]
        os.kill(process.pid, signal.SIGKILL)  # its stage must end with it
        process.communicate()
        unfinished = killed / "r" / sign.split("/")[0]
        assert not (unfinished / "metrics.json").exists()
    last, _ = (process := reproduce(killed)).communicate()
    assert process.returncode == 0, last[-3000:]
    assert len(table(told)) == 9
    assert table(last) == table(told)
    for run in runs():
        assert same(weights(whole / run), weights(killed / run)), run
