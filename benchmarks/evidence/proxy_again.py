"""Takes the proxy gap of finished runs again, after the learning curve of their original was made anew.

    medunlearn curve runs/evidence/train_0
    python benchmarks/evidence/proxy_again.py $(python benchmarks/evidence/run.py --finished)

A run's proxy gap is measured to the targets of the curve that lay beside its original then. This rewrites `proxy` and
its note in the `metrics.json` of each unlearned run, from `predictions.npz`, as a run of today would have measured it.
"""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from proxies import Missing, model_of, predictions_of

from medunlearn.callbacks.retrain_loss import loss_note
from medunlearn.metrics import proxy_gap, proxy_targets
from medunlearn.report.reading import find_runs
from medunlearn.runs import RunDir
from medunlearn.runs.learning_curve import curve_of


def measured_again(run: RunDir) -> dict[str, Any]:
    """Return the content of an unlearned run's `metrics.json` with its proxy gap to the targets of today's curve."""
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
    kept = [note for note in metrics["notes"] if not note.startswith("the proxy gap is taken to targets moved by")]
    return {**metrics, "proxy": proxy, "notes": [*kept, *loss_note(loss)]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run directories, or folders of them")
    for run in find_runs(parser.parse_args().runs):
        if run.finished and run.read_metrics("run")["role"] == "unlearned":
            before, now = run.read_metrics("run")["proxy"]["gap"], measured_again(run)
            run.write_metrics(now)
            print(f"{run}: {before:.2f} was, {now['proxy']['gap']:.2f} is", flush=True)


if __name__ == "__main__":
    main()
