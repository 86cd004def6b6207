"""Everything that is to be measured on a GPU, in calls of a few minutes that go on where the last one ended.

    python ../shared/data/unpack_pbc_blood.py blood64.npz
    python benchmarks/gpu.py --file blood64.npz --minutes 8

First the settings of a step one by one (bf16, channels-last, compile, CUDA graphs); then the other scripts of this
folder; then the paper's Blood block at 64x64 with 200 epochs: Train, two Retrains a rate, SalUn as in the paper, and
the methods named by `--methods`. What is finished is left; what runs when the time is up keeps its checkpoint.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from common import DEVICE, network, report, seconds

from medunlearn.cli.comparison import terminal_comparison
from medunlearn.errors import Interrupted
from medunlearn.files.configs import shipped_configs
from medunlearn.plans.engines import run_stage
from medunlearn.plans.options import override, overrides_from_mapping
from medunlearn.plans.stages import Stage, in_order, read_stage

HERE = Path(__file__).parent
SCRIPTS = ("training", "evaluation", "augmentation", "membership", "saliency", "methods", "memory", "startup", "growth")
RATES = (10, 50)
STEPS = {
    "float32": (),
    "+ channels-last": ("channels_last",),
    "+ bf16": ("channels_last", "bf16"),
    "+ compile": ("channels_last", "bf16", "compile"),
    "+ CUDA graphs": ("channels_last", "bf16", "compile", "graphs"),
}


def step_of(network: torch.nn.Module, settings: tuple[str, ...], size: int, batch: int) -> Callable[[], None]:
    """Return a training step of the bare network on one batch that stays on the device."""
    layout = torch.channels_last if "channels_last" in settings else torch.contiguous_format
    network = network.to(DEVICE, memory_format=layout).train()
    images = torch.rand(batch, 3, size, size, device=DEVICE).contiguous(memory_format=layout)
    labels = torch.arange(batch, device=DEVICE) % 8
    optimizer = torch.optim.SGD(network.parameters(), 0.1, 0.9, weight_decay=5e-4)
    forward: Any = network
    if "compile" in settings:
        forward = torch.compile(network, mode="reduce-overhead" if "graphs" in settings else "default")

    def step() -> None:
        with torch.autocast(DEVICE.type, torch.bfloat16, enabled="bf16" in settings):
            loss = F.cross_entropy(forward(images).float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def measure_steps(args: argparse.Namespace) -> None:
    """Print and keep the images a second of a step under each further setting."""
    if (args.out / "gpu.json").is_file():
        return
    size, batch = (16, 8) if args.short else (64, 256)
    repeats = 2 if args.short else 30
    shown = dict(list(STEPS.items())[:3]) if DEVICE.type == "cpu" else STEPS
    rows, first = [], 0.0
    for name, settings in shown.items():
        speed = batch / seconds(step_of(network(args), settings, size, batch), repeats, warm_up=1 if args.short else 5)
        first = first or speed
        rows.append({"step": name, "images/s": speed, "x float32": speed / first})
    report(args, rows, size=size, batch=batch)


def run_scripts(args: argparse.Namespace, deadline: float) -> None:
    """Run the other scripts, each unless its result is there."""
    for name in SCRIPTS:
        if (args.out / f"{name}.json").is_file() or time.monotonic() > deadline:
            continue
        print(f"\n{name}", flush=True)
        command = [sys.executable, str(HERE / f"{name}.py"), f"--out={args.out}"]
        try:
            subprocess.run(command, check=False, timeout=deadline - time.monotonic())
        except subprocess.TimeoutExpired:
            print(f"{name}: the time was up; it begins again in the next call")


def blood(args: argparse.Namespace) -> Iterator[Stage]:
    """Yield the stages of the paper's Blood block."""
    out, configs = args.out / "runs", shipped_configs()

    def stage(config: str, run: str, **options: Any) -> Stage:
        common = {"data.file": str(args.file), "trainer.enable_progress_bar": False, "data.dataset": None}
        if args.short:
            common |= {"trainer.max_epochs": 1, "data.batch_size": 8, "model.init_args.backbone": "common.small"}
        overrides = overrides_from_mapping(common | options)
        return read_stage(configs / config, (*overrides, override("run_dir", str(out / run))))

    yield stage("train_blood.yaml", "train")
    for rate in RATES:
        against = {"reference": str(out / f"retrain_{rate}")}
        yield stage(f"retrain_blood_{rate}.yaml", f"retrain_{rate}")
        twin = {"seed_everything": 100, "data.forget.seed": 0}
        yield stage(f"retrain_blood_{rate}.yaml", f"retrain_{rate}_twin", **twin, **against)
        start = against | {"model.init_args.original": str(out / "train")}
        yield stage(f"salun_blood_{rate}.yaml", f"salun_{rate}", **start)
        for name in args.methods:
            found = [f"methods/{name}_{rate}.yaml", f"methods/{name}.yaml"]
            config = next(each for each in found if (configs / each).is_file())
            yield stage(config, f"{name}_{rate}", **start, **{"data.forget.rate": rate / 100})


def run_blood(args: argparse.Namespace, deadline: float) -> None:
    """Run the stages until the time is up, and print the comparison of those that are finished."""
    stages = in_order(list(blood(args)))
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))  # which a stage is passed
    signal.setitimer(signal.ITIMER_REAL, max(1.0, deadline - time.monotonic()))
    try:
        for stage in stages:
            if not stage.run.finished:
                outcome = run_stage(stage)
                print(f"{stage.run}: {outcome.state} after {outcome.seconds:.0f} s {outcome.reason}", flush=True)
    except Interrupted:
        print("the time is up; the same command goes on from there")
    signal.setitimer(signal.ITIMER_REAL, 0)
    if finished := [stage.run for stage in stages if stage.run.finished]:
        print(f"\n{terminal_comparison(finished)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, default=Path("blood64.npz"), help="PBC blood cells at 64x64")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "gpu", help="directory of results and runs")
    parser.add_argument("--minutes", type=float, default=8, help="after which this call ends")
    parser.add_argument("--methods", nargs="*", default=["fine_tune", "random_labels", "kernel_transpose"])
    parser.add_argument("--short", action="store_true", help="tiny sizes, to see that it works; its times mean nothing")
    parser.add_argument("--only", choices=("steps", "scripts", "blood"), help="one part")
    args = parser.parse_args()
    deadline = time.monotonic() + 60 * args.minutes
    if args.only in (None, "steps"):
        measure_steps(args)
    if args.only in (None, "scripts") and not args.short:
        run_scripts(args, deadline)
    if args.only in (None, "blood") and args.file.is_file() and time.monotonic() < deadline:
        run_blood(args, deadline)


if __name__ == "__main__":
    main()
