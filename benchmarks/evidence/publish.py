"""Write what the evidence has chosen into the shipped configs, with the figures that a run of them should come to.

    python benchmarks/evidence/publish.py runs/evidence

makes `configs/tuned/blood28/`: the original, the Retrain of each rate, each tuned method as the search left it, and
`expected.yaml`, their mean and deviation over the seeds that have run; and the plan `configs/plans/blood28.yaml`, which
`medunlearn reproduce blood28` runs and compares.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from run import Evidence

from medunlearn.report import load
from medunlearn.report.expected import FIGURES, SAME
from medunlearn.report.frame import records

HERE = Path(__file__).parent
CONFIGS = HERE.parents[1] / "configs"
RATES = ("10", "50")
RUNS = "runs/blood28"
FROM_ONE_MACHINE = ("enable_progress_bar",)
"""Settings of the trainer that the evidence's runs were given and that choose nothing."""


def config_of(content: Mapping[str, Any], name: str, rate: str | None) -> dict[str, Any]:
    """Return a config of the evidence as a complete experiment of its own, among the runs of the plan."""
    data = {key: value for key, value in content["data"].items() if key != "dataset"}
    if rate:
        data["forget"] = {"rate": int(rate) / 100}
    trainer = {key: value for key, value in content["trainer"].items() if key not in FROM_ONE_MACHINE}
    found = {"run_dir": f"{RUNS}/{name}", "data": data, "model": content["model"], "trainer": trainer}
    if "original" in (arguments := found["model"].get("init_args", {})):
        found = {"run_dir": found["run_dir"], "reference": f"{RUNS}/retrain_{rate}", **found}
        found["model"] = found["model"] | {"init_args": arguments | {"original": f"{RUNS}/train"}}
    return found


def configs(runs: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield name, first line and content of each config."""
    yield "train", "The original of the evidence.", config_of(read(HERE / "train.yaml"), "train", None)
    for rate in RATES:
        name = f"retrain_{rate}"
        yield name, f"Its Retrain without {rate} %.", config_of(read(HERE / "retrain.yaml"), name, rate)
    for file in sorted(runs.glob("tune/*/tuned.yaml")):
        method, _, rate = file.parent.name.rpartition("_")
        _, *said = (line[2:] for line in file.read_text().splitlines() if line.startswith("# "))
        chosen = next(line for line in said if " chosen by " in line)
        name = f"{method}_{rate}"
        yield name, chosen, config_of(read(file), name, rate)


def read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(file.read_text())
    return content


def expected(frame: pd.DataFrame) -> dict[str, Any]:
    """Return what `expected.yaml` holds: figures over seeds of the Retrains and of the tuned methods."""
    rows = [row for row in records(frame) if row["measured_by"] == "" and _is_shipped(Path(row["run"]).name)]
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(Path(row["run"]).name.rpartition("_")[0], []).append(row)
    (data,) = {row["data_sha256"] for row in rows}
    found = [_expectation(group) for _, group in sorted(groups.items()) if len(group) > 1]
    return {"data_sha256": data, "runs": found}


def _is_shipped(name: str) -> bool:
    base = name.rpartition("_")[0]  # without the seed; a twin's ends in one
    return base.endswith(RATES) and base.startswith(("retrain_", "tuned_"))


def _expectation(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first = rows[0]
    shared = {
        key: value
        for key, value in first["settings"].items()
        if all(row["settings"].get(key) == value for row in rows[1:])
    }
    figures = pd.DataFrame(rows)[list(FIGURES)].astype(float)
    spread = {key: [round(float(figures[key].mean()), 3), round(float(figures[key].std()), 3)] for key in FIGURES}
    return {**{key: first[key] for key in SAME}, "settings": shared, "seeds": len(rows), **spread}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, help="the folder of the evidence's run directories")
    runs = parser.parse_args(argv).runs
    folder = CONFIGS / "tuned" / "blood28"
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for name, said, content in configs(runs):
        names.append(f"../tuned/blood28/{name}.yaml")
        write(folder / f"{name}.yaml", said, content)
    write(
        folder / "expected.yaml",
        "Mean and standard deviation over seeds, by benchmarks/evidence.",
        expected(load(Evidence(Path(), runs).finished())),
    )
    plan = "The settings that `tune` chose on 3,000 PBC blood cells (benchmarks/evidence), and their Retrains."
    write(CONFIGS / "plans" / "blood28.yaml", plan, {"configs": names})


def write(file: Path, said: str, content: Mapping[str, Any]) -> None:
    file.write_text(f"# {said}\n{yaml.safe_dump(dict(content), sort_keys=False, width=120)}")


if __name__ == "__main__":
    main()
