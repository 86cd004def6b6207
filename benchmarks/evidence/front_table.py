"""Print from `results/results.csv` what comes near to a Retrain, chosen without one.

python benchmarks/evidence/front_table.py --median    # README's first table: the three nearest over both rates
python benchmarks/evidence/front_table.py --all       # every method that ran on all seeds, at one rate or both
python benchmarks/evidence/front_table.py --all --by_seed    # the AG of each seed instead of their mean

SalUn as the paper has it, the untouched model and a Retrain of another seed stand beside them. A method that was tuned
has a row for the settings that the search found, and one for its recipe. In bold: a mean AG within the mean band of two
Retrains. Time: the run time in per cent of that of the Retrain of the same forget set. `--median` takes MIA as the
median of seven draws of the attack's samples (`results/attack_draws.csv`) in the place of one.
"""

import argparse
import csv
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from methods_table import READ_VALIDATION

RESULTS = Path(__file__).parent / "results" / "results.csv"
RATES = {"10": "10 %", "50": "50 %"}
PAPER, TUNED = "paper_", "tuned_"
SHOWN = 3
HEAD = """| | AG, 10 % | AG, 50 % | epochs | time, 10 % | time, 50 % | settings from |
|---|--:|--:|--:|--:|--:|---|"""

Row = Mapping[str, str]
Runs = dict[str, dict[str, list[Row]]]
"""Runs by name without rate and seed, then by rate; one a seed."""


def main_cases(rows: Iterable[Row]) -> Runs:
    """Return the unlearned runs of the two main cases, those as tuned under names of their own.

    Where a search kept the recipe, the runs as tuned are those of the recipe too.
    """
    found: Runs = {}
    for row in rows:
        name, rate, seed = _parts(row)
        if row["role"] == "unlearned" and rate in RATES and seed.isdecimal() and row["AG"]:
            found.setdefault(name, {}).setdefault(rate, []).append(row)
    for name in [name for name in found if name.startswith(TUNED)]:
        recipe = found.setdefault(name.removeprefix(TUNED), {})
        kept = {rate: runs for rate, runs in found[name].items() if rate not in recipe}
        recipe |= kept
        if kept == found[name]:
            del found[name]
    return found


def _parts(row: Row) -> list[str]:
    return ["", "", *Path(row["run"]).name.rsplit("_", 2)][-3:]


def on_every_seed(runs: Runs, rates: int = len(RATES)) -> Runs:
    """Return the methods that ran on every seed at so many rates or more, by mean AG; only at these rates.

    SalUn as the paper has it is left out, and what reads validation images.
    """
    seeds = max(len(of_rate) for by_rate in runs.values() for of_rate in by_rate.values())
    whole = {
        name: {rate: of_rate for rate, of_rate in by_rate.items() if len(of_rate) == seeds}
        for name, by_rate in runs.items()
        if not name.startswith(PAPER) and class_of(by_rate) not in READ_VALIDATION
    }
    known = {name: by_rate for name, by_rate in whole.items() if len(by_rate) >= rates}
    return dict(sorted(known.items(), key=lambda item: statistics.mean(_gaps(item[1]))))


def _gaps(by_rate: Mapping[str, Sequence[Row]]) -> Iterator[float]:
    return (mean(of_rate, "AG") for of_rate in by_rate.values())


def each_once(runs: Runs) -> Runs:
    """Return the first entry of each method."""
    firsts: dict[str, str] = {}
    for name, by_rate in runs.items():
        firsts.setdefault(class_of(by_rate), name)
    return {name: runs[name] for name in firsts.values()}


def with_medians(rows: Sequence[Row], draws: Iterable[Row]) -> list[Row]:
    """Return the rows with the AG of the median draw, and the band of a Retrain from its twins' of that kind."""
    gaps = {(row["run"], row["reference"]): row["AG_median"] for row in draws}

    def gap_of(row: Row) -> str:
        return gaps.get((Path(row["run"]).name, Path(row["reference"]).name), row["AG"])

    twins: dict[str, list[float]] = {}
    for row in rows:
        if row["role"] == "retrained" and row["run"] != row["reference"]:
            twins.setdefault(row["reference"], []).append(float(gap_of(row)))
    bands = {run: str(statistics.mean(found)) for run, found in twins.items()}
    return [{**row, "AG": gap_of(row), "band": bands.get(row["run"], row["band"])} for row in rows]


def class_of(by_rate: Mapping[str, Sequence[Row]]) -> str:
    """Return the method's class, which its label begins with."""
    return next(iter(by_rate.values()))[0]["method"].partition(" (")[0]


def spread(values: Iterable[str]) -> str:
    """Return mean and sample deviation over seeds; the value alone where there is one."""
    numbers = [float(value) for value in values if value]
    if not numbers:
        return "-"
    mean = f"{statistics.mean(numbers):.2f}"
    return mean if len(numbers) == 1 else f"{mean} ± {statistics.stdev(numbers):.2f}"


def by_seed(values: Iterable[str]) -> str:
    """Return the values one by one."""
    return ", ".join(f"{float(value):.2f}" for value in values if value) or "-"


def mean(rows: Iterable[Row], column: str) -> float:
    return statistics.mean(float(row[column]) for row in rows if row[column])


def epochs(by_rate: Mapping[str, Sequence[Row]]) -> str:
    """Return the epochs at 10 and at 50 %, once where they are the same."""
    each = [f"{float(by_rate[rate][0]['epochs']):g}" for rate in RATES if by_rate.get(rate)]
    return each[0] if len(set(each)) == 1 else ", ".join(each)


def origin(name: str, by_rate: Mapping[str, Sequence[Row]]) -> str:
    """Return where a method's settings come from."""
    if name.startswith(TUNED):
        return "proxy gap, seed 0"
    kept = all(_parts(rows[0])[0].startswith(TUNED) for rows in by_rate.values())
    return "its recipe, kept by the search" if kept else "its recipe"


class Table:
    """The table's lines, from all rows of the results."""

    def __init__(self, rows: Iterable[Row], shown: Callable[[Iterable[str]], str] = spread) -> None:
        self.shown = shown
        self.rows = [row for row in rows if row["augmentation"] == "Default"]
        retrained = [row for row in self.rows if row["role"] == "retrained" and row["forgotten"] in RATES.values()]
        self.first = {row["split_sha256"]: row for row in retrained if row["run"] == row["reference"]}
        self.runs = main_cases(self.rows)

    def of_rate(self, rate: str) -> list[Row]:
        """Return the first Retrain of each seed."""
        return [row for row in self.first.values() if row["forgotten"] == RATES[rate]]

    def share(self, rows: Iterable[Row]) -> str:
        """Return the mean run time in per cent of that of the Retrain of the same forget set."""
        shares = [
            100 * float(row["RTE_minutes"]) / float(self.first[row["split_sha256"]]["RTE_minutes"]) for row in rows
        ]
        return f"{statistics.mean(shares):.1f} %" if shares else "-"

    def line(self, label: str, by_rate: Mapping[str, list[Row]], how: str) -> str:
        """Return the row of a method; in bold where its mean AG is at most the mean band of two Retrains."""
        cells = []
        for rate in RATES:
            rows = by_rate.get(rate, [])
            text = self.shown(row["AG"] for row in rows)
            inside = rows and mean(rows, "AG") <= mean(self.of_rate(rate), "band")
            cells.append(f"**{text}**" if inside else text)
        times = [self.share(by_rate.get(rate, [])) for rate in RATES]
        return f"| {' | '.join([label, *cells, epochs(by_rate), *times, how])} |"

    def lines(self, every: bool) -> list[str]:
        """Return all lines: the three methods with the least AG over both rates, or every method."""
        retrains = {rate: self.of_rate(rate) for rate in RATES}
        floor = " | ".join(self.shown(row["band"] for row in rows) for rows in retrains.values())
        originals = [row for row in self.rows if row["role"] == "original"]
        untouched = " | ".join(
            self.shown(row["AG"] for row in originals if row["forgotten"] == forgotten) for forgotten in RATES.values()
        )
        found = [
            HEAD,
            f"| Retrain, another seed | {floor} | {epochs(retrains)} | 100 % | 100 % | |",
            f"| untouched model | {untouched} | 0 | 0 % | 0 % | |",
        ]
        papers = [name for name in self.runs if name.startswith(PAPER)]
        found += [self.line(class_of(self.runs[name]), self.runs[name], "the paper") for name in papers]
        shown = on_every_seed(self.runs, 1 if every else len(RATES))
        chosen = list((shown if every else each_once(shown)).items())[: None if every else SHOWN]
        return found + [self.line(class_of(by_rate), by_rate, origin(name, by_rate)) for name, by_rate in chosen]


def table(rows: Iterable[Row], every: bool = False, shown: Callable[[Iterable[str]], str] = spread) -> str:
    """Return the table."""
    return "\n".join(Table(rows, shown).lines(every))


def read(file: Path) -> list[Row]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--by_seed", action="store_true")
    parser.add_argument("--median", action="store_true")
    args = parser.parse_args()
    rows = read(args.results)
    if args.median:
        rows = with_medians(rows, read(args.results.with_name("attack_draws.csv")))
    print(table(rows, args.all, by_seed if args.by_seed else spread))


if __name__ == "__main__":
    main()
