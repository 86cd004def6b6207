"""Write what an audit answers into `results/audits.csv`, a row a run and question, and as a table.

    medunlearn audit runs/evidence --out audit
    python benchmarks/evidence/audit_table.py audit/audit.json

`results/audits.md` has, by rate and method, how many seeds ended inside the band of two Retrains, outside it, and where
so few images cannot tell.
"""

import argparse
import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
RATES = {"10": "10 %", "50": "50 %"}
SHORT = {
    "Can forgotten images be recognised?": "recognised",
    "Are a few forgotten images given away?": "a few given away",
    "Can one who has both models list them?": "listed from both models",
    "Can one who has Retrains find them?": "found with Retrains",
    "Does it answer as Retrain: forgotten images?": "answers: forgotten",
    "Does it answer as Retrain: retained images?": "answers: retained",
    "Does it answer as Retrain: test images?": "answers: test",
}
ANSWERS = {"inside": "in", "outside": "out", "cannot tell": "?"}

Row = Mapping[str, Any]


def rows_of(audit: Mapping[str, Any]) -> Iterator[Row]:
    """Yield a row for each run and question."""
    for run in audit["runs"]:
        for verdict in run["verdicts"]:
            low, high = verdict["interval"] or (None, None)
            least, most = verdict["band"] or (None, None)
            yield {
                "run": Path(run["run"]).name,
                "method": run["method"],
                "question": verdict["question"],
                "measure": verdict["measure"],
                "value": verdict["value"],
                "low": low,
                "high": high,
                "band_low": least,
                "band_high": most,
                "untouched": verdict["untouched"],
                "answer": verdict["answer"],
            }


def table(rows: Iterable[Row]) -> str:
    """Return a table: a line for each rate and method, a column for each question, answers over seeds in the cells."""
    found: dict[tuple[str, str], dict[str, Counter[str]]] = {}
    for row in rows:
        name, rate, seed = ["", "", *row["run"].rsplit("_", 2)][-3:]
        if rate in RATES and seed.isdecimal():
            label = row["method"] + {"tuned": ", tuned", "paper": ", the paper"}.get(name.partition("_")[0], "")
            cells = found.setdefault((rate, label), {})
            cells.setdefault(row["question"], Counter())[str(row["answer"])] += 1
    head = f"| | | {' | '.join(SHORT.values())} |\n|---|---|{'---|' * len(SHORT)}"
    lines = [
        f"| {RATES[rate]} | {label} | {' | '.join(_cell(cells.get(question, Counter())) for question in SHORT)} |"
        for (rate, label), cells in sorted(found.items())
    ]
    return "\n".join([head, *lines])


def _cell(answers: Counter[str]) -> str:
    known = [f"{answers[answer]} {short}" for answer, short in ANSWERS.items() if answers[answer]]
    return ", ".join(known) or "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("audits", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    rows = [row for path in args.audits for row in rows_of(json.loads(path.read_text()))]
    with (args.out / "audits.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    (args.out / "audits.md").write_text(f"{table(rows)}\n")
    print(table(rows))


if __name__ == "__main__":
    main()
