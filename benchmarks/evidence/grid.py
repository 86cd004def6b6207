"""Settings of two methods on every seed: which one has the least mean proxy gap, and how near is it to a Retrain?

    python benchmarks/evidence/grid.py --file blood28.npz    # after run.py; goes on where it was killed
    python benchmarks/evidence/grid.py --table               # the table alone, from results/grid.csv

A search on one seed finds what is best on that seed. Here each setting runs on all of them, so that it can be chosen by
the mean of its proxy gaps; neither a Retrain nor a test image has a part in that. Beside them stand the recipe and what
the search on seed 0 found (`results/proxies.csv`). AG is with MIA as the median of seven draws.
"""

import argparse
import csv
import os
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attack_draws import steady_gap
from jobs import run_side_by_side
from run import SEEDS, Evidence

from medunlearn.report.markdown import aligned
from medunlearn.runs import RunDir

RESULTS = Path(__file__).parent / "results"
GRID: dict[tuple[str, str], tuple[tuple[int, float], ...]] = {
    ("kernel_transpose", "10"): ((1, 0.02), (2, 0.01), (3, 0.02), (5, 0.01), (5, 0.02), (5, 0.03), (5, 0.05), (5, 0.1)),
    ("fine_tune", "10"): ((5, 0.02), (5, 0.03), (5, 0.05), (5, 0.2)),
    ("kernel_transpose", "50"): ((10, 0.05), (10, 0.06), (10, 0.08), (10, 0.1), (10, 0.12)),
    ("fine_tune", "50"): ((10, 0.05), (10, 0.2)),
}
"""Epochs and learning rates of each method at each rate, at most five epochs over the training set."""
HEAD = ("method", "forgotten", "epochs, learning rate", "mean proxy gap", "AG")

Row = Mapping[str, Any]


def runs(folder: Path) -> Iterator[tuple[str, str, str, int, Path]]:
    """Yield method, rate, settings, seed and run directory of each setting on each seed."""
    for (name, case), settings in GRID.items():
        for epochs, lr in settings:
            for seed in SEEDS:
                yield name, case, f"{epochs}, {lr:g}", seed, folder / f"{name}-e{epochs}lr{lr:g}_{case}_{seed}"


def rows_of(folder: Path) -> Iterator[Row]:
    """Yield the figures of each finished run."""
    for name, case, settings, seed, path in runs(folder):
        run = RunDir(path)
        if run.finished:
            metrics = run.read_metrics("grid")
            steady = round(steady_gap(path, Path(metrics["reference"])), 4)
            found = {key: round(metrics[key], 4) for key in ("UA", "RA", "TA", "MIA", "AG")}
            proxy = round(metrics["proxy"]["gap"], 4)
            yield {"method": name, "case": case, "settings": settings, "seed": seed, **found} | {
                "AG_median": steady,
                "proxy": proxy,
            }


def known(proxies: Iterable[Row]) -> Iterator[Row]:
    """Yield the recipes and what the searches found, of the methods of the grid, from `proxies.csv`."""
    for row in proxies:
        name, case, seed = row["run"].rsplit("_", 2)
        if (name.removeprefix("tuned_"), case) in GRID:
            settings = "tuned on seed 0" if name.startswith("tuned_") else "recipe"
            figures = {"AG_median": row["AG_median"], "proxy": row["curve_attack"]}
            yield {"method": name.removeprefix("tuned_"), "case": case, "settings": settings, "seed": seed, **figures}


def table(rows: Sequence[Row]) -> str:
    """Return a line for each setting that ran on every seed, by mean proxy gap; in bold each method's least."""
    groups: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for row in rows:
        groups.setdefault((row["method"], row["case"]), {}).setdefault(row["settings"], []).append(row)
    lines = []
    for name, case in GRID:
        whole = {key: own for key, own in groups.get((name, case), {}).items() if len(own) == len(SEEDS)}
        ordered = sorted(whole.items(), key=lambda item: _mean(item[1], "proxy"))
        for place, (settings, own) in enumerate(ordered):
            gaps = [float(row["AG_median"]) for row in own]
            gap = f"{statistics.mean(gaps):.2f} ± {statistics.stdev(gaps):.2f}"
            mark = "**" if place == 0 else ""
            lines.append([name, f"{case} %", f"{mark}{settings}{mark}", f"{_mean(own, 'proxy'):.2f}", gap])
    return aligned(HEAD, lines, left=[0, 1, 2])


def _mean(rows: Iterable[Row], column: str) -> float:
    return statistics.mean(float(row[column]) for row in rows)


def read(file: Path) -> list[Row]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, default=Path("blood28.npz"))
    parser.add_argument("--models", type=Path, default=Path("runs/evidence"), help="where run.py left its models")
    parser.add_argument("--out", type=Path, default=Path("runs/grid"))
    parser.add_argument("--jobs", type=int, default=2, help="stages side by side, one thread each")
    parser.add_argument("--table", action="store_true", help="print the table of the committed figures, and stop")
    args = parser.parse_args(argv)
    if not args.table:
        os.environ["OMP_NUM_THREADS"] = "1"
        evidence, jobs = Evidence(args.file, args.models), []
        for name, case, settings, seed, place in runs(args.out):
            epochs, lr = settings.split(", ")
            changed = {"trainer.max_epochs": int(epochs), "model.init_args.lr": float(lr), "trainer.logger": False}
            jobs.append(evidence.varied(name, case, seed, place, **changed))
        run_side_by_side(jobs, args.jobs)
        rows = list(rows_of(args.out))
        with (RESULTS / "grid.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    print(table([*read(RESULTS / "grid.csv"), *known(read(RESULTS / "proxies.csv"))]))


if __name__ == "__main__":
    main()
