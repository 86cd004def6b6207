"""Takes the proxy gap of finished runs again, after the learning curve of their original was made anew.

    medunlearn curve runs/evidence/train_0
    python benchmarks/evidence/proxy_again.py $(python benchmarks/evidence/run.py --finished)

A run's proxy gap is measured to the targets of the curve that lay beside its original then. This rewrites `proxy` and
its note in the `metrics.json` of each unlearned run, from `predictions.npz`, as a run of today would have measured it.
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from proxies import Missing, model_of, predictions_of

from medunlearn.callbacks.retrain_loss import loss_note
from medunlearn.errors import InputError
from medunlearn.metrics import proxy_gap, proxy_targets
from medunlearn.report.reading import find_runs
from medunlearn.runs import RunDir
from medunlearn.runs.learning_curve import curve_of


def measured_again(run: RunDir) -> dict[str, Any]:
    """Return the content of an unlearned run's `metrics.json` with its proxy gap to the targets of today's curve.

    Raises:
        Missing: If the original is not there, or its curve is of another model.
        InputError: If a file cannot be read.
    """
    metrics = run.read_metrics("run")
    original, predictions = model_of(run, "original"), predictions_of(run)
    before = predictions_of(original).split_by(predictions.forget.rows)
    content = original.read_curve("original")
    if content["original_sha256"] != metrics["original_sha256"]:
        raise Missing(f"{original.curve} is of another model")
    loss = curve_of(content).loss_for(before)
    attack = {key: metrics["attack"][key] for key in ("feature", "seed")}
    targets = {**proxy_targets(before, **attack, loss=loss), "loss": asdict(loss)}
    proxy = proxy_gap(predictions, before, **attack, loss=loss) | {"targets": targets}
    said = loss_note(loss)
    kept = [note for note in metrics["notes"] if note.partition(":")[0] != said[0].partition(":")[0]]
    return {**metrics, "proxy": proxy, "notes": [*kept, *said]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run directories, or folders of them")
    for run in find_runs(parser.parse_args().runs):
        if run.finished and run.read_metrics("run")["role"] == "unlearned":
            try:
                run.write_metrics(measured_again(run))
            except (Missing, InputError) as error:
                print(f"{run} is left as it is: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
