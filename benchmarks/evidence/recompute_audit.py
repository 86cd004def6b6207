"""Recompute every figure of an audit from `predictions.npz` alone, with scikit-learn and SciPy, without medunlearn.

    medunlearn audit runs/evidence --out audit
    python benchmarks/evidence/recompute_audit.py audit/audit.json

AUC, balanced accuracy, true positive rates, RMIA, offline LiRA and every distance, against what `audit.json` says; the
bounds of intervals by a bootstrap of its own, within what two bootstraps differ by. Prints what differs by more
than the tolerance, and then ends with status 1.
"""

import argparse
import json
import sys
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp, norm
from sklearn.metrics import roc_auc_score, roc_curve

TOLERANCE = 5e-5
ORDER_OF_A_SUM = ("entropy", "modified_entropy")
"""Attacks whose scores differ in the last digit by the order of a sum, under which sure models' images swap places: a
rate may then differ by one image."""
OF_BOUNDS = 0.03
"""By how much the bounds of two bootstraps of 300 and 1,000 draws may differ."""
LEVELS = {"tpr@0.1": 0.1, "tpr@0.01": 0.01, "tpr@0.001": 0.001}

Arrays = dict[str, np.ndarray]


def load(run: str, forget: np.ndarray) -> Arrays:
    """Return a run's predictions, its training images divided by a forget set."""
    with np.load(Path(run) / "predictions.npz") as archive:
        arrays = dict(archive)
    rows = np.concatenate([arrays["forget_index"], arrays["retain_index"]])
    order = np.argsort(rows)
    chosen = np.isin(rows[order], forget)
    for name in ("probs", "labels", "logits"):
        joined = np.concatenate([arrays[f"forget_{name}"], arrays[f"retain_{name}"]])[order]
        arrays |= {f"forget_{name}": joined[chosen], f"retain_{name}": joined[~chosen]}
    return arrays


def margins(arrays: Arrays, part: str) -> np.ndarray:
    """Return log p / (1 - p) of every class, which no sure model loses to rounding as it does p."""
    z = arrays[f"{part}_logits"].astype(np.float64)
    return np.stack([z[:, at] - np.logaddexp.reduce(np.delete(z, at, 1), axis=1) for at in range(z.shape[1])], axis=1)


def logs(arrays: Arrays, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return log p and log (1 - p) of every class."""
    phi = margins(arrays, part)
    return -np.logaddexp(0, -phi), -np.logaddexp(0, phi)


def of_label(values: np.ndarray, arrays: Arrays, part: str) -> np.ndarray:
    labels = arrays[f"{part}_labels"]
    return values[np.arange(len(labels)), labels]


def margin(arrays: Arrays, part: str) -> np.ndarray:
    return of_label(margins(arrays, part), arrays, part)


def loss(arrays: Arrays, part: str) -> np.ndarray:
    return of_label(logs(arrays, part)[0], arrays, part)


def confidence(arrays: Arrays, part: str) -> np.ndarray:
    return of_label(arrays[f"{part}_probs"].astype(np.float64), arrays, part)


def entropy(arrays: Arrays, part: str) -> np.ndarray:
    own, _ = logs(arrays, part)
    return (np.exp(own) * own).sum(1)


def modified_entropy(arrays: Arrays, part: str) -> np.ndarray:
    """Return what Song & Mittal (2021) define, with the sign that makes members high."""
    own, others = logs(arrays, part)
    label = np.arange(own.shape[1]) == arrays[f"{part}_labels"][:, None]
    return np.where(label, np.exp(others) * own, np.exp(own) * others).sum(1)


SIGNALS = {
    "confidence": confidence,
    "margin": margin,
    "loss": loss,
    "entropy": entropy,
    "modified_entropy": modified_entropy,
}


def figures(inside: np.ndarray, outside: np.ndarray) -> dict[str, float]:
    truth = np.repeat([1, 0], [len(inside), len(outside)])
    scores = np.concatenate([inside, outside])
    fpr, tpr, _ = roc_curve(truth, scores, drop_intermediate=False)
    found = {"auc": roc_auc_score(truth, scores), "balanced_accuracy": float(((tpr + 1 - fpr) / 2).max())}
    return found | {name: float(tpr[fpr <= level].max()) for name, level in LEVELS.items()}


def bounds(inside: np.ndarray, outside: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the AUC by a bootstrap of its own."""
    rng = np.random.default_rng(12345)
    truth = np.repeat([1, 0], [len(inside), len(outside)])
    drawn = [
        roc_auc_score(truth, np.concatenate([rng.choice(inside, len(inside)), rng.choice(outside, len(outside))]))
        for _ in range(300)
    ]
    return tuple(np.quantile(drawn, [0.025, 0.975]))


def attacked(run: dict, models: dict[str, Arrays], nonmembers: str, seed: int) -> dict[tuple[str, str, str], tuple]:
    """Return the scores of every attack: by part, attack and model."""
    retrains = [each["label"] for each in run["models"] if each["label"].startswith("Retrain ")]
    own, found = run["models"][0]["label"], {}
    for label, arrays in models.items():
        outside = {name: signal(arrays, nonmembers) for name, signal in SIGNALS.items()}
        for name, signal in SIGNALS.items():
            found["forget", name, label] = signal(arrays, "forget"), outside[name]
            retained = signal(arrays, "retain")
            count = min(len(retained), len(outside[name]))
            sample = np.sort(np.random.default_rng(seed).choice(len(retained), count, replace=False))
            found["retain", name, label] = retained[sample], outside[name]
        if "untouched" in models and label in (own, *retrains):
            before = models["untouched"]
            fallen = [margin(before, part) - margin(arrays, part) for part in ("forget", nonmembers)]
            found["forget", "difference", label] = tuple(fallen)
        others = [models[each] for each in retrains if each != label]
        if others:
            found["forget", "RMIA", label] = rmia(arrays, others, nonmembers, seed)
        if len(others) > 1:
            found["forget", "LiRA", label] = lira(arrays, others, nonmembers)
    return found


def rmia(arrays: Arrays, others: list[Arrays], nonmembers: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return RMIA's scores by its definition: the share of population images whose ratio is smaller, image by image."""
    order = np.random.default_rng(seed).permutation(len(arrays[f"{nonmembers}_labels"]))
    population, shown = np.sort(order[::2]), np.sort(order[1::2])

    def ratio(part: str) -> np.ndarray:
        out = np.mean([confidence(each, part) for each in others], axis=0)
        return confidence(arrays, part) / ((1.3 * out + 0.7) / 2)

    z = ratio(nonmembers)
    return tuple(
        np.array([np.mean(value > z[population]) for value in values]) for values in (ratio("forget"), z[shown])
    )


def lira(arrays: Arrays, others: list[Arrays], nonmembers: str) -> tuple[np.ndarray, np.ndarray]:
    """Return offline LiRA's scores, one variance for all images."""
    own = np.concatenate([margin(arrays, part) for part in ("forget", nonmembers)])
    shadows = np.stack([np.concatenate([margin(each, part) for part in ("forget", nonmembers)]) for each in others])
    spread = np.sqrt(shadows.var(axis=0, ddof=1).mean() * (1 + 1 / len(others)))
    scores = norm.cdf((own - shadows.mean(0)) / spread)
    return tuple(np.split(scores, [len(arrays["forget_labels"])]))


def distances(run: dict, models: dict[str, Arrays], row: dict) -> dict[str, float]:
    """Return the three means of a distance."""
    part = row["part"]

    def between(first: str, second: str) -> float:
        p, q = (models[each][f"{part}_probs"].astype(np.float64) for each in (first, second))
        if row["measure"] == "disagreement":
            return float((p.argmax(1) != q.argmax(1)).mean())
        if row["measure"] == "Kolmogorov-Smirnov":
            return float(ks_2samp(margin(models[first], part), margin(models[second], part)).statistic)
        p, q = (each / each.sum(1, keepdims=True) for each in (p, q))
        return float((np.nan_to_num(jensenshannon(p, q, axis=1)) ** 2).mean())

    retrains = [each for each in models if each.startswith("Retrain ")]
    found = {"unlearned": np.mean([between(run["models"][0]["label"], each) for each in retrains])}
    if len(retrains) > 1:
        found["retrains"] = np.mean([between(*pair) for pair in combinations(retrains, 2)])
    if "untouched" in models:
        found["untouched"] = np.mean([between("untouched", each) for each in retrains])
    return found


def differences(run: dict, nonmembers: str, seed: int) -> dict[str, dict[str, float]]:
    """Return by how much each figure of a run differs, by kind and name."""
    forget = np.array(json.loads((Path(run["run"]) / "split.json").read_text())["indices"])
    models = {each["label"]: load(each["run"], forget) for each in run["models"]}
    scores, apart = attacked(run, models, nonmembers, seed), defaultdict(dict)
    for row in run["attacks"]:
        inside, outside = scores[row["part"], row["attack"], row["model"]]
        found, what = figures(inside, outside), f"{run['run']}: {row['attack']} on {row['part']}, {row['model']}"
        spare = 1 / len(inside) if row["attack"] in ORDER_OF_A_SUM else 0.0
        for name, value in row["figures"].items():
            if value is not None:
                by = abs(found[name] - value)
                apart["attacks"][f"{what}, {name}"] = by if name == "auc" else max(0.0, by - spare)
        if row["part"] == "forget" and row["model"] == run["models"][0]["label"]:
            pairs = zip(("lower", "upper"), bounds(inside, outside), row["intervals"]["auc"], strict=True)
            apart["bounds"] |= {f"{what}, {name} bound": abs(a - b) for name, a, b in pairs}
    for row in run["distances"]:
        what = f"{run['run']}: {row['measure']} on {row['part']}"
        found = distances(run, models, row)
        apart["distances"] |= {f"{what}, {name}": abs(value - row[name]) for name, value in found.items()}
    return apart


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("audits", type=Path, nargs="+", help="audit.json of `medunlearn audit`")
    contents = [json.loads(path.read_text()) for path in parser.parse_args(argv).audits]
    together, wrong = defaultdict(list), 0
    for content in contents:
        for run in content["runs"]:
            for kind, apart in differences(run, content["nonmembers"], content["seed"]).items():
                together[kind] += apart.values()
                beyond = {what: by for what, by in apart.items() if by > (OF_BOUNDS if kind == "bounds" else TOLERANCE)}
                wrong += len(beyond)
                for what, by in beyond.items():
                    print(f"{what} differs by {by:.2g}", flush=True)
    for kind, values in together.items():
        print(f"{kind}: {len(values)} figures recomputed, the largest difference is {max(values):.2g}")
    return bool(wrong) or not together


if __name__ == "__main__":
    sys.exit(main())
