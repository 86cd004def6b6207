"""Print what every method came to at its recipe, as docs/methods.md has it, from `results/results.csv`.

python benchmarks/evidence/methods_table.py [RESULTS]
"""

import csv
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "results.csv"
RATES = ("10 %", "50 %")
READ_VALIDATION = ("HeldOutTwins", "ReGUn")
"""Methods whose proxy gap, which rests on validation images, says little."""

Row = dict[str, str]
HEAD = "| | AG, 10 % | proxy gap | AG, 50 % | proxy gap |\n|---|--:|--:|--:|--:|"


def number(text: str) -> str:
    return f"{float(text):.2f}" if text else "-"


def line(name: str, rows: Mapping[str, Row], band: Mapping[str, float]) -> str:
    cells = []
    for rate in RATES:
        row = rows.get(rate)
        if row is None:
            cells += ["-", "-"]
            continue
        inside = float(row["AG"]) <= band[rate]
        cells.append(f"**{number(row['AG'])}**" if inside else number(row["AG"]))
        gap = number(row["proxy"])
        cells.append(f"({gap})" if name in READ_VALIDATION else gap)
    return f"| {name} | {' | '.join(cells)} |"


def table(rows: list[Row]) -> str:
    """Return the table: Retrain of another seed, the untouched model, and the methods by their mean AG."""
    first = [
        row for row in rows if row["seed"] == "0" and row["augmentation"] == "Default" and row["forgotten"] in RATES
    ]
    band = {
        rate: float(next(row["band"] for row in first if row["forgotten"] == rate and row["band"])) for rate in RATES
    }
    found = defaultdict[str, dict[str, Row]](dict)
    for row in first:
        if row["role"] == "unlearned" and Path(row["run"]).name.endswith("_0") and row["AG"]:
            found[Path(row["run"]).name.rsplit("_", 2)[0]][row["forgotten"]] = row
    names = {run: next(iter(each.values()))["method"].split(" (")[0] for run, each in found.items()}
    order = sorted(found, key=lambda run: sum(float(row["AG"]) for row in found[run].values()) / len(found[run]))
    untouched = {row["forgotten"]: row for row in first if row["role"] == "original"}
    floor = " | | ".join(f"{band[rate]:.2f}" for rate in RATES)
    before = " | | ".join(number(untouched[rate]["AG"]) for rate in RATES)
    lines = [HEAD, f"| Retrain, another seed | {floor} | |", f"| untouched model | {before} | |"]
    return "\n".join([*lines, *(line(names[run], found[run], band) for run in order)])


def main(path: Path = RESULTS) -> None:
    with path.open(newline="") as file:
        print(table(list(csv.DictReader(file))))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
