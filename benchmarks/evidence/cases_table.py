"""Print from `results/results.csv` the cases that were run on seed 0 alone: 1 %, one class, and the other presets.

    python benchmarks/evidence/cases_table.py

A row a method and its settings: as tuned at 10 %, at its recipe, or as the paper has it. AG with MIA as the median of
seven draws of the attack's samples (`results/attack_draws.csv`), and the error on the forgotten images (UA).
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from front_table import PAPER, RESULTS, TUNED, Row, class_of, read, with_medians

CASES = {"1": "1 %", "class": "one class", "noaug": "NoAug", "randaug": "RandAugment"}
ORIGINS = {PAPER: "the paper", TUNED: "proxy gap, 10 %"}


def case_of(row: Row) -> str:
    """Return the case of a run, by its Retrain."""
    return Path(row["reference"]).name.removeprefix("retrain_").rpartition("_")[0]


def of_cases(rows: Iterable[Row]) -> Iterator[tuple[str, str, Row]]:
    """Yield each run of these cases with its case and its name without case and seed."""
    for row in rows:
        if row["AG"] and row["reference"] and (case := case_of(row)) in CASES:
            name = Path(row["run"]).name
            yield case, name.removesuffix(f"_{case}_0"), row


def cell(row: Row | None) -> str:
    return "-" if row is None else f"{float(row['AG']):.2f} ({float(row['UA']):.1f})"


def lines(rows: Iterable[Row]) -> Iterator[str]:
    """Yield the lines: the Retrain, the untouched model, then methods by their mean AG over the cases they ran in."""
    found: dict[str, dict[str, Row]] = {}
    retrained, untouched = {}, {}
    for case, name, row in of_cases(rows):
        if row["role"] == "unlearned":
            found.setdefault(name, {})[case] = row
        else:
            (retrained if row["role"] == "retrained" else untouched)[case] = row
    yield f"| | {' | '.join(CASES.values())} | settings from |"
    yield f"|---|{'--:|' * len(CASES)}---|"
    yield _line("Retrain", retrained, "")
    yield _line("untouched model", untouched, "")
    for name in sorted(found, key=lambda each: _mean(found[each])):
        prefix = next((each for each in ORIGINS if name.startswith(each)), "")
        yield _line(class_of({"": [*found[name].values()]}), found[name], ORIGINS.get(prefix, "its recipe"))


def _line(label: str, by_case: Mapping[str, Row], how: str) -> str:
    return f"| {' | '.join([label, *(cell(by_case.get(case)) for case in CASES), how])} |"


def _mean(by_case: Mapping[str, Row]) -> float:
    return sum(float(row["AG"]) for row in by_case.values()) / len(by_case)


if __name__ == "__main__":
    print("\n".join(lines(with_medians(read(RESULTS), read(RESULTS.with_name("attack_draws.csv"))))))
