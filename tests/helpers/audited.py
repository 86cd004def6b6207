"""Run directories of made-up models whose answers are known: some have learned the forget set, some have not."""

import numpy as np
import torch

from helpers.fake_runs import fake
from medunlearn.metrics import Part, Predictions
from medunlearn.runs import RunDir

CLASSES = 4
TRAIN, TEST, VAL = 400, 300, 200
FORGOTTEN = np.arange(0, TRAIN, 5)
FIGURES = (5.0, 98.0, 95.0, 10.0)
SPLIT = "split of all"


def predictions(seed, learned_retain=3.0, learned_forget=0.0, damage=0.0, logits=True, forgotten=FORGOTTEN):
    """Return answers: an image has a difficulty that all models share, and members gain in margin what is `learned`."""
    shared, own = np.random.default_rng(4), np.random.default_rng(seed)
    parts = {}
    train = _part(TRAIN, shared, own, learned_retain)
    gained = np.where(np.isin(np.arange(TRAIN), FORGOTTEN), learned_forget, learned_retain)
    train[np.arange(TRAIN), np.arange(TRAIN) % CLASSES] += gained - learned_retain
    parts["forget"], parts["retain"] = forgotten, np.setdiff1d(np.arange(TRAIN), forgotten)
    values = {"forget": train[parts["forget"]], "retain": train[parts["retain"]]}
    for name, count in (("test", TEST), ("val", VAL)):
        parts[name], values[name] = np.arange(count), _part(count, shared, own, -damage)
    found = {}
    for name, rows in parts.items():
        z = values[name].astype(np.float32)
        power = np.exp(z - z.max(1, keepdims=True))
        probs = (power / power.sum(1, keepdims=True)).astype(np.float32)
        found[name] = Part(probs, rows % CLASSES, rows, z if logits else None)
    return Predictions(**found)


def _part(count, shared, own, learned):
    """Return logits (count, C): difficulty, what was learned, and the noise of a seed."""
    z = shared.normal(0, 1, (count, CLASSES)) + 0.3 * own.normal(0, 1, (count, CLASSES))
    z[np.arange(count), np.arange(count) % CLASSES] += 2 + learned
    return z


def run(path, method, seed, original=None, reference=None, **answers):
    """Write the run directory of a model."""
    forgotten = answers.pop("forgotten", FORGOTTEN)
    fake(path, method, FIGURES, seed, original=original)
    made, found = RunDir(path), predictions(seed, forgotten=forgotten, **answers)
    torch.save({"state_dict": {"fc.bias": torch.full((2,), float(seed))}, "architecture": {}}, made.weights)
    made.write_predictions(found.to_arrays())
    made.write_json(made.split, {"indices": forgotten.tolist()})
    role = {"Train": "original", "Retrain": "retrained"}.get(method, "unlearned")
    links = {"original": original, "reference": reference}
    counts = {part: len(getattr(found, part).labels) for part in ("forget", "retain", "test", "val")}
    hashes = {f"{name}_sha256": RunDir(to).weights_sha256() for name, to in links.items() if to}
    split = SPLIT if len(forgotten) else "nothing"
    changed = {"role": role, "split_sha256": split, "n": counts, **links, **hashes}
    made.write_json(made.metrics, made.read_metrics("test") | changed | {"files": made.hashes()})
    return str(path)


def family(retrains=3, logits=True, **unlearned):
    """Write an original, Retrains of several seeds and a run that unlearned; return the last and the Retrains."""
    none = np.arange(0)
    train = run("runs/train", "Train", 1, forgotten=none, learned_forget=3.0, logits=logits)
    found = [run(f"runs/retrain_{at}", "Retrain", 10 + at, logits=logits) for at in range(retrains)]
    reference = found[0] if found else None
    return run("runs/own", "SalUn", 5, original=train, reference=reference, logits=logits, **unlearned), found
