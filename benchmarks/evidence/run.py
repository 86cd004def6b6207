"""The evidence: PBC blood cells at 28x28, every method against Retrain, two stages side by side, one thread each.

    python ../shared/data/unpack_pbc_blood.py blood28.npz --size 28 --limit 3000
    python benchmarks/evidence/run.py --file blood28.npz

One command makes all of it and goes on where it was killed: finished runs are left as they are. README.md beside this
file says what the parts are and what came out.
"""

import argparse
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jobs import Job, command_job, run_side_by_side, stage_job

from medunlearn.cli.comparison import terminal_comparison
from medunlearn.files.configs import shipped_configs
from medunlearn.plans.options import override, overrides_from_mapping
from medunlearn.plans.stages import Stage, read_stage

HERE = Path(__file__).parent
CASES: dict[str, dict[str, Any]] = {
    "10": {"data.forget.rate": 0.1},
    "50": {"data.forget.rate": 0.5},
    "1": {"data.forget.rate": 0.01},
    "class": {"data.forget.rate": None, "data.forget.classes": [2]},
    "noaug": {"data.forget.rate": 0.1, "data.augmentation": "NoAug"},
    "randaug": {"data.forget.rate": 0.1, "data.augmentation": "Default+RandAugment"},
}
"""What is forgotten and how images are augmented. The first two are measured on every seed, the others on seed 0."""
MAIN = ("10", "50")
PRESETS = ("noaug", "randaug")
SEEDS = (0, 1, 2)
CANDIDATES, TRIALS, TUNED, CONFIRMED = 10, 6, 6, 8
"""The first methods of recipes.yaml, from which the best are chosen; trials of each tuned method, how many methods are
tuned at a rate, and how many go on to the other seeds."""
READ_VALIDATION = ("held_out_twins", "regun")
"""Methods that learn from validation images, so that the proxy gap, measured on these, cannot judge them."""
AGAINST_LEARNING_BY_HEART = ("salun", "random_labels", "held_out_twins")
"""Without augmentation SalUn learns the random labels by heart: a cosine, another target, or twins against it."""
BACKBONE = "model.init_args.backbone"
TWIN = 100
"""What is added to the seed of the second Retrain, which shares the first one's forget set."""


class Evidence:
    """The jobs of every part.

    Args:
        file: The images.
        out: Where the run directories go.
        trained: Options of the original and the Retrain in the place of their configs'.
        short: Whether a small network is trained for two epochs, to see that all of it works.
    """

    def __init__(self, file: Path, out: Path, trained: Mapping[str, Any] | None = None, short: bool = False) -> None:
        self.file, self.out, self.trained, self.short = file, out, trained or {}, short
        self.recipes: dict[str, Any] = yaml.safe_load((HERE / "recipes.yaml").read_text())
        if short:
            self.recipes = dict(list(self.recipes.items())[:3])
        self.candidates = list(self.recipes)[:CANDIDATES]

    def models(self, case: str, seed: int) -> Iterator[Job]:
        """Yield the original of a case, its learning curve, and its Retrain; two of them where seeds are compared."""
        original = self._original(case, seed)
        yield stage_job(self._trained("train", original.name, seed, **self._augmentation(case)))
        yield command_job(["curve", str(original)], self._curve(case, seed), original)
        for twin in (0, TWIN) if case in MAIN else (0,):
            name = self._retrain(case, seed) + ("_twin" if twin else "")
            against = {"reference": str(self.out / self._retrain(case, seed))} if twin else {}
            options = {**CASES[case], "data.forget.seed": seed, **against}
            yield stage_job(self._trained("retrain", name, seed + twin, **options))

    def recipe(self, name: str, case: str, seed: int = 0) -> Job:
        """Return the run of a method at its recipe."""
        return self._job(self._recipe_stage(name, case, seed), case, seed)

    def varied(self, name: str, case: str, seed: int, place: Path, **settings: Any) -> Job:
        """Return the run of a method at its recipe with other settings, in a directory of its own."""
        stage = self._recipe_stage(name, case, seed)
        kept = [each for each in stage.overrides if each.name not in {"run_dir", *settings}]
        changed = (*kept, *overrides_from_mapping(settings), override("run_dir", str(place)))
        return self._job(read_stage(stage.config, changed), case, seed)

    def at_recipes(self, names: Iterable[str]) -> list[Job]:
        """Return the runs of methods at their recipes on seed 0, at both rates."""
        return [self.recipe(name, case) for name in names for case in reversed(MAIN)]

    def paper(self, case: str, seed: int) -> Job:
        """Return SalUn as the paper has it: 10 epochs at a constant rate."""
        config = shipped_configs() / f"salun_blood_{'50' if case == '50' else '10'}.yaml"
        return self._job(self._unlearning(config, f"paper_salun_{case}_{seed}", case, seed), case, seed)

    def tuning(self, name: str, case: str) -> Job:
        """Return the search for a method's settings on seed 0, by the proxy gap alone."""
        stage, file = self._recipe_stage(name, case, 0), self._tuned(name, case)
        kept = [each for each in stage.overrides if each.name not in ("run_dir", "reference")]
        options = [argument for each in kept for argument in each.argv]
        space = HERE / "spaces" / f"{name}_{case}.yaml"
        wider = ["--space", str(space)] if space.is_file() else []
        command = ["tune", str(stage.config), "--trials", str(TRIALS), *wider, "--out", str(file.parent), *options]
        return command_job(command, file, self._original(case, 0), self._curve(case, 0))

    def frozen(self, name: str, case: str, seed: int) -> Job:
        """Return a method with the settings that the search found."""
        file = self._tuned(name, _tuned_on(case))
        return self._job(self._unlearning(file, f"tuned_{name}_{case}_{seed}", case, seed), case, seed)

    def best(self, case: str, count: int) -> list[str]:
        """Return the candidates with the least proxy gap at their recipes on seed 0, of those that it can judge."""
        gaps = {name: _proxy(self._recipe_stage(name, case, 0).run.metrics) for name in self.candidates}
        known = {name: gap for name, gap in gaps.items() if gap is not None and name not in READ_VALIDATION}
        return sorted(known, key=lambda name: known[name])[:count]

    def confirmed(self, case: str, seed: int) -> Iterator[Job]:
        """Yield the best methods at their recipes and as tuned, as they are, and SalUn as the paper has it."""
        for at, name in enumerate(self.best(case, CONFIRMED)):
            if at < TUNED:
                yield self.frozen(name, case, seed)
            yield self.recipe(name, case, seed)
        yield self.paper(case, seed)

    def other_cases(self) -> Iterator[Job]:
        """Yield one class and 1 % for the tuned methods, and the other presets for SalUn, the two best and remedies."""
        chosen = self.best("10", TUNED)
        for case in ("1", "class"):
            yield from (self.frozen(name, case, 0) for name in chosen)
            yield self.paper(case, 0)
        for case in PRESETS:
            yield from (self.frozen(name, case, 0) for name in chosen[:2])
            yield from (self.recipe(name, case) for name in AGAINST_LEARNING_BY_HEART if name in self.recipes)
            yield self.paper(case, 0)

    def finished(self) -> list[Path]:
        """Return the finished runs, those as tuned in the place of a recipe that the search has kept."""
        runs = {path.parent for path in self.out.glob("*/metrics.json")}
        kept = {path for path in runs if path.with_name(f"tuned_{path.name}") in runs and self._keeps_recipe(path.name)}
        return sorted(runs - kept)

    def _keeps_recipe(self, run: str) -> bool:
        name, case, _ = run.rsplit("_", 2)
        return "with the settings of trial 0." in self._tuned(name, _tuned_on(case)).read_text()

    def _recipe_stage(self, name: str, case: str, seed: int) -> Stage:
        options, rate = dict(self.recipes[name]), 50 if case == "50" else 10
        epochs = options[rate]
        settings = {f"model.init_args.{key}": value for key, value in options.items() if isinstance(key, str)}
        if epochs is not None:
            settings["trainer.max_epochs"] = epochs
        return self._unlearning(_config(name, rate), f"{name}_{case}_{seed}", case, seed, **settings)

    def _unlearning(self, config: Path, run: str, case: str, seed: int, **options: Any) -> Stage:
        fixed = {
            "data.dataset": None,
            "data.batch_size": 64,
            **CASES[case],
            "data.forget.seed": seed,
            "model.init_args.original": str(self._original(case, seed)),
            BACKBONE: self.trained.get(BACKBONE) or _own_backbone(),
            "reference": str(self.out / self._retrain(case, seed)),
        }
        return self._stage(config, run, seed, **fixed, **options)

    def _job(self, stage: Stage, case: str, seed: int) -> Job:
        return stage_job(stage, self._curve(case, seed))

    def _trained(self, name: str, run: str, seed: int, **options: Any) -> Stage:
        return self._stage(HERE / f"{name}.yaml", run, seed, **options, **self.trained)

    def _stage(self, config: Path, run: str, seed: int, **options: Any) -> Stage:
        common = {"data.file": str(self.file), "seed_everything": seed, "trainer.enable_progress_bar": False}
        if self.short:
            options |= {"trainer.max_epochs": 2, "data.batch_size": 8, BACKBONE: "common.small"}
        place = override("run_dir", str(self.out / run))
        return read_stage(config, (*overrides_from_mapping(common | options), place))

    def _augmentation(self, case: str) -> dict[str, Any]:
        return {key: value for key, value in CASES[case].items() if key == "data.augmentation"}

    def _original(self, case: str, seed: int) -> Path:
        return self.out / (f"train_{case}_{seed}" if case in PRESETS else f"train_{seed}")

    def _curve(self, case: str, seed: int) -> Path:
        return self._original(case, seed) / "learning_curve.json"

    def _retrain(self, case: str, seed: int) -> str:
        return f"retrain_{case}_{seed}"

    def _tuned(self, name: str, case: str) -> Path:
        return self.out / "tune" / f"{name}_{case}" / "tuned.yaml"


def _tuned_on(case: str) -> str:
    """Return the case on which a search has found the settings that are used in a case."""
    return case if case in MAIN else MAIN[0]


def _config(name: str, rate: int) -> Path:
    """Return the shipped config of a method, that for 50 % where there is one."""
    folder = shipped_configs()
    names = [f"methods/{name}_{rate}.yaml", f"methods/{name}.yaml", f"{name}_blood_{rate}.yaml"]
    return next(path for path in map(folder.joinpath, names) if path.is_file())


def _own_backbone() -> str:
    """Return the network of the original's config."""
    return str(yaml.safe_load((HERE / "train.yaml").read_text())["model"]["init_args"]["backbone"])


def _proxy(metrics: Path) -> float | None:
    """Return the proxy gap of a finished run; None where there is none."""
    return json.loads(metrics.read_text())["proxy"]["gap"] if metrics.is_file() else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, default=Path("blood28.npz"))
    parser.add_argument("--out", type=Path, default=Path("runs/evidence"))
    parser.add_argument("--jobs", type=int, default=2, help="stages side by side, one thread each")
    parser.add_argument("--backbone", help="another network than train.yaml's, such as resnet18")
    parser.add_argument("--epochs", type=int, help="of the original and the Retrain, where train.yaml's are too few")
    parser.add_argument(
        "--short", action="store_true", help="a small network, two epochs, three methods: does it work?"
    )
    parser.add_argument("--finished", action="store_true", help="print the finished runs for a report, and stop")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    if args.short:
        os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    given = {BACKBONE: args.backbone, "trainer.max_epochs": args.epochs}
    evidence = Evidence(args.file, args.out, {key: value for key, value in given.items() if value}, args.short)
    if args.finished:
        print(*evidence.finished(), sep="\n")
        return
    first = [job for case in MAIN for job in evidence.models(case, 0)]
    run_side_by_side([*first, *evidence.at_recipes(evidence.candidates)], args.jobs)
    tuned = [evidence.tuning(name, case) for case in MAIN for name in evidence.best(case, TUNED)]
    run_side_by_side([*tuned, *(evidence.paper(case, 0) for case in MAIN)], args.jobs)
    for seed in SEEDS:
        parts = [(*evidence.models(case, seed), *evidence.confirmed(case, seed)) for case in MAIN]
        run_side_by_side([job for part in parts for job in part], args.jobs)
    run_side_by_side(evidence.at_recipes(evidence.recipes), args.jobs)
    others = [job for case in ("1", "class", *PRESETS) for job in evidence.models(case, 0)]
    run_side_by_side([*others, *evidence.other_cases()], args.jobs)
    print(terminal_comparison(evidence.finished()))


if __name__ == "__main__":
    main()
