"""A clinic's runs without a training: an original, a Retrain and two requests, with real models and figures."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from helpers.backbones import TINY
from helpers.runs import write_npz
from medunlearn.audit import Settings, audit, read_subjects
from medunlearn.audit.pages import audit_json
from medunlearn.data.npz import ImageData, read_npz
from medunlearn.metrics import Part, Predictions, average_gap, unlearning_metrics
from medunlearn.models import save_weights
from medunlearn.models.backbones import build_backbone
from medunlearn.receipts import Stated, build
from medunlearn.receipts.checks_data import model_logits
from medunlearn.receipts.keys import new_key
from medunlearn.runs import RunDir, split_sha256
from medunlearn.runs.split import requests_of

PATIENT, SECOND = "P0017", "Müller^Anna"
FIRST_ROWS, SECOND_ROWS = [3, 8, 21], [5]
DROPPED = {"val": [2], "test": [0, 7]}
ATTACK = {"feature": "confidence", "nonmembers": "test", "seed": 0}
KEY, PUBLIC, OTHER = Path("clinic.pem"), Path("clinic.pub"), Path("other.pub")
STATED = Stated(case="2026-017", received="2026-02-27", ground="GDPR 17(1)(b)", approved_by="data protection officer")


def make_clinic() -> None:
    """Write `clinic.npz`, `runs/` and keys to the working directory."""
    write_npz(Path("scans of P0017.npz"))
    data = read_npz(Path("scans of P0017.npz"))
    _run(data, "runs/P0017 original", "Train", 1, "original")
    _run(data, "runs/retrain", "Retrain", 2, "retrained", FIRST_ROWS)
    links = {"original": "runs/P0017 original", "reference": "runs/retrain"}
    _run(data, "runs/request_1", "SalUn", 3, "unlearned", FIRST_ROWS, **links)
    found = audit(read_subjects(["runs/request_1"]), Settings(draws=20))
    Path("runs/request_1/audit").mkdir()
    Path("runs/request_1/audit/audit.json").write_text(audit_json(found))
    _run(data, "runs/request_2", "SalUn", 4, "unlearned", FIRST_ROWS + SECOND_ROWS, original="runs/request_1")
    _run(data, "runs/deep/trial", "FineTune", 5, "unlearned", FIRST_ROWS, original="runs/P0017 original")
    for name in (KEY, OTHER.with_suffix(".pem")):
        new_key(name)


def clinic_in(folder: Path) -> Path:
    """Make the clinic in a folder, with signed receipts of both requests, and return the folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MEDUNLEARN_KEY_PASSPHRASE", raising=False)
        make_clinic()
        for name in ("request_1", "request_2"):
            build(f"runs/{name}", KEY, STATED)
    return folder


def copied(clinic: Path, to: Path) -> Path:
    """Return a copy of the clinic, to alter."""
    return Path(shutil.copytree(clinic, to, dirs_exist_ok=True))


def _run(data: ImageData, path: str, method: str, seed: int, role: str, rows=(), **links: str) -> None:
    run, rows = RunDir(path), np.array(sorted(rows), dtype=np.int64)
    dropped = DROPPED if len(rows) else {"val": [], "test": []}
    groups = [PATIENT, SECOND][: 2 if set(SECOND_ROWS) & set(rows.tolist()) else 1]
    how = {"groups": groups, "group_by": "patient"} if len(rows) else {}
    run.checkpoints.mkdir(parents=True)
    torch.manual_seed(seed)
    save_weights(build_backbone(TINY, data.num_classes), run.weights, images={"size": 8, "gray": False})
    run.write_config(yaml.safe_dump(_config(path, method, how, links)))
    run.write_json(run.split, _split(data, rows, dropped, how, links))
    predictions = _predictions(run, data, rows, dropped)
    run.write_predictions(predictions.to_arrays())
    run.write_json(run.metrics, _metrics(run, data, method, role, predictions, links))


def _config(path, method, how, links):
    data = {"file": "scans of P0017.npz", "batch_size": 8, "augmentation": "Default", "dataset": None}
    init = {"lr": 0.013, "mask_ratio": 0.5, "relabel": "random", "backbone": TINY, "original": links.get("original")}
    logger = {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"name": PATIENT}}
    return {
        "seed_everything": 0,
        "run_dir": path,
        "model": {"class_path": f"medunlearn.methods.{method}", "init_args": init},
        "data": {**data, "groups": f"{PATIENT}.csv", "forget": {**how, "seed": 0}},
        "trainer": {"max_epochs": 2, "logger": logger, "default_root_dir": f"/home/{PATIENT}", "deterministic": True},
    }


def _split(data, rows, dropped, how, links):
    requests = []
    if links.get("original", "").startswith("runs/request"):
        earlier = RunDir(links["original"])
        (before,) = requests_of(earlier.read_split("test"))
        answer = {"run": str(earlier), "model_sha256": earlier.weights_sha256(), "proxy_gap": 2.5, "role": "unlearned"}
        requests = [before | answer, {"how": how, "n": {"train": 1, "val": 0, "test": 0}, "run": None}]
    return {
        "indices": rows.tolist(),
        "how": how,
        "seed": 0,
        "train_size": len(data.train),
        "class_names": ["one", "two", "three", "four"],
        **({"dropped": dropped} if len(rows) else {}),
        **({"requests": requests} if requests else {}),
        "data_sha256": data.sha256,
        "training_sha256": data.training_sha256,
        "sha256": split_sha256(data.sha256, rows, {name: np.array(found) for name, found in dropped.items()}),
    }


def _predictions(run, data, rows, dropped) -> Predictions:
    kept = {"forget": ("train", rows), "retain": ("train", np.setdiff1d(np.arange(len(data.train)), rows))}
    for name in ("val", "test"):
        kept[name] = (name, np.setdiff1d(np.arange(len(getattr(data, name))), dropped[name]))
    found = {}
    for part, (name, index) in kept.items():
        split = getattr(data, name)
        logits = model_logits(run.path, split.images[index], TINY) if len(index) else np.zeros((0, 4), np.float32)
        probs = torch.from_numpy(logits).softmax(1).numpy()
        found[part] = Part(probs, split.labels[index], index, logits)
    return Predictions(**found)


def _metrics(run, data, method, role, predictions, links):
    figures = (
        unlearning_metrics(predictions, **ATTACK) if len(predictions.forget.labels) else dict.fromkeys(("UA", "MIA"))
    )
    shas = {f"{name}_sha256": RunDir(to).weights_sha256() for name, to in links.items()}
    before = None
    if "original" in links:
        untouched = Predictions.from_arrays(RunDir(links["original"]).read_predictions("test"))
        untouched = untouched.split_by(predictions.forget.rows)
        test = untouched.test.take(np.isin(untouched.test.rows, predictions.test.rows))
        before = unlearning_metrics(Predictions(untouched.forget, untouched.retain, test, untouched.val), **ATTACK)
    reference = RunDir(links["reference"]).read_metrics("test") if "reference" in links else None
    return {
        "method": method,
        "role": role,
        **figures,
        "AG": average_gap(figures, reference) if reference else None,
        "RTE": 0.9,
        "before": before,
        "proxy": {"gap": 2.5} if before else None,
        "n": {part: len(getattr(predictions, part).labels) for part in ("forget", "retain", "test", "val")},
        "data": "scans of P0017",
        "attack": ATTACK,
        "data_sha256": data.sha256,
        "training_sha256": data.training_sha256,
        "split_sha256": run.read_split("test")["sha256"],
        "by_group": {"by": "patient", "UA": 50.0, "recognised": 100.0, "MIA": None, "n": {"forget": 1}},
        "copies": {"exact": 1, "near": 0, "pairs": {"exact": [[3, 4]], "near": []}} if method == "SalUn" else None,
        "seed": 0,
        "epochs": 2,
        "trained_on": "all",
        "original": links.get("original"),
        "reference": links.get("reference"),
        **shas,
        "runtime": {},
        "versions": {"torch": "2.15.0"},
        "hardware": {"name": "Some & Processor"},
        "files": run.hashes(),
    }
