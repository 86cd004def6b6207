"""What every benchmark shares: its options, made-up data, a clock, a run of `medunlearn fit`, and how it reports."""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medunlearn.__main__ import main
from medunlearn.models import ResNet18
from medunlearn.training.environment import hardware, versions
from medunlearn.training.precision import default_precision

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
SMALL = "common.small"
"""The import path of a network for short forms, whose times mean nothing."""


def small(num_classes: int, in_channels: int = 3) -> torch.nn.Module:
    """Return a network of a few hundred weights."""
    layers = [torch.nn.Conv2d(in_channels, 8, 3, padding=1, bias=False), torch.nn.BatchNorm2d(8), torch.nn.ReLU()]
    return torch.nn.Sequential(
        *layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(8, num_classes)
    )


def network(args: argparse.Namespace, num_classes: int = 8) -> torch.nn.Module:
    """Return the network that is timed: a ResNet-18, or the small one for a short form."""
    return small(num_classes) if args.short else ResNet18(num_classes)


def short_options(short: bool) -> tuple[str, ...]:
    """Return the options of `fit` for a short form: the small network, and no logger, which takes seconds to start."""
    return (f"--model.init_args.backbone={SMALL}", "--trainer.logger=false") if short else ()


def options(description: str | None) -> argparse.Namespace:
    """Return `--short` (tiny sizes, to see that it works; its times mean nothing) and `--out`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--short", action="store_true", help="tiny sizes, to see that it works; its times mean nothing")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="directory of the JSON")
    return parser.parse_args()


def report(args: argparse.Namespace, rows: Sequence[dict[str, Any]], **facts: Any) -> None:
    """Print one table and write it as JSON with hardware, versions and command."""
    columns = list(rows[0])
    print("| " + " | ".join(columns) + " |\n|" + "|".join(["---"] * len(columns)) + "|")
    for row in rows:
        print("| " + " | ".join(_cell(row[column]) for column in columns) + " |")
    name = Path(sys.argv[0]).stem
    content = {
        "command": shlex.join(["python", f"benchmarks/{name}.py", *sys.argv[1:]]),
        "short": args.short,
        "date": datetime.now(UTC).date().isoformat(),
        "hardware": hardware(DEVICE),
        "versions": versions(),
        **facts,
        "rows": list(rows),
    }
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"{name}.json"
    path.write_text(json.dumps(content, indent=2) + "\n")


def seconds(call: Callable[[], Any], repeats: int = 5, warm_up: int = 1) -> float:
    """Return the median time of a call, with the device synchronised."""
    for _ in range(warm_up):
        call()
    times = []
    for _ in range(repeats):
        synchronise()
        start = time.perf_counter()
        call()
        synchronise()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def synchronise() -> None:
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def made_up(path: Path, train: int, size: int = 64, others: int = 64, classes: int = 8) -> Path:
    """Write random images in MedMNIST's format; how long work takes does not depend on what they show."""
    rng = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", train), ("val", others), ("test", others)):
        arrays[f"{split}_images"] = rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
        arrays[f"{split}_labels"] = (np.arange(count) % classes)[:, None].astype(np.uint8)
    np.savez(path, **arrays)
    return path


def fit(method: str, run_dir: Path, file: Path, *arguments: str, apart: bool = True) -> dict[str, Any]:
    """Run `medunlearn fit` as a user does, in a process of its own, and return its metrics.

    A short form, whose times mean nothing, may leave out to start one: `apart` is False.
    """
    command = fit_command(method, run_dir, file, *arguments)
    if apart:
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"WANDB_MODE": "offline"})
        if done.returncode:
            raise SystemExit(f"{shlex.join(command)}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    else:
        with redirect_stdout(sys.stderr):
            if main(command[3:]):
                raise SystemExit(shlex.join(command))
    metrics: dict[str, Any] = json.loads((run_dir / "metrics.json").read_text())
    return metrics


def fit_command(method: str, run_dir: Path, file: Path, *arguments: str) -> list[str]:
    options = ["--model", method, f"--run_dir={run_dir}", f"--data.file={file}", "--trainer.enable_progress_bar=false"]
    return [sys.executable, "-m", "medunlearn", "fit", *options, *arguments]


def autocast() -> torch.autocast:
    """Return the precision that `medunlearn fit` takes here by default."""
    return torch.autocast(DEVICE.type, torch.bfloat16, enabled=default_precision() == "bf16-mixed")


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
