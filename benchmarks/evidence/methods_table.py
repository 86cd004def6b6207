"""Print what every method came to at its recipe with the full ResNet-18, or write it into the pages that have it.

python benchmarks/evidence/methods_table.py                        # all methods, as docs/methods/index.md has them
python benchmarks/evidence/methods_table.py --method SalUn         # one, as docs/methods/salun.md has it
python benchmarks/evidence/methods_table.py --pages docs/methods/*.md benchmarks/evidence/README.md
"""

import argparse
import csv
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "resnet18" / "results.csv"
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


def lines(rows: list[Row]) -> list[tuple[str, str]]:
    """Return the table's lines, each with its method: Retrain of another seed, the untouched model, then by mean AG."""
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
    references = [("Retrain", f"| Retrain, another seed | {floor} | |"), ("Train", f"| untouched model | {before} | |")]
    return [*references, *((names[run], line(names[run], found[run], band)) for run in order)]


def table(rows: list[Row], method: str | None = None) -> str:
    """Return the table of all methods, or of one beside Retrain and the untouched model."""
    kept = [text for name, text in lines(rows) if method is None or name in ("Retrain", "Train", method)]
    return "\n".join([HEAD, *kept])


def rewrite(page: Path, rows: list[Row]) -> None:
    """Replace the table of a page: of the method that its title names, else of all."""
    text = page.read_text()
    title = text.partition("\n")[0].removeprefix("# ")
    method = title if page.with_name("index.md").is_file() and page.name != "index.md" else None
    page.write_text(re.sub(rf"{re.escape(HEAD)}(\n\|.*)*", lambda _: table(rows, method), text))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--method")
    parser.add_argument("--pages", type=Path, nargs="+", default=[])
    args = parser.parse_args()
    with args.results.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for page in args.pages:
        rewrite(page, rows)
    if not args.pages:
        print(table(rows, args.method))


if __name__ == "__main__":
    main()
