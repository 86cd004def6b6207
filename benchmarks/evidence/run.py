"""The evidence: PBC blood cells at 28x28, every method against Retrain, two stages side by side, one thread each.

    python ../shared/data/unpack_pbc_blood.py blood28.npz --size 28 --limit 3000
    python benchmarks/evidence/run.py --file blood28.npz

One command makes all of it and goes on where it was killed: finished runs are left as they are. README.md beside this
file says what the parts are and what came out.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from medunlearn.cli.comparison import terminal_comparison
from medunlearn.files.configs import shipped_configs
from medunlearn.plans.engines import Outcome, run_stage
from medunlearn.plans.options import override, overrides_from_mapping
from medunlearn.plans.stages import Stage, in_order, read_stage

HERE = Path(__file__).parent
RATES = (10, 50)
SEEDS = (0, 1, 2)
BROKEN = ("failed", "left out")
TRIALS, TUNED, CONFIRMED = 6, 6, 8
"""Trials of each tuned method, how many methods are tuned at a rate, and how many go on to the other seeds."""
READ_VALIDATION = ("held_out_twins", "regun")
"""Methods that learn from validation images, so that the proxy gap, measured on these, cannot judge them."""
TWIN = 100
"""What is added to the seed of the second Retrain, which shares the first one's forget set."""


class Evidence:
    """The stages of every part.

    Args:
        file: The images.
        out: Where the run directories go.
        short: Whether a small network is trained for two epochs, to see that all of it works.
    """

    def __init__(self, file: Path, out: Path, short: bool = False) -> None:
        self.file, self.out, self.short = file, out, short
        self.recipes: dict[str, Any] = yaml.safe_load((HERE / "recipes.yaml").read_text())
        if short:
            self.recipes = dict(list(self.recipes.items())[:3])

    def models(self, seeds: Iterable[int] = SEEDS) -> Iterator[Stage]:
        """Yield the originals and two Retrains a forget set."""
        for seed in seeds:
            yield self._stage(HERE / "train.yaml", f"train_{seed}", seed)
            for rate in reversed(RATES):
                for twin in (0, TWIN):
                    name = self._retrain(rate, seed) + ("_twin" if twin else "")
                    against = {"reference": self._path(self._retrain(rate, seed))} if twin else {}
                    options = {"data.forget.seed": seed, **against}
                    yield self._stage(HERE / f"retrain_{rate}.yaml", name, seed + twin, **options)

    def at_recipes(self, seed: int = 0) -> Iterator[Stage]:
        """Yield every method at its recipe."""
        for name in self.recipes:
            for rate in RATES:
                yield self.unlearning(name, rate, seed)

    def as_in_the_paper(self, seeds: Iterable[int] = SEEDS) -> Iterator[Stage]:
        """Yield SalUn as the paper has it: 10 epochs at a constant rate."""
        for seed in seeds:
            for rate in RATES:
                config = shipped_configs() / f"salun_blood_{rate}.yaml"
                yield self._unlearning(config, f"paper_salun_{rate}_{seed}", rate, seed)

    def curve(self, seed: int) -> list[str]:
        """Return the command that makes the learning curve of an original, which moves the proxy gap's targets."""
        return ["curve", self._path(f"train_{seed}"), "--trainer.enable_progress_bar=false"]

    def tuning(self, name: str, rate: int) -> list[str]:
        """Return the command that tunes a method on seed 0, by the proxy gap alone."""
        stage = self.unlearning(name, rate, 0)
        kept = [each for each in stage.overrides if each.name not in ("run_dir", "reference")]
        options = [argument for each in kept for argument in each.argv]
        return ["tune", str(stage.config), "--trials", str(TRIALS), "--out", self._tuned(name, rate), *options]

    def best(self, rate: int, count: int) -> list[str]:
        """Return the methods with the least proxy gap at their recipes on seed 0, of those that it can judge."""
        gaps = {name: _proxy(self.unlearning(name, rate, 0).run.metrics) for name in self.recipes}
        known = {name: gap for name, gap in gaps.items() if gap is not None and name not in READ_VALIDATION}
        return sorted(known, key=lambda name: known[name])[:count]

    def confirmed(self, rate: int, seeds: Iterable[int] = SEEDS) -> Iterator[Stage]:
        """Yield the tuned methods and those next best at their recipes, frozen, on each seed."""
        names = self.best(rate, CONFIRMED)
        for seed in seeds:
            for at, name in enumerate(names):
                if at < TUNED:
                    file = Path(self._tuned(name, rate)) / "tuned.yaml"
                    yield self._unlearning(file, f"tuned_{name}_{rate}_{seed}", rate, seed)
                else:
                    yield self.unlearning(name, rate, seed)

    def _tuned(self, name: str, rate: int) -> str:
        return self._path(f"tune/{name}_{rate}")

    def unlearning(self, name: str, rate: int, seed: int) -> Stage:
        """Return the run of a method at its recipe."""
        options = dict(self.recipes[name])
        epochs = options[rate]
        given = {f"model.init_args.{key}": value for key, value in options.items() if key not in RATES}
        if epochs is not None:
            given["trainer.max_epochs"] = epochs
        return self._unlearning(_config(name, rate), f"{name}_{rate}_{seed}", rate, seed, **given)

    def _unlearning(self, config: Path, run: str, rate: int, seed: int, **options: Any) -> Stage:
        fixed = {
            "data.dataset": None,
            "data.batch_size": 64,
            "data.forget.rate": rate / 100,
            "data.forget.seed": seed,
            "model.init_args.original": self._path(f"train_{seed}"),
            "reference": self._path(self._retrain(rate, seed)),
        }
        return self._stage(config, run, seed, **fixed, **options)

    def _stage(self, config: Path, run: str, seed: int, **options: Any) -> Stage:
        common = {"data.file": str(self.file), "seed_everything": seed, "trainer.enable_progress_bar": False}
        if self.short:
            options |= {"trainer.max_epochs": 2, "data.batch_size": 8, "model.init_args.backbone": "common.small"}
        place = override("run_dir", self._path(run))
        return read_stage(config, (*overrides_from_mapping(common | options), place))

    def _retrain(self, rate: int, seed: int) -> str:
        return f"retrain_{rate}_{seed}"

    def _path(self, run: str) -> str:
        return str(self.out / run)


def _config(name: str, rate: int) -> Path:
    """Return the shipped config of a method, that for 50 % where there is one."""
    folder = shipped_configs()
    names = [f"methods/{name}_{rate}.yaml", f"methods/{name}.yaml", f"{name}_blood_{rate}.yaml"]
    return next(path for path in map(folder.joinpath, names) if path.is_file())


def _proxy(metrics: Path) -> float | None:
    """Return the proxy gap of a finished run; None where there is none."""
    return json.loads(metrics.read_text())["proxy"]["gap"] if metrics.is_file() else None


def run_commands(commands: Iterable[list[str]], jobs: int) -> None:
    """Run commands of `medunlearn` side by side; each goes on where it was killed."""

    def run(command: list[str]) -> None:
        status = subprocess.run([sys.executable, "-P", "-m", "medunlearn", *command], check=False).returncode
        print(f"{time.strftime('%H:%M:%S')} medunlearn {command[0]} {command[1]}: exit status {status}", flush=True)

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(run, commands))


def run_side_by_side(stages: list[Stage], jobs: int) -> None:
    """Run stages, each as soon as those that it needs are finished; what needs a failed one is left out."""
    outcomes: dict[Path, Outcome] = {}
    waiting, changed = in_order(stages), threading.Condition()

    def take() -> Stage | None:
        with changed:
            while waiting:
                for stage in waiting:
                    needs = [need for need in stage.needs.values() if need in known]
                    if all(need in outcomes for need in needs):
                        waiting.remove(stage)
                        return stage
                changed.wait()
        return None

    def work() -> None:
        while (stage := take()) is not None:
            broken = [need for need in stage.needs.values() if need in outcomes and outcomes[need].state in BROKEN]
            if stage.run.finished:
                outcome = Outcome(stage, "finished before")
            elif broken:
                outcome = Outcome(stage, "left out", reason=f"it needs {broken[0]}")
            else:
                outcome = run_stage(stage)
            print(
                f"{time.strftime('%H:%M:%S')} {stage.run}: {outcome.state} {outcome.seconds:.0f} s {outcome.reason}",
                flush=True,
            )
            with changed:
                outcomes[stage.run.path] = outcome
                changed.notify_all()

    known = {stage.run.path for stage in waiting}
    pool = ThreadPoolExecutor(jobs)
    try:
        for worker in [pool.submit(work) for _ in range(jobs)]:
            worker.result()
    except KeyboardInterrupt:  # the stages end with this process; their last checkpoints stay
        print("the same command goes on from there", flush=True)
        os._exit(130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, default=Path("blood28.npz"))
    parser.add_argument("--out", type=Path, default=Path("runs/evidence"))
    parser.add_argument("--jobs", type=int, default=2, help="stages side by side, one thread each")
    parser.add_argument(
        "--short", action="store_true", help="a small network, two epochs, three methods: does it work?"
    )
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    if args.short:
        os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    evidence = Evidence(args.file, args.out, args.short)
    run_side_by_side([*evidence.models([0])], args.jobs)
    run_commands([evidence.curve(0)], args.jobs)
    run_side_by_side([*evidence.models([0]), *evidence.at_recipes()], args.jobs)
    run_commands([evidence.tuning(name, rate) for rate in RATES for name in evidence.best(rate, TUNED)], args.jobs)
    run_side_by_side([*evidence.models()], args.jobs)
    run_commands([evidence.curve(seed) for seed in SEEDS[1:]], args.jobs)
    confirmed = [stage for rate in RATES for stage in evidence.confirmed(rate)]
    run_side_by_side([*evidence.models(), *confirmed, *evidence.as_in_the_paper()], args.jobs)
    finished = sorted(path.parent for path in args.out.glob("*/metrics.json"))
    print(terminal_comparison(finished))


if __name__ == "__main__":
    main()
