"""Print the README's first table, from `results/results.csv`: what comes near to a Retrain, chosen without one.

python benchmarks/evidence/front_table.py [RESULTS]

The three methods with the least proxy gap, a mean over rates and seeds, stand beside SalUn as the paper has it, the
untouched model and a Retrain of another seed. A method is shown as it was tuned where it was, else at its recipe.
"""

import csv
import statistics
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from methods_table import READ_VALIDATION, RESULTS

RATES = {"10": "10 %", "50": "50 %"}
PAPER, TUNED = "paper_salun", "tuned_"
SHOWN = 3
HEAD = """| | AG, 10 % | AG, 50 % | epochs | settings from |
|---|--:|--:|--:|---|"""

Row = Mapping[str, str]
Runs = Mapping[str, Mapping[str, list[Row]]]
"""Runs by name without rate and seed, then by rate; one a seed."""


def main_cases(rows: Iterable[Row]) -> Runs:
    """Return the unlearned runs of the two main cases."""
    found: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        name, _, rest = Path(row["run"]).name.partition("_10_")
        rate = "10" if rest else "50"
        if not rest:
            name, _, rest = Path(row["run"]).name.partition("_50_")
        if row["role"] == "unlearned" and rest.isdecimal() and row["AG"]:
            found.setdefault(name, {}).setdefault(rate, []).append(row)
    return found


def chosen(runs: Runs) -> list[str]:
    """Return the three methods with the least proxy gap, of those measured at both rates and on every seed."""
    seeds = max(len(of_rate) for by_rate in runs.values() for of_rate in by_rate.values())
    judged = {
        name: statistics.mean(float(row["proxy"]) for of_rate in by_rate.values() for row in of_rate)
        for name, by_rate in runs.items()
        if name != PAPER
        and class_of(by_rate) not in READ_VALIDATION
        and [len(of_rate) for of_rate in by_rate.values()] == [seeds] * len(RATES)
    }
    kept = [name for name in judged if name.startswith(TUNED) or TUNED + name not in judged]
    return sorted(kept, key=lambda name: judged[name])[:SHOWN]


def class_of(by_rate: Mapping[str, list[Row]]) -> str:
    """Return the method's class, which its label begins with."""
    return next(iter(by_rate.values()))[0]["method"].partition(" (")[0]


def spread(values: Iterable[str]) -> str:
    """Return mean and sample deviation over seeds; the value alone where there is one."""
    numbers = [float(value) for value in values if value]
    if not numbers:
        return "-"
    mean = f"{statistics.mean(numbers):.2f}"
    return mean if len(numbers) == 1 else f"{mean} ± {statistics.stdev(numbers):.2f}"


def mean(rows: Iterable[Row], column: str) -> float:
    return statistics.mean(float(row[column]) for row in rows)


def epochs(by_rate: Mapping[str, list[Row]]) -> str:
    """Return the epochs at 10 and at 50 %, once where they are the same."""
    each = [f"{float(by_rate[rate][0]['epochs']):g}" for rate in RATES if rate in by_rate]
    return each[0] if len(set(each)) == 1 else ", ".join(each)


def line(label: str, by_rate: Mapping[str, list[Row]], bands: Mapping[str, float], how: str) -> str:
    """Return the row of a method; in bold where its mean AG is at most the mean band of two Retrains."""
    cells = []
    for rate in RATES:
        rows = by_rate.get(rate, [])
        text = spread(row["AG"] for row in rows)
        cells.append(f"**{text}**" if rows and mean(rows, "AG") <= bands[rate] else text)
    return f"| {' | '.join([label, *cells, epochs(by_rate), how])} |"


def table(rows: list[Row]) -> str:
    """Return the table."""
    rows = [row for row in rows if row["augmentation"] == "Default"]
    of_role = {
        role: {rate: [r for r in rows if r["role"] == role and r["forgotten"] == text] for rate, text in RATES.items()}
        for role in ("original", "retrained")
    }
    first = {rate: [row for row in found if row["band"]] for rate, found in of_role["retrained"].items()}
    bands = {rate: mean({row["split_sha256"]: row for row in found}.values(), "band") for rate, found in first.items()}
    twins = {rate: {row["split_sha256"]: row["band"] for row in found}.values() for rate, found in first.items()}
    runs = main_cases(rows)
    untouched = (spread(row["AG"] for row in of_role["original"][rate]) for rate in RATES)
    lines = [
        HEAD,
        f"| Retrain, another seed | {' | '.join(spread(twins[rate]) for rate in RATES)} | {epochs(first)} | |",
        f"| untouched model | {' | '.join(untouched)} | 0 | |",
    ]
    if PAPER in runs:
        lines.append(line("SalUn", runs[PAPER], bands, "the paper"))
    for name in chosen(runs):
        how = "proxy gap, seed 0" if name.startswith(TUNED) else "its recipe"
        lines.append(line(class_of(runs[name]), runs[name], bands, how))
    return "\n".join(lines)


def main(path: Path = RESULTS) -> None:
    with path.open(newline="") as file:
        print(table(list(csv.DictReader(file))))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
