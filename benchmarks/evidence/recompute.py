"""Recompute every figure of the evidence from `predictions.npz` alone, without medunlearn.

    python benchmarks/evidence/recompute.py runs/evidence

UA, RA, TA, MIA, AG and the proxy gap of each finished run, with NumPy and scikit-learn, against what `metrics.json`
says. Prints the largest difference and ends with status 1 where one is above the tolerance.
"""

import json
import sys
from pathlib import Path

import numpy as np
from sklearn.svm import SVC

TOLERANCE = 1e-6
"""Percentage points. The attack's decisions are compared as counts: see `ONE_IMAGE`."""
ONE_IMAGE = 1
"""Images of the forget set (validation half) that two solvers of one machine may call differently."""

Arrays = dict[str, np.ndarray]


def accuracy(arrays: Arrays, part: str) -> float:
    return 100 * float((arrays[f"{part}_probs"].argmax(1) == arrays[f"{part}_labels"]).mean())


def confidence(arrays: Arrays, part: str) -> np.ndarray:
    labels = arrays[f"{part}_labels"]
    return arrays[f"{part}_probs"][np.arange(len(labels)), labels].astype(np.float64)[:, None]


def called_nonmembers(members: np.ndarray, nonmembers: np.ndarray, shown: np.ndarray) -> float:
    """Return the share in % that a support vector machine calls non-members (RBF, C = 3, gamma = 1 / features)."""
    classes = np.repeat([1, 0], [len(members), len(nonmembers)])
    machine = SVC(C=3, kernel="rbf", gamma="auto").fit(np.concatenate([members, nonmembers]), classes)
    return 100 * float((machine.predict(shown) == 0).mean())


def figures(arrays: Arrays) -> dict[str, float]:
    found = {"RA": accuracy(arrays, "retain"), "TA": accuracy(arrays, "test")}
    if len(arrays["forget_labels"]):
        found["UA"] = 100 - accuracy(arrays, "forget")
        members = confidence(arrays, "retain")[arrays["attack_member_rows"]]
        nonmembers = confidence(arrays, "test")[arrays["attack_nonmember_rows"]]
        found["MIA"] = called_nonmembers(members, nonmembers, confidence(arrays, "forget"))
    return found


def gap(first: dict[str, float], second: dict[str, float]) -> float:
    return float(np.mean([abs(first[key] - second[key]) for key in ("UA", "RA", "TA", "MIA")]))


def foretold(arrays: Arrays, original: Arrays) -> dict[str, float]:
    """Return the parts of the proxy gap but for the attack's, whose halves of the validation set are drawn."""
    wrong = original["val_probs"].argmax(1) != original["val_labels"]
    classes, counts = np.unique(original["forget_labels"], return_counts=True)
    errors = [100 * wrong[original["val_labels"] == each].mean() for each in classes]
    return {
        "UA": abs(100 - accuracy(arrays, "forget") - float(np.average(errors, weights=counts))),
        "RA": abs(accuracy(arrays, "retain") - accuracy(original, "retain")),
        "TA": abs(accuracy(arrays, "val") - accuracy(original, "val")),
    }


def original_of(arrays: Arrays, original: Arrays) -> Arrays:
    """Return the original's predictions, its training images parted as those of the run are."""
    rows = np.concatenate([original["forget_index"], original["retain_index"]])
    order = np.argsort(rows)
    probs = np.concatenate([original["forget_probs"], original["retain_probs"]])[order]
    labels = np.concatenate([original["forget_labels"], original["retain_labels"]])[order]
    parts = dict(original)
    for part in ("forget", "retain"):
        chosen = arrays[f"{part}_index"]
        parts |= {f"{part}_probs": probs[chosen], f"{part}_labels": labels[chosen]}
    return parts


def load(run: Path) -> Arrays:
    with np.load(run / "predictions.npz") as archive:
        return dict(archive)


def differences(run: Path) -> dict[str, float]:
    """Return by how much each figure of a run differs from `metrics.json`; of the attack beyond one image."""
    metrics, arrays = json.loads((run / "metrics.json").read_text()), load(run)
    found = figures(arrays)
    one = 100 * ONE_IMAGE / max(1, len(arrays["forget_labels"]))
    apart = {key: abs(value - metrics[key]) for key, value in found.items()}
    if "MIA" in apart:
        apart["MIA"] = max(0.0, apart["MIA"] - one)
    if metrics["reference"] and metrics["AG"] is not None:
        reference = figures(load(run.parent / Path(metrics["reference"]).name))
        apart["AG"] = max(0.0, abs(gap(found, reference) - metrics["AG"]) - 2 * one / 4)
    if metrics.get("proxy") and not (metrics["proxy"].get("targets")):
        original = original_of(arrays, load(run.parent / Path(metrics["original"]).name))
        apart |= {
            f"proxy {key}": abs(value - metrics["proxy"][key]) for key, value in foretold(arrays, original).items()
        }
    return apart


def main() -> int:
    runs = sorted(path.parent for path in Path(sys.argv[1]).glob("*/metrics.json"))
    worst = {run.name: differences(run) for run in runs}
    wrong = {(name, key): value for name, found in worst.items() for key, value in found.items() if value > TOLERANCE}
    for (name, key), value in wrong.items():
        print(f"{name}: {key} differs by {value:.6f} points")
    count = sum(map(len, worst.values()))
    print(f"{count} figures of {len(runs)} runs recomputed; {len(wrong)} differ by more than {TOLERANCE:g} points")
    return bool(wrong) or not runs


if __name__ == "__main__":
    sys.exit(main())
