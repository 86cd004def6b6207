"""Check two requests in a row and the Retrain of their union, from their files alone and without medunlearn.

    python benchmarks/requests/check.py clinic.npz clinic.csv runs/request_1 runs/request_2 runs/retrain

Recomputed: the forget set, and what is left out of every figure, from the table and the names of the patients; the
hashes of data, splits and models; the chain of requests; UA, RA, TA, MIA and AG from predictions.npz. Prints a line for
each and ends with status 1 where one differs.
"""

import argparse
import csv
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.svm import SVC

SPLITS = ("train", "val", "test")
TOLERANCE = 1e-6


def data_sha256(file: Path) -> str:
    digest, arrays = hashlib.sha256(), np.load(file)
    for split in SPLITS:
        images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"].reshape(-1).astype("<i8")
        for array in (images, labels):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def split_sha256(data: str, chosen: dict[str, list[int]]) -> str:
    content = data.encode() + np.array(chosen["train"], "<i8").tobytes()
    for split in ("val", "test"):
        if chosen[split]:
            content += split.encode() + np.array(chosen[split], "<i8").tobytes()
    return hashlib.sha256(content).hexdigest()


def places(table: Path, patients: list[str]) -> dict[str, list[int]]:
    rows = list(csv.DictReader(table.open()))
    return {
        split: sorted(int(row["index"]) for row in rows if row["split"] == split and row["patient"] in patients)
        for split in SPLITS
    }


def read(run: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / name).read_text())
    return content


def model_sha256(run: Path) -> str:
    return hashlib.sha256((run / "checkpoints" / "model.ckpt").read_bytes()).hexdigest()


def figures(run: Path) -> dict[str, float | None]:
    """Return UA, RA, TA and MIA; None for an MIA that hangs on rounding, where all answers are equally sure."""
    arrays = dict(np.load(run / "predictions.npz"))

    def right(part: str) -> float:
        return 100 * float((arrays[f"{part}_probs"].argmax(1) == arrays[f"{part}_labels"]).mean())

    def confidence(part: str) -> np.ndarray:
        labels = arrays[f"{part}_labels"]
        return arrays[f"{part}_probs"][np.arange(len(labels)), labels].astype(np.float64)[:, None]

    members = confidence("retain")[arrays["attack_member_rows"]]
    others = confidence("test")[arrays["attack_nonmember_rows"]]
    machine = SVC(C=3, gamma="auto").fit(np.concatenate([members, others]), [1] * len(members) + [0] * len(others))
    decided = machine.decision_function(confidence("forget"))
    unseen = None if np.abs(decided).max() < 1e-9 else 100 * float((decided < 0).mean())
    return {"UA": 100 - right("forget"), "RA": right("retain"), "TA": right("test"), "MIA": unseen}


def main(data: Path, table: Path, first: Path, second: Path, retrain: Path) -> int:
    failed = 0

    def check(what: str, found: object, expected: object) -> None:
        nonlocal failed
        numbers = isinstance(found, float) and isinstance(expected, float)
        same = abs(found - expected) <= TOLERANCE if numbers else found == expected  # type: ignore[operator]
        failed += not same
        print(f"{'OK     ' if same else 'DIFFERS'}  {what}" + ("" if same else f": {expected}, and not {found}"))

    whole, splits = data_sha256(data), [read(run, "split.json") for run in (first, second)]
    asked = [split["how"]["groups"] for split in splits]
    union = sorted({*asked[0], *asked[1]})
    for run, split, names in ((first, splits[0], asked[0]), (second, splits[1], union)):
        chosen = places(table, names)
        dropped = split.get("dropped", {})
        check(f"{run}: forget set of {', '.join(names)}", split["indices"], chosen["train"])
        for part in ("val", "test"):
            check(f"{run}: {part} images left out", dropped.get(part, []), chosen[part])
        check(f"{run}: hash of the data", split["data_sha256"], whole)
        check(f"{run}: hash of the split", split["sha256"], split_sha256(whole, chosen))
        measured = dict(np.load(run / "predictions.npz"))
        for part in ("val", "test"):
            seen = set(measured[f"{part}_index"].tolist()) & set(chosen[part])
            check(f"{run}: no {part} image of theirs is measured", sorted(seen), [])
    chain = splits[1]["requests"]
    check("chain: patients of each request", [each["how"]["groups"] for each in chain], asked)
    check("chain: hash of the first split", chain[0]["split_sha256"], splits[0]["sha256"])
    check("chain: hash of the first model", chain[0]["model_sha256"], model_sha256(first))
    check("chain: hash of the second split", chain[1]["split_sha256"], splits[1]["sha256"])
    check(
        "the second starts from the first's model", read(second, "metrics.json")["original_sha256"], model_sha256(first)
    )
    again = read(retrain, "split.json")
    check("Retrain: the same union", again["sha256"], splits[1]["sha256"])
    found, gold = figures(second), figures(retrain)
    for run, values in ((second, found), (retrain, gold)):
        written = read(run, "metrics.json")
        for name, value in values.items():
            if value is None:
                print(f"-        {run}: {name} hangs on rounding: all answers are equally sure")
                continue
            check(f"{run}: {name}", float(written[name]), value)
    pairs = [(found[name], gold[name]) for name in found]
    known = [abs(own - other) for own, other in pairs if own is not None and other is not None]
    if len(known) == len(pairs):
        gap = float(np.mean(known))
        check("AG of the second request to the Retrain of the union", float(read(second, "metrics.json")["AG"]), gap)
    return int(failed > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "table", "first", "second", "retrain"):
        parser.add_argument(name, type=Path)
    sys.exit(main(**vars(parser.parse_args())))
