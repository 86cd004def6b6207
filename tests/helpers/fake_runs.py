"""Run directories of runs that were never made, to report on."""

import csv
from pathlib import Path

import numpy as np
import torch
import yaml

from medunlearn.__main__ import main
from medunlearn.runs import RunDir

KEYS = ("UA", "RA", "TA", "MIA")
CLASSES = 4


def predictions(seed, forgotten):
    """Random probabilities for 40 training, 12 test and 8 validation images."""
    rng = np.random.default_rng(seed)
    rows = {"forget": np.array(forgotten, dtype=np.int64), "test": np.arange(12), "val": np.arange(8)}
    rows["retain"] = np.setdiff1d(np.arange(40), rows["forget"])
    arrays = {}
    for part, index in rows.items():
        arrays[f"{part}_probs"] = rng.dirichlet(np.ones(CLASSES), len(index)).astype(np.float32)
        arrays[f"{part}_labels"] = index % CLASSES
        arrays[f"{part}_index"] = index
    return arrays


def weights(method, seed):
    """Weights by ResNet-18's names, of which unlearning changes two biases; retrained models have others."""
    torch.manual_seed(seed if method in ("Train", "SalUn") else 1000 + seed)
    shapes = {"conv1.weight": (8, 3, 3, 3), "layer4.1.conv2.weight": (8, 8, 3, 3), "layer4.1.bn2.running_mean": (8,)}
    shapes |= {"layer4.1.bn2.weight": (8,), "fc.weight": (CLASSES, 512), "fc.bias": (CLASSES,)}
    state = {name: torch.randn(shape) for name, shape in shapes.items()}
    if method == "SalUn":
        state["fc.bias"][:2] += 1
        state["layer4.1.bn2.running_mean"] += 1  # a statistic, not a weight
    return state


def fake(path, method, values, seed=0, rate=0.1, augmentation="Default", data="bloodmnist", before=None, **arguments):
    """Write the run directory of a run that was never made; it counts each image of `predictions` a thousand times."""
    run = RunDir(path)
    forgotten = [] if rate is None else [seed, 10 + seed, 20, 30]
    split = f"split of {data}, rate {rate}, seed {seed}"
    original = arguments.get("original")
    usual = {"lr": 0.013 if method == "SalUn" else 0.1, "relabel": "random", "original": original}
    metrics = {
        "method": method,
        **dict(zip(KEYS, values, strict=True)),
        "AG": None,
        "RTE": {"Train": 20.0, "Retrain": 18.0}.get(method, 0.9) + seed,
        "runtime": {"training": 60.0},
        "n": {"forget": 1000 * len(forgotten), "retain": 1000 * (40 - len(forgotten)), "test": 12_000, "val": 8000},
        "data": data,
        "split_sha256": split,
        "seed": seed,
        "trained_on": "retain" if original is None and method != "Train" else "all",
        "original": original,
        "departures": {name: value for name, value in arguments.items() if usual.get(name) != value},
        "before": None if before is None else dict(zip(KEYS, before, strict=True)),
        "hardware": {"name": "Some & Processor"},
        "versions": {"torch": "2.15.0"},
        "precision": "bf16-mixed",
    }
    config = {
        "data": {"dataset": data, "size": 64, "augmentation": augmentation, "forget": {"rate": rate, "seed": seed}},
        "model": {
            "class_path": f"medunlearn.{method}",
            "init_args": {"lr": 0.013 if method == "SalUn" else 0.1, **arguments},
        },
    }
    run.write_config(yaml.safe_dump(config))
    run.write_json(run.split, {"indices": forgotten})
    run.write_predictions(predictions(len(method) + seed, forgotten))
    run.checkpoints.mkdir(exist_ok=True)
    torch.save({"state_dict": weights(method, seed), "architecture": {}}, run.weights)
    if method == "SalUn":
        (run.logs / "version_0").mkdir(parents=True)
        lines = [
            "epoch,train/loss_epoch,unlearning/RA,unlearning/TA,unlearning/UA",
            "0,0.5,,,",
            "0,,99.0,90.0,2.0",
            "1,,98,89,4",
        ]
        (run.logs / "version_0" / "metrics.csv").write_text("\n".join(lines))
    run.write_json(run.metrics, metrics)
    return str(path)


def chain(seed=0, shift=0.0, **more):
    """Train, Retrain and SalUn of one seed."""
    root = f"runs/{'_'.join(map(str, [*more.values(), seed]))}"
    train = fake(f"{root}/train", "Train", (None, 99.0, 96.0, None), seed, **(more | {"rate": None}))
    retrain = fake(f"{root}/retrain", "Retrain", (5.0 + shift, 98.0, 95.0, 10.0), seed, **more)
    before = (1.0, 99.0, 96.0, 4.0)
    salun = fake(f"{root}/salun", "SalUn", (4.0, 97.0, 94.5, 9.0), seed, before=before, original=train, **more)
    return [train, retrain, salun]


def write(*runs, out="out", status=0):
    assert main(["report", *runs, "--out", out]) == status
    return Path(out)


def records(out):
    with (out / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def change(run, data=None, **metrics):
    """Change a run's metrics and the data part of its config."""
    run = RunDir(run)
    run.write_json(run.metrics, run.read_metrics("test") | metrics)
    config = run.read_config("test")
    config["data"] |= data or {}
    run.write_config(yaml.safe_dump(config))
