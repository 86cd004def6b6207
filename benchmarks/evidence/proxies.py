"""Proxy against truth: does the proxy gap, which needs no Retrain, rank runs as the Average Gap (AG) to Retrain does?

    python benchmarks/evidence/proxies.py $(python benchmarks/evidence/run.py --finished) --curve short=FILE

The proxy gap of every finished unlearned run is computed from its `predictions.npz` under several targets (`TARGETS`),
each with and without moving the attack's, and compared with the AG and the four distances to Retrain in `metrics.json`,
and with the AG under the median of several draws of the attack's samples (`attack_draws.py`).
Writes `proxies.csv` (a row a run), `proxies.json` and `proxies.md` (a row a case and kind of target), and a figure.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from attack_draws import steady_gap
from proxy_figure import write_figure
from proxy_table import cases, markdown, over_seeds, predicted, table, title
from run import CASES

from medunlearn.errors import InputError
from medunlearn.metrics import GAP_METRICS, LearningCurve, Loss, Predictions, attack_shares, proxy_gap, proxy_targets
from medunlearn.plugins import find
from medunlearn.report.reading import find_runs
from medunlearn.runs import RunDir
from medunlearn.runs.learning_curve import curve_of
from medunlearn.runs.record import Record

TARGETS = {
    "plain": "as the original is on validation and training images",
    "curve": "moved by the learning curve beside the original",
    "validation": "moved by a curve of errors on validation images alone, the original's own among its points",
    "true": "moved by what the Retrain itself has lost on validation and training images: the ceiling of any curve",
}
"""Kinds of targets; `--curve` adds further ones. `_attack` after a name: the target of MIA is moved too."""
Curves = dict[tuple[str, str], LearningCurve]
"""Learning curves by kind of target and SHA-256 of the original's weights."""


def rows_of(runs: Iterable[RunDir], curves: Curves) -> list[dict[str, Any]]:
    """Return a row for each finished unlearned run, and say which are left out."""
    rows = []
    for run in (each for each in runs if each.finished):
        if run.read_metrics("proxies")["role"] == "unlearned":
            try:
                rows.append(row_of(run, curves))
            except (Missing, InputError) as error:
                print(f"{run} is left out: {error}", file=sys.stderr)
    return rows


class Missing(Exception):
    """A run lacks what it is to be compared with."""


def row_of(run: RunDir, curves: Curves) -> dict[str, Any]:
    """Return what a run is, its AG and distances to Retrain, and its proxy gap and parts for each kind of target.

    Raises:
        Missing: If it has no AG, or the original or the Retrain is not there.
    """
    metrics = run.read_metrics("proxies")
    if metrics.get("AG") is None:
        raise Missing("it has no AG")
    original, retrain = (model_of(run, name) for name in ("original", "reference"))
    figures = retrain.read_metrics("proxies")
    row = {
        "run": run.path.name,
        "method": metrics["method"],
        "case": case_of(run.read_config("proxies")),
        "seed": metrics["seed"],
        "reads_validation": find("methods", metrics["method"]).reads_validation,
        "AG": metrics["AG"],
        "AG_median": steady_gap(run.path, retrain.path),
        **{f"AG_{key}": abs(metrics[key] - figures[key]) for key in GAP_METRICS},
    }
    attack = {key: metrics["attack"][key] for key in ("feature", "seed")}
    predictions = predictions_of(run)
    before, after = (predictions_of(each).split_by(predictions.forget.rows) for each in (original, retrain))
    known = curves_in([("curve", original.curve)]) | curves
    own = {name: curve for (name, sha256), curve in known.items() if sha256 == metrics["original_sha256"]}
    if "curve" in own:
        own["validation"] = on_validation(own["curve"])
    for kind, loss in losses(own, before, after, attack):
        found = proxy_gap(predictions, before, **attack, loss=loss)
        row |= {kind: found["gap"], **{f"{kind}_{key}": found[key] for key in GAP_METRICS}}
        row |= {f"{kind}_lost_{name}": value for name, value in asdict(loss).items()}
    return row


def losses(
    curves: dict[str, LearningCurve], original: Predictions, retrain: Predictions, attack: dict[str, Any]
) -> Iterator[tuple[str, Loss]]:
    """Yield what moves the targets of each kind, first without and then, where it is known, with the attack's part."""
    predicted = {name: replace(curve, moves_attack=True).loss_for(original) for name, curve in curves.items()}
    known = {"plain": Loss(0.0, attack=0.0), **predicted, "true": true_loss(original, retrain, attack)}
    for name, loss in known.items():
        yield name, replace(loss, attack=None)
        if loss.attack is not None:
            yield f"{name}_attack", loss


def on_validation(curve: LearningCurve) -> LearningCurve:
    """Return the curve of what was measured on validation images alone, the original's own figures among its points."""
    parts = (replace(each, unseen_error=None) for each in curve.points if each.images != curve.original.images)
    return replace(curve, points=(*parts, curve.original))


def true_loss(original: Predictions, retrain: Predictions, attack: dict[str, Any]) -> Loss:
    """Return what a Retrain has lost, on validation and training images as a learning curve would predict it."""
    before, after = proxy_targets(original), proxy_targets(retrain)
    lost = {key: after[key] - before[key] for key in ("UA", "RA", "TA")}
    called = [attack_shares(each, **attack)[1] for each in (original, retrain)]
    return Loss(val=-lost["TA"], train=-lost["RA"], forget=lost["UA"], attack=called[1] - called[0])


def case_of(config: dict[str, Any]) -> str:
    """Return the name of what is forgotten and how images are augmented: the case that states most of it."""
    data = {f"data.forget.{name}": value for name, value in config["data"]["forget"].items()}
    data["data.augmentation"] = config["data"]["augmentation"]
    fitting = [name for name, options in CASES.items() if all(data[key] == value for key, value in options.items())]
    return max(fitting, key=lambda name: len(CASES[name]), default="other")


def model_of(run: RunDir, link: str) -> RunDir:
    """Return the original or the reference of a run, where it was or beside the run."""
    metrics = run.read_metrics("proxies")
    given = Path(metrics[link])
    for place in (RunDir(run.path.parent / given.name), RunDir(given)):
        if place.finished and Record.of(place, "proxies").weights_sha256 == metrics[f"{link}_sha256"]:
            return place
    raise Missing(f"its {link} {given} is not there, or another model")


@cache
def _read(file: Path) -> dict[str, np.ndarray]:
    return RunDir(file.parent).read_predictions("proxies", Predictions.names())


def predictions_of(run: RunDir) -> Predictions:
    return Predictions.from_arrays(_read(run.predictions))


def curves_in(files: Sequence[tuple[str, Path]]) -> Curves:
    """Return the curves of files that are there, by name and the model that they are of."""
    found = [(name, json.loads(file.read_text())) for name, file in files if file.is_file()]
    return {(name, content["original_sha256"]): curve_of(content) for name, content in found}


def _named_file(text: str) -> tuple[str, Path]:
    name, _, file = text.partition("=")
    if not name.isalnum() or name in TARGETS or not Path(file).is_file():
        raise argparse.ArgumentTypeError(f"{text}: give NAME=FILE; the name none of {', '.join(TARGETS)}")
    return name, Path(file)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run directories, or folders of them")
    parser.add_argument("--curve", type=_named_file, action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args(argv)
    rows = rows_of(find_runs(args.runs), curves_in(args.curve))
    if not rows:
        parser.error("there is no finished unlearned run with an AG")
    runs = pd.DataFrame(rows)
    names = dict.fromkeys(["plain", "validation", "curve", *(name for name, _ in args.curve), "true"])
    kinds = [kind for name in names for kind in (name, f"{name}_attack") if kind in runs]
    found, means, lost = table(runs, kinds), over_seeds(runs, kinds), predicted(runs, kinds)
    page = markdown(found, means, lost)
    command = shlex.join(["python", "benchmarks/evidence/proxies.py", *(sys.argv[1:] if argv is None else argv)])
    content = {
        "command": command,
        "runs": len(runs),
        "targets": TARGETS,
        "rows": found,
        "means": means,
        "predicted": lost,
    }
    args.out.mkdir(parents=True, exist_ok=True)
    runs.to_csv(args.out / "proxies.csv", index=False, float_format="%.6f")
    (args.out / "proxies.json").write_text(json.dumps(content, indent=2) + "\n")
    (args.out / "proxies.md").write_text(page)
    panels = {title(case, own): own for case, own in cases(runs) if case != "all" and len(own)}
    write_figure(panels, args.out / "proxies")
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
