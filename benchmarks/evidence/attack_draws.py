"""How far do MIA and AG depend on the images that the attack learns from? Writes `results/attack_draws.csv`.

    python benchmarks/evidence/attack_draws.py $(python benchmarks/evidence/run.py --finished)

A row a run: MIA, the least, median and highest of seven draws of the attack's samples, AG, and AG with the medians of
the run and of its Retrain in the place of MIA.
"""

import argparse
import csv
import statistics
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from medunlearn import load_predictions
from medunlearn.metrics import attack_draws, average_gap, unlearning_metrics
from medunlearn.report.reading import find_runs
from medunlearn.runs import RunDir

RESULTS = Path(__file__).parent / "results"

Row = Mapping[str, Any]


@cache
def figures(path: Path, retrain: Path) -> tuple[dict[str, float | None], list[float]]:
    """Return UA, RA, TA and MIA of a run on a Retrain's forget set, and MIA under seven draws."""
    predictions = load_predictions(path).split_by(load_predictions(retrain).forget.rows)
    attack = RunDir(retrain).read_metrics("run")["attack"]
    return unlearning_metrics(predictions, **attack), attack_draws(predictions, **attack)


def steady_gap(run: Path, retrain: Path) -> float | None:
    """Return AG with the medians of the run and of its Retrain in the place of MIA."""
    pair = (figures(path, retrain) for path in (run, retrain))
    return average_gap(*({**own, "MIA": statistics.median(draws)} for own, draws in pair))


def rows_of(runs: Iterable[RunDir]) -> Iterator[Row]:
    """Yield a row for each finished run that has a reference, and for the untouched model that each started from."""
    pairs: dict[tuple[Path, Path], None] = {}
    for run in (each for each in runs if each.finished):
        metrics = run.read_metrics("run")
        if metrics["reference"] is not None:
            retrain = Path(metrics["reference"])
            pairs |= {(run.path, retrain): None}
            pairs |= {(Path(metrics["original"]), retrain): None} if metrics["original"] else {}
    for path, retrain in pairs:
        own, draws = figures(path, retrain)
        yield {
            "run": path.name,
            "reference": retrain.name,
            "MIA": own["MIA"],
            "least": min(draws),
            "median": statistics.median(draws),
            "highest": max(draws),
            "AG": average_gap(own, figures(retrain, retrain)[0]),
            "AG_median": steady_gap(path, retrain),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run directories, or folders of them")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    rows = list(rows_of(find_runs(args.runs)))
    with (args.out / "attack_draws.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: round(v, 4) if isinstance(v, float) else v for key, v in row.items()} for row in rows)
    wide = [row for row in rows if row["highest"] - row["least"] > 10]
    print(f"{len(wide)} of {len(rows)} runs spread over more than 10 points:")
    for row in sorted(wide, key=lambda row: row["least"] - row["highest"]):
        print(f"{row['run']}: {row['least']:.1f} to {row['highest']:.1f}; AG {row['AG']:.2f}, {row['AG_median']:.2f}")


if __name__ == "__main__":
    main()
