"""Recompute every figure of the evidence from `predictions.npz` alone, without medunlearn.

    python benchmarks/evidence/recompute.py runs/evidence

UA, RA, TA, MIA, AG and the proxy gap of each finished run, with NumPy and scikit-learn, against what `metrics.json`
says; where a learning curve has moved the proxy gap's targets, these too, from the original's predictions and what the
curve predicts (`proxy.targets.loss`). Prints what differs, and ends with status 1 where a figure is beyond the
tolerance.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.svm import SVC

TOLERANCE = 1e-6
"""Percentage points. The attack's decisions are compared as counts: see `ONE_IMAGE`."""
ONE_IMAGE = 1
"""Images of the forget set (validation half) that two solvers of one machine may call differently."""

NO_LOSS = {"val": 0.0, "train": 0.0, "forget": None, "attack": None}
"""What moves plain targets."""
HALVINGS = 7
"""Divisions of the validation set for the proxy's attack, as docs/guides/learning_curve.md has them."""

Arrays = dict[str, np.ndarray]


def accuracy(arrays: Arrays, part: str) -> float:
    return 100 * float((arrays[f"{part}_probs"].argmax(1) == arrays[f"{part}_labels"]).mean())


def confidence(arrays: Arrays, part: str) -> np.ndarray:
    labels = arrays[f"{part}_labels"]
    return arrays[f"{part}_probs"][np.arange(len(labels)), labels].astype(np.float64)[:, None]


def called_nonmembers(members: np.ndarray, nonmembers: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Return which images a support vector machine calls non-members (RBF, C = 3, gamma = 1 / features)."""
    classes = np.repeat([1, 0], [len(members), len(nonmembers)])
    machine = SVC(C=3, kernel="rbf", gamma="auto").fit(np.concatenate([members, nonmembers]), classes)
    return np.asarray(machine.predict(shown) == 0)


def figures(arrays: Arrays) -> dict[str, float]:
    found = {"RA": accuracy(arrays, "retain"), "TA": accuracy(arrays, "test")}
    if len(arrays["forget_labels"]):
        found["UA"] = 100 - accuracy(arrays, "forget")
        members = confidence(arrays, "retain")[arrays["attack_member_rows"]]
        nonmembers = confidence(arrays, "test")[arrays["attack_nonmember_rows"]]
        found["MIA"] = 100 * float(called_nonmembers(members, nonmembers, confidence(arrays, "forget")).mean())
    return found


def gap(first: dict[str, float], second: dict[str, float]) -> float:
    return float(np.mean([abs(first[key] - second[key]) for key in ("UA", "RA", "TA", "MIA")]))


def targets(original: Arrays, loss: dict[str, float | None]) -> dict[str, float]:
    """Return what is predicted of a Retrain: UA, RA and, on the validation set, TA; moved by what it loses."""
    wrong, labels = original["val_probs"].argmax(1) != original["val_labels"], original["val_labels"]
    classes, counts = np.unique(original["forget_labels"], return_counts=True)
    gone = classes[~np.isin(classes, original["retain_labels"])]  # classes that a Retrain has never seen
    known = [each in gone or (labels == each).any() for each in classes]
    errors = [100.0 if each in gone else 100 * wrong[labels == each].mean() for each in classes[known]]
    moves = {"UA": loss["val"] if loss["forget"] is None else loss["forget"], "RA": -loss["train"], "TA": -loss["val"]}
    plain = {
        "UA": float(np.average(errors, weights=counts[known])),
        "RA": accuracy(original, "retain"),
        "TA": 100 * float((~wrong & np.isin(labels, original["retain_labels"])).mean()),
    }
    return {key: min(100.0, max(0.0, plain[key] + moves[key])) for key in plain}


def called_on_validation(arrays: Arrays, seed: int) -> tuple[float, float]:
    """Return which shares in % of the forget set and of one half of the validation set the attack calls non-members.

    It learns from the other half, the first of `default_rng(seed).permutation`, and from as many images of the retain
    set, both drawn by the seed.
    """
    retain, val, forget = (confidence(arrays, part) for part in ("retain", "val", "forget"))
    learned, shown = np.split(np.random.default_rng(seed).permutation(len(val)), [len(val) // 2])
    count, rng = min(len(retain), len(learned)), np.random.default_rng(seed)
    members = np.sort(rng.choice(len(retain), count, replace=False))
    nonmembers = learned[np.sort(rng.choice(len(learned), count, replace=False))]
    called = called_nonmembers(retain[members], val[nonmembers], np.concatenate([forget, val[shown]]))
    return tuple(100 * float(part.mean()) for part in np.split(called, [len(forget)]))


def shares(arrays: Arrays, seed: int) -> tuple[float, float]:
    """Return the medians of these shares over `HALVINGS` divisions of the validation set."""
    return tuple(np.median([called_on_validation(arrays, seed + number) for number in range(HALVINGS)], axis=0))


def proxies(arrays: Arrays, original: Arrays, seed: int, loss: dict[str, float | None]) -> tuple[Any, Any]:
    """Return the proxy gap with its parts, and the targets; that of MIA only where `loss` moves it."""
    predicted = targets(original, loss)
    forget, unseen = shares(arrays, seed)
    if loss["attack"] is not None:
        unseen = min(100.0, max(0.0, shares(original, seed)[1] + loss["attack"]))
        predicted["MIA"] = unseen
    parts = {
        "UA": abs(100 - accuracy(arrays, "forget") - predicted["UA"]),
        "RA": abs(accuracy(arrays, "retain") - predicted["RA"]),
        "TA": abs(accuracy(arrays, "val") - predicted["TA"]),
        "MIA": abs(forget - unseen),
    }
    return {**parts, "gap": float(np.mean(list(parts.values())))}, predicted


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


def other(run: Path, given: str) -> Arrays:
    """Return the predictions of a run that this one names: it lies beside it, or where it was."""
    beside = run.parent / Path(given).name
    return load(beside if beside.is_dir() else Path(given))


def differences(run: Path) -> dict[str, float]:
    """Return by how much each figure of a run differs from `metrics.json`; of the attack beyond one image."""
    metrics, arrays = json.loads((run / "metrics.json").read_text()), load(run)
    found = figures(arrays)
    one = 100 * ONE_IMAGE / max(1, len(arrays["forget_labels"]))
    apart = {key: abs(value - metrics[key]) for key, value in found.items()}
    if "MIA" in apart:
        apart["MIA"] = max(0.0, apart["MIA"] - one)
    if metrics["reference"] and metrics["AG"] is not None:
        reference = figures(other(run, metrics["reference"]))
        apart["AG"] = max(0.0, abs(gap(found, reference) - metrics["AG"]) - 2 * one / 4)
    if metrics.get("proxy"):
        apart |= proxy_differences(metrics, arrays, original_of(arrays, other(run, metrics["original"])))
    return apart


def proxy_differences(metrics: dict[str, Any], arrays: Arrays, original: Arrays) -> dict[str, float]:
    """Return the same of the proxy gap, its parts and its targets; of the attack beyond one image of each set."""
    kept = metrics["proxy"]
    moved = kept.get("targets") or {}
    found, predicted = proxies(arrays, original, metrics["attack"]["seed"], moved.get("loss") or NO_LOSS)
    half = 100 * ONE_IMAGE / (len(arrays["val_labels"]) - len(arrays["val_labels"]) // 2)
    spare = half + 100 * ONE_IMAGE / len(arrays["forget_labels"])
    spares = {"MIA": spare, "gap": spare / 4, "target MIA": half}
    pairs = {key: (value, kept[key]) for key, value in found.items() if kept[key] is not None}
    pairs |= {f"target {key}": (value, moved[key]) for key, value in predicted.items() if key in moved}
    return {f"proxy {key}": max(0.0, abs(a - b) - spares.get(key, 0.0)) for key, (a, b) in pairs.items()}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder of the run directories")
    folder = parser.parse_args(argv).folder
    runs = sorted(path.parent for path in folder.glob("*/metrics.json"))
    worst = {run.name: differences(run) for run in runs}
    wrong = {(name, key): value for name, found in worst.items() for key, value in found.items() if value > TOLERANCE}
    for (name, key), value in wrong.items():
        print(f"{name}: {key} differs by {value:.6f} points")
    count = sum(map(len, worst.values()))
    print(f"{count} figures of {len(runs)} runs recomputed; {len(wrong)} differ by more than {TOLERANCE:g} points")
    return bool(wrong) or not runs


if __name__ == "__main__":
    sys.exit(main())
