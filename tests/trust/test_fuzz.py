"""Every reader on files that are damaged or made to do harm: one line that names the argument, or a right read.

`TRUST_EXAMPLES=5000 pytest tests/trust` takes that many files for each reader.
"""

import csv
import io
import json
import os
import shutil
import time
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import hostile
import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from torch import nn

import medunlearn.methods  # noqa: F401  # importing Lightning is charged to no reader
from medunlearn.data.forgetting import read_indices
from medunlearn.data.npz import KEYS, read_npz
from medunlearn.errors import InputError
from medunlearn.metrics import Predictions
from medunlearn.models import weights
from medunlearn.report.collect import collect
from medunlearn.report.table import comparison
from medunlearn.reproduce.configs import read_config
from medunlearn.reproduce.plan import read_plan
from medunlearn.runs import RunDir

EXAMPLES = int(os.environ.get("TRUST_EXAMPLES", "150"))
SECONDS = 5.0  # of computing, for a file of some kilobytes; tracing of memory included
SPARE = 40 * 2**20

fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,  # `judge` has one of its own, of computing time
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


def judge(call, argument, content, valid=lambda result: True, spare=SPARE):
    """Call a reader on a file of this content: it must refuse in one line, or return what is valid, soon and in bounds.

    Returns:
        `read` or `refused`.
    """
    before = sorted(Path.cwd().rglob("*"))
    began = time.process_time()
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result, outcome = call(), "read"
    except InputError as error:
        result, outcome = str(error), "refused"
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert time.process_time() - began < SECONDS
    assert peak < spare + 40 * len(content) + 4 * held(content), f"{peak} bytes for a file of {len(content)}"
    if outcome == "refused":
        assert len(result.splitlines()) == 1, result
        assert result.isprintable(), result
        assert argument in result, result
        assert len(result) < 2500
    else:
        assert valid(result)
    assert sorted(Path.cwd().rglob("*")) == before, "a file was made"
    event(outcome)
    return outcome


def held(content):
    """How many bytes the members of an archive declare, as far as they can be believed."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return sum(min(member.file_size, 1032 * member.compress_size) for member in archive.infolist())
    except Exception:
        return 0


# Data


def images_of(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8), dtype=np.uint8)


DATA = {f"{key}.npy": hostile.npy(images_of(4) if "images" in key else np.arange(4) % 2) for key in KEYS}
WHOLE_DATA = [hostile.zipped(DATA.items(), packing) for packing in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)]


@fuzz
@given(st.one_of(hostile.archives(DATA), hostile.damaged(WHOLE_DATA), st.binary(max_size=50)))
def test_images(content):
    path = Path("a.npz")
    path.write_bytes(content)

    def valid(data):
        with np.load(path, allow_pickle=False) as arrays:
            for split in ("train", "val", "test"):
                read = getattr(data, split)
                assert np.array_equal(read.images, arrays[f"{split}_images"])
                assert read.labels.tolist() == arrays[f"{split}_labels"].ravel().tolist()
                assert read.images.dtype == np.uint8 and read.labels.dtype == np.int64
                assert 0 <= read.labels.min() <= read.labels.max() < data.num_classes
        return True

    judge(lambda: read_npz(path), f"data.file={path}", content, valid)


def valid_indices(found):
    return found.dtype == np.int64 and found.ndim == 1 and len(set(found.tolist())) == len(found) <= 100


@fuzz
@given(
    st.one_of(
        st.tuples(st.sampled_from([".txt", ".csv"]), hostile.INDEX_TEXT),
        st.tuples(
            st.just(".npy"), st.one_of(hostile.npys(), hostile.BAD_ARRAYS, hostile.damaged([hostile.npy([4, 2])]))
        ),
        st.tuples(st.just(".json"), hostile.jsons([{"indices": [4, 2], "sha256": "x"}])),
        st.tuples(st.just(".json"), hostile.JSON_VALUES.map(lambda value: json.dumps(value).encode())),
    )
)
def test_forget_indices(file):
    suffix, content = file
    path = Path(f"forget{suffix}")
    path.write_bytes(content)

    def valid(found):
        return valid_indices(found) and all(0 <= index < 100 for index in found)

    judge(lambda: read_indices(path, 100), f"data.forget.indices={path}", content, valid)
    path.unlink()


# Run directories


METRICS = {
    "method": "SalUn",
    "UA": 4.0,
    "RA": 97,
    "TA": 94.5,
    "MIA": 9.0,
    "AG": 1.5,
    "RTE": 0.9,
    "runtime": {"training": 60.0},
    "n": {"forget": 2, "retain": 6, "test": 3, "val": 3},
    "data": "bloodmnist",
    "split_sha256": "ab" * 32,
    "data_sha256": "cd" * 32,
    "seed": 0,
    "original": "runs/train",
    "reference": None,
    "before": {"UA": 1.0, "RA": 99.0, "TA": 96.0, "MIA": 4.0},
    "validation": {"UA": 1.0, "RA": 9.0, "TA": 1, "MIA": 2},
    "hardware": {"name": "Some Processor"},
    "versions": {"torch": "2.15.0"},
    "precision": "bf16-mixed",
    "attack": {"feature": "confidence", "nonmembers": "test", "seed": 0},
    "trained_on": "all",
}
RETRAIN = METRICS | {"method": "Retrain", "original": None, "before": None}
SPLIT = {"indices": [1, 3], "how": {"rate": 0.25}, "seed": 0, "train_size": 8, "data_sha256": "cd", "sha256": "ab"}
CONFIG = {
    "seed_everything": 0,
    "data": {"dataset": "bloodmnist", "augmentation": "Default", "forget": {"rate": 0.25, "seed": 0}},
    "model": {"class_path": "medunlearn.SalUn", "init_args": {"lr": 0.013, "original": "runs/train"}},
    "run_dir": "runs/salun",
    "reference": "runs/retrain",
}
PROBS = np.full((8, 2), 0.5, np.float32)
ROWS = {"forget": [1, 3], "retain": [0, 2, 4, 5, 6, 7], "test": [0, 1, 2], "val": [0, 1, 2]}
ARRAYS = {
    f"{part}_{kind}.npy": hostile.npy(array)
    for part, rows in ROWS.items()
    for kind, array in (("probs", PROBS[rows]), ("labels", np.array(rows) % 2), ("index", np.array(rows)))
}


def write_run(path, **files):
    """Write a run directory; `files` are the contents of single ones, in bytes or to be put into them."""
    run = RunDir(path)
    run.path.mkdir(parents=True, exist_ok=True)
    good = {"metrics": METRICS, "split": SPLIT, "config": CONFIG, "predictions": hostile.zipped(ARRAYS.items())}
    for name, content in (good | files).items():
        write = yaml.safe_dump if name == "config" else json.dumps
        getattr(run, name).write_bytes(content if isinstance(content, bytes) else write(content).encode())
    return run


@fuzz
@given(st.sampled_from(["metrics", "split"]), hostile.jsons([METRICS, RETRAIN, SPLIT]))
def test_metrics_and_split(name, content):
    run = write_run("runs/a", **{name: content})
    judge(lambda: getattr(run, f"read_{name}")("reference"), "reference=runs/a", content, as_json(content))


def as_json(content):
    def valid(result):
        return isinstance(result, dict) and repr(result) == repr(json.loads(content.decode("utf-8-sig")))

    return valid


@fuzz
@given(hostile.yamls([CONFIG]))
def test_config_of_a_run(content):
    run = write_run("runs/a", config=content)

    def valid(result):
        return isinstance(result, dict) and repr(result) == repr(yaml.safe_load(content.decode("utf-8-sig")))

    judge(lambda: run.read_config("run_dir"), "run_dir=runs/a", content, valid)


@fuzz
@given(st.one_of(hostile.archives(ARRAYS), hostile.damaged([hostile.zipped(ARRAYS.items())])))
def test_predictions(content):
    run = write_run("runs/a", predictions=content)

    def valid(predictions):
        with np.load(run.predictions, allow_pickle=False) as arrays:
            for name, array in predictions.to_arrays().items():
                assert np.array_equal(array, arrays[name])
        assert all(len(part.probs) == len(part.labels) == len(part.rows) for part in vars(predictions).values())
        return True

    def read():
        return Predictions.from_arrays(run.read_predictions("model.init_args.original", Predictions.names()))

    judge(read, "model.init_args.original=runs/a", content, valid)


@fuzz
@given(hostile.jsons([METRICS, RETRAIN]), hostile.yamls([CONFIG]), st.sampled_from(["metrics", "config", "both"]))
def test_table_and_collection(metrics, config, which):
    changes = {"metrics": metrics, "config": config}
    runs = [
        write_run("runs/retrain", metrics=RETRAIN),
        write_run("runs/a", **(changes if which == "both" else {which: changes[which]})),
    ]
    judge(lambda: comparison(runs), "runs/a", metrics, lambda text: text.count("\n") < 12)

    def valid(cells):
        numbers = [cell.gap(key) for cell in cells for key in ("UA", "AG")]
        return all(number is None or 0 <= number.mean <= 100 for number in numbers)

    judge(lambda: collect(runs), "runs/a", metrics + config, valid)


@settings(fuzz, max_examples=max(8, EXAMPLES // 15))  # each draws six figures
@given(
    st.one_of(
        st.tuples(st.just("metrics"), hostile.jsons([METRICS])),
        st.tuples(st.just("config"), hostile.yamls([CONFIG])),
        st.tuples(st.just("split"), hostile.jsons([SPLIT])),
        st.tuples(st.just("predictions"), hostile.archives(ARRAYS)),
        st.tuples(
            st.just("curves"),
            hostile.damaged([b"epoch,unlearning/UA,unlearning/RA\n0,1,2\n1,2,nan\n2,1e999,\n", b"epoch\ninf\n"])
            | st.lists(hostile.INDEX_LINES, max_size=5).map(lambda lines: "\n".join(lines).encode()),
        ),
    )
)
def test_whole_report(file):
    from medunlearn.report.command import report

    name, content = file
    run = write_run("runs/a", **({} if name == "curves" else {name: content}))
    write_run("runs/retrain", metrics=RETRAIN, config=CONFIG | {"model": {"class_path": "medunlearn.Retrain"}})
    trained = METRICS | {"method": "Train", "original": None}
    write_run("runs/train", metrics=trained, config=CONFIG | {"data": {"forget": None}})
    if name == "curves":
        run.logs.mkdir(exist_ok=True)
        (run.logs / "metrics.csv").write_bytes(content)
    Path("out").mkdir(exist_ok=True)
    before = set(Path.cwd().iterdir())
    refusal = None
    try:
        report(["runs/a", "runs/retrain", "runs/train", "--out", "out"])
    except InputError as error:
        refusal = str(error)
    event("read" if refusal is None else "refused")
    assert refusal is None or (refusal.isprintable() and "report" in refusal)
    if refusal is None:
        with Path("out/results.csv").open(newline="") as table:
            assert len(list(csv.DictReader(table))) >= 2
    assert set(Path.cwd().iterdir()) == before
    shutil.rmtree("out")
    shutil.rmtree("runs")


# Configs and plans


PLAN = {"configs": ["a.yaml", "b.yaml"], "seeds": [0, 1], "augmentations": ["NoAug"], "options": {"data.file": "x.npz"}}


@fuzz
@given(hostile.yamls([CONFIG, PLAN]))
def test_config(content):
    Path("a.yaml").write_bytes(content)
    judge(lambda: read_config(Path("a.yaml")), "config=a.yaml", content, lambda result: isinstance(result, dict))


@fuzz
@given(hostile.yamls([PLAN]), hostile.yamls([CONFIG]), st.booleans())
def test_plan(plan, config, good):
    Path("plan.yaml").write_bytes(plan)
    Path("a.yaml").write_bytes(yaml.safe_dump(CONFIG).encode() if good else config)
    Path("b.yaml").write_text(yaml.safe_dump(CONFIG | {"run_dir": "runs/train", "model": {"init_args": {}}}))

    def read():
        return [stage.command for stage in read_plan(["plan.yaml"]).stages()]

    judge(read, "=", plan + config, lambda commands: all(len(command) < 5000 for command in commands))


# Checkpoints


class Tiny(nn.Module):
    """Stands for ResNet-18, whose 45 MB would leave no time for thousands of files."""

    def __init__(self, num_classes, in_channels=3, stem="cifar", mean=0.5, std=0.5):
        super().__init__()
        self.architecture = {"num_classes": num_classes, "in_channels": in_channels, "stem": stem}
        self.architecture |= {"mean": mean, "std": std}
        self.conv1, self.fc = nn.Conv2d(in_channels, 2, 1), nn.Linear(4, num_classes)


def checkpoint(content):
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


GOOD = {"state_dict": Tiny(3).state_dict(), "architecture": Tiny(3).architecture}
STATE, WANTS = GOOD["state_dict"], GOOD["architecture"]
CONTENTS = [
    {"state_dict": STATE | {"fc.weight": torch.zeros(1, 1).expand(10**9, 4)}, "architecture": WANTS},
    {
        "state_dict": STATE
        | {"fc.weight": torch.zeros(1, 1).expand(10**9, 4), "fc.bias": torch.zeros(1).expand(10**9)},
        "architecture": WANTS | {"num_classes": 10**9},
    },
    {"state_dict": STATE, "architecture": WANTS | {"num_classes": 10**9}},
    {"state_dict": STATE, "architecture": WANTS | {"num_classes": 10**4400}},
    {"state_dict": STATE, "architecture": WANTS | {"in_channels": -1}},
    {"state_dict": STATE, "architecture": WANTS | {"num_classes": 3.5}},
    {"state_dict": STATE, "architecture": WANTS | {"stem": [["x"] * 9] * 9}},
    {"state_dict": STATE, "architecture": WANTS | {"mean": torch.zeros(3)}},
    {"state_dict": STATE, "architecture": {1: 2}},
    {"state_dict": STATE | {"fc.bias": torch.zeros(3, dtype=torch.int8)}, "architecture": WANTS},
    {"state_dict": STATE | {"fc.bias": torch.zeros(3, device="meta")}, "architecture": WANTS},
    {"state_dict": STATE | {"fc.bias": torch.zeros(3).to_sparse()}, "architecture": WANTS},
    {"state_dict": STATE | {"fc.bias": [1, 2, 3]}, "architecture": WANTS},
    {"state_dict": STATE | {"fc.bias": hostile.Touch("marker")}, "architecture": WANTS},
    {"state_dict": list(STATE.values()), "architecture": WANTS},
    {"state_dict": STATE | {"fc.weight": nn.Parameter(STATE["fc.weight"])}, "architecture": WANTS},
    {"state_dict": STATE, "architecture": WANTS, "more": bytearray(100)},
    {"state_dict": STATE, "architecture": WANTS, "more": {1, 2}},
    STATE,
    3,
]
PICKLES = [
    b"cbuiltins\nbytearray\n(J\xff\xff\xff\x7ftR.",
    b"ctorch.storage\nUntypedStorage\n(J\xff\xff\xff\x7ftR.",
    b"cos\nmkdir\n(X\x06\x00\x00\x00markertR.",
    b"\x80\x04\x8c\x02os\x8c\x05mkdir\x93\x8c\x06marker\x85R.",
    b"(X\x06\x00\x00\x00markerios\nmkdir\n.",
    b"}r\xff\xff\xff\x7f.",
    b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
    b"]q\x00" + b"(h\x00h\x00h\x00lq\x00" * 100 + b".",
    b"(" * 10**5 + b".",
    b"I" + b"9" * 10**5 + b"\n.",
    b"\x8b\xff\xff\xff\x7f.",
    b"",
]


def members(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@st.composite
def checkpoints(draw):
    """A checkpoint with other content, another pickle, or damage of its archive or of its pickle."""
    kind = draw(st.sampled_from(["content", "pickle", "inner", "damaged", "archive", "bytes"]))
    if kind == "content":
        return checkpoint(draw(st.sampled_from(CONTENTS)))
    if kind == "bytes":
        return draw(st.sampled_from(PICKLES) | st.binary(max_size=40))
    whole = checkpoint(GOOD)
    if kind == "damaged":
        return draw(hostile.damaged([whole]))
    parts = members(whole)
    if kind == "archive":
        return draw(hostile.archives(parts))
    pickled = next(name for name in parts if name.endswith("data.pkl"))
    parts[pickled] = draw(st.sampled_from(PICKLES) if kind == "pickle" else hostile.damaged([parts[pickled]]))
    return hostile.zipped(parts.items())


@fuzz
@given(checkpoints())
def test_weights(content):
    path = Path("model.ckpt")
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(weights, "ResNet18", Tiny)
        judge(lambda: weights.load_model(path), f"source={path}", content, lambda model: isinstance(model, Tiny))
