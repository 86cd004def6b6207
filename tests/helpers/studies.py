"""Tiny studies of `medunlearn tune`: an original, a config, a space, and the command."""

import csv
import json
from pathlib import Path

import numpy as np

import medunlearn.plans.engines as engines
from helpers.backbones import TINY
from helpers.runs import QUIET, write_npz
from medunlearn.__main__ import main

SPACE = {"model.init_args.lr": {"times": [0.1, 10]}, "trainer.max_epochs": {"integer": [2, 4]}}


def prepare(folder: Path, patch) -> None:
    """Write images with and without a test set and others of them, an original, a config of SalUn and a space.

    The original has seen the file with its test set. There is no reference where the config names one.
    """
    patch.chdir(folder)
    patch.setattr(engines, "run_process", here)
    whole = write_npz(Path("whole.npz"), counts={"train": 40, "val": 16, "test": 12})
    arrays = dict(np.load(whole))
    np.savez("untested.npz", **{name: array for name, array in arrays.items() if not name.startswith("test")})
    np.savez("altered.npz", **arrays | {"test_images": 255 - arrays["test_images"]})
    train = ["fit", "--model=Train", f"--model.init_args.backbone={TINY}", "--model.init_args.lr=0.02"]
    data = ["--data.file=whole.npz", "--data.batch_size=8"]
    assert main([*train, *data, "--run_dir=r/train", "--trainer.max_epochs=6", *QUIET]) == 0
    write_config("salun.yaml", "SalUn")
    Path("space.yaml").write_text(json.dumps(SPACE))


def write_config(name: str, method: str, epochs: int = 4, **settings) -> str:
    """Write a config of a method that starts from the original."""
    content = {
        "run_dir": f"r/{method}",
        "reference": "r/nowhere",
        "data": {"batch_size": 8, "forget": {"rate": 0.25}},
        "model": {"class_path": method, "init_args": {"original": "r/train", "backbone": TINY}},
        "trainer": {"max_epochs": epochs},
    }
    Path(name).write_text(json.dumps(content | settings))
    return name


def command(out: str, *options: str, file: str = "untested.npz", trials: int = 5, config: str = "salun.yaml"):
    """Return the arguments of a study."""
    data = ["--space", "space.yaml", f"--data.file={file}", *QUIET]
    return ["tune", config, "--trials", str(trials), "--out", out, *data, *options]


def here(argv, environment):
    """Run a trial in this process: to start one of its own takes longest."""
    return main(list(argv[argv.index("medunlearn") + 1 :]))


def results(out: str | Path) -> list[dict[str, str]]:
    """Return the rows of `trials.csv`, without what no two runs have alike: times and places."""
    kept = list(csv.DictReader(Path(out, "trials.csv").read_text().splitlines()))
    return [{name: value for name, value in row.items() if name not in ("RTE", "minutes", "run")} for row in kept]
