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
def figures(path: Path) -> tuple[dict[str, float | None], list[float]]:
    """Return UA, RA, TA and MIA of a run, and MIA under seven draws."""
    predictions, attack = load_predictions(path), RunDir(path).read_metrics("run")["attack"]
    return unlearning_metrics(predictions, **attack), attack_draws(predictions, **attack)


def steady_gap(run: Path, reference: Path) -> float | None:
    """Return AG with the medians of the run and of its Retrain in the place of MIA."""
    return average_gap(*({**own, "MIA": statistics.median(draws)} for own, draws in map(figures, (run, reference))))


def rows_of(runs: Iterable[RunDir]) -> Iterator[Row]:
    """Yield a row for each finished run that has a reference."""
    for run in (each for each in runs if each.finished):
        reference = run.read_metrics("run")["reference"]
        if reference is None:
            continue
        path, other = run.path, Path(reference)
        own, draws = figures(path)
        yield {
            "run": path.name,
            "MIA": own["MIA"],
            "least": min(draws),
            "median": statistics.median(draws),
            "highest": max(draws),
            "AG": average_gap(own, figures(other)[0]),
            "AG_median": steady_gap(path, other),
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
