"""Every reader of run directories, configs and plans on files that are damaged or made to do harm."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import yaml
from helpers import hostile, hostile_texts
from helpers.judging import EXAMPLES, fuzz, judge
from hypothesis import event, given, settings
from hypothesis import strategies as st

from medunlearn.errors import InputError
from medunlearn.files.configs import read_config
from medunlearn.metrics import Predictions
from medunlearn.plans.plan import read_plan
from medunlearn.report import load
from medunlearn.report.sections import sections
from medunlearn.report.table import comparison
from medunlearn.runs import RunDir

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
RETRAIN = METRICS | {"method": "Retrain", "role": "retrained", "original": None, "before": None, "trained_on": "retain"}
SPLIT = {"indices": [1, 3], "how": {"rate": 0.25}, "seed": 0, "train_size": 8, "data_sha256": "cd", "sha256": "ab"}
SPLIT["class_names"] = ["benign", "malignant"]
POINT = {"images": 8, "val_error": 9.5, "train_error": 0, "attack": None, "run": "runs/a", "seconds": 1.5}
CURVE = {"way": "parts", "reading": "ratio", "moves_attack": False, "original_sha256": "ab", "epochs": 3.0, "seed": 0}
CURVE |= {"original": POINT, "points": [POINT, POINT | {"images": 4, "val_error_by_class": {"0": 1.5, "1": None}}]}
POISON = {"model_sha256": "ab", "data_sha256": "cd", "images": 2, "draws": 9, "mean": 0.5, "p_value": 0.25}
POISON |= {"silent": 0, "scale": 0.1, "seed": 0, "statistics": [0.5, None], "monte_carlo_p_values": [1, None]}
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
@given(
    st.sampled_from(["metrics", "split", "curve", "poison"]),
    hostile_texts.jsons([METRICS, RETRAIN, SPLIT, CURVE, POISON]),
)
def test_metrics_split_curve_and_poison_are_read_or_refused_in_one_line(name, content):
    run = write_run("runs/a", **{name: content})
    judge(lambda: getattr(run, f"read_{name}")("reference"), "reference=runs/a", content, as_json(content))


def as_json(content):
    def valid(result):
        return isinstance(result, dict) and repr(result) == repr(json.loads(content.decode("utf-8-sig")))

    return valid


@fuzz
@given(hostile_texts.yamls([CONFIG]))
def test_config_of_a_run_is_read_or_refused_in_one_line(content):
    run = write_run("runs/a", config=content)

    def valid(result):
        return isinstance(result, dict) and repr(result) == repr(yaml.safe_load(content.decode("utf-8-sig")))

    judge(lambda: run.read_config("run_dir"), "run_dir=runs/a", content, valid)


@fuzz
@given(st.one_of(hostile.archives(ARRAYS), hostile.damaged([hostile.zipped(ARRAYS.items())])))
def test_predictions_are_read_or_refused_in_one_line(content):
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
@given(
    hostile_texts.jsons([METRICS, RETRAIN]),
    hostile_texts.yamls([CONFIG]),
    st.sampled_from(["metrics", "config", "both"]),
)
def test_table_and_sections_are_made_or_refused_in_one_line(metrics, config, which):
    changes = {"metrics": metrics, "config": config}
    runs = [
        write_run("runs/retrain", metrics=RETRAIN),
        write_run("runs/a", **(changes if which == "both" else {which: changes[which]})),
    ]
    judge(lambda: comparison(runs), "runs/a", metrics, lambda text: text.count("\n") < 16)  # with why there is no AG

    def valid(found):
        numbers = [cell.over_seeds(key) for section in found for cell in section.cells for key in ("gap_UA", "AG")]
        return all(number is None or 0 <= number.mean <= 100 for number in numbers)

    judge(lambda: sections(load(runs)), "runs/a", metrics + config, valid)


@settings(fuzz, max_examples=max(8, EXAMPLES // 15))  # each draws six figures
@given(
    st.one_of(
        st.tuples(st.just("metrics"), hostile_texts.jsons([METRICS])),
        st.tuples(st.just("config"), hostile_texts.yamls([CONFIG])),
        st.tuples(st.just("split"), hostile_texts.jsons([SPLIT])),
        st.tuples(st.just("predictions"), hostile.archives(ARRAYS)),
        st.tuples(
            st.just("curves"),
            hostile.damaged([b"epoch,unlearning/UA,unlearning/RA\n0,1,2\n1,2,nan\n2,1e999,\n", b"epoch\ninf\n"])
            | st.lists(hostile_texts.INDEX_LINES, max_size=5).map(lambda lines: "\n".join(lines).encode()),
        ),
    )
)
def test_report_is_written_or_refused_in_one_line(file):
    from medunlearn.cli.report import report

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
@given(hostile_texts.yamls([CONFIG, PLAN]))
def test_config_is_read_or_refused_in_one_line(content):
    Path("a.yaml").write_bytes(content)
    judge(lambda: read_config(Path("a.yaml")), "config=a.yaml", content, lambda result: isinstance(result, dict))


@fuzz
@given(hostile_texts.yamls([PLAN]), hostile_texts.yamls([CONFIG]), st.booleans())
def test_plan_is_read_or_refused_in_one_line(plan, config, good):
    Path("plan.yaml").write_bytes(plan)
    Path("a.yaml").write_bytes(yaml.safe_dump(CONFIG).encode() if good else config)
    Path("b.yaml").write_text(yaml.safe_dump(CONFIG | {"run_dir": "runs/train", "model": {"init_args": {}}}))

    def read():
        return [stage.command for stage in read_plan(["plan.yaml"]).stages()]

    judge(read, "=", plan + config, lambda commands: all(len(command) < 5000 for command in commands))
