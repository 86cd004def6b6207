"""The evidence's scripts on made-up runs: proxy against truth, every figure recomputed, and jobs side by side."""

import csv
import hashlib
import json
import re
import sys
import threading
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

from medunlearn import load_predictions
from medunlearn.metrics import (
    GAP_METRICS,
    LearningCurve,
    Part,
    Point,
    Predictions,
    attack_sample,
    average_gap,
    proxy_gap,
    proxy_targets,
    unlearning_metrics,
)
from medunlearn.runs import RunDir
from medunlearn.runs.learning_curve import curve_of

EVIDENCE = Path(__file__).parents[1] / "benchmarks" / "evidence"
ATTACK = {"feature": "confidence", "nonmembers": "test", "seed": 3}
LABELS = {"train": np.arange(80) % 4, "val": np.arange(41) % 4, "test": np.arange(40) % 4}
FORGOTTEN = {"10": np.array([0, 4, 5, 6, 8, 9, 12, 16]), "class": np.flatnonzero(LABELS["train"] == 2)}
FORGET = {"10": {"rate": 0.1, "classes": None}, "class": {"rate": None, "classes": [2]}}
UNLEARNED = {  # method, how sure it is of forgotten, retained and other images
    "fine_tune_10_0": ("FineTune", 2.0, 5.0, 1.7),
    "salun_10_0": ("SalUn", 1.0, 3.0, 1.5),
    "l1_sparse_10_0": ("L1Sparse", 3.5, 6.0, 2.0),
    "ssd_10_0": ("SSD", 0.0, 0.4, 0.2),
    "regun_10_0": ("ReGUn", 1.6, 4.0, 1.8),
    "salun_class_0": ("SalUn", -2.0, 4.0, 1.6),
    "fine_tune_class_0": ("FineTune", 0.0, 5.0, 1.8),
    "influence_class_0": ("Influence", -4.0, 2.0, 1.0),
}


@pytest.fixture(scope="module")
def scripts():
    """The modules, which find each other as scripts of one folder do."""
    names = ("attack_draws", "audit_table", "jobs", "proxies", "proxy_again", "proxy_table", "recompute", "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EVIDENCE))
        yield SimpleNamespace(**{name: import_module(name) for name in names})
    for name in (*names, "proxy_figure"):
        sys.modules.pop(name, None)


def outputs(seed, forgotten, forget, retain, unseen):
    """Predictions that are so sure of each part's true classes."""
    rng = np.random.default_rng(seed)
    sure = {"train": np.full(80, retain), "val": np.full(41, unseen), "test": np.full(40, unseen)}
    sure["train"][forgotten] = forget

    def part(name):
        logits = rng.normal(size=(len(LABELS[name]), 4)) + sure[name][:, None] * np.eye(4)[LABELS[name]]
        probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        return Part(probs.astype(np.float32), LABELS[name], np.arange(len(LABELS[name])))

    parts = {name: part(name) for name in LABELS}
    train = parts.pop("train")
    return Predictions(train.take(np.arange(0)), train, **parts).split_by(forgotten)


def write(run, predictions, role, method, case="10", **metrics):
    """Write what the scripts read of a run, its figures measured as the package does."""
    members, nonmembers = attack_sample(len(predictions.retain.labels), 40, ATTACK["seed"])
    run.path.mkdir(parents=True)
    run.write_predictions(
        predictions.to_arrays() | {"attack_member_rows": members, "attack_nonmember_rows": nonmembers}
    )
    run.write_config(yaml.safe_dump({"data": {"augmentation": "Default", "forget": FORGET[case]}}))
    figures = unlearning_metrics(predictions, **ATTACK)
    own = {"role": role, "method": method, "seed": 0, "attack": ATTACK, **figures}
    files = {"files": {"checkpoints/model.ckpt": sha256(run.path.name)}}
    nothing = {"AG": None, "reference": None, "original": None, "proxy": None}
    run.write_json(run.metrics, nothing | own | files | metrics)
    return figures


def sha256(name):
    return hashlib.sha256(name.encode()).hexdigest()


def curve(way, of="train_0", moves_attack=False, error=40.0):
    own = {"images": 80, "val_error": 20.0, "train_error": 1.0, "attack": 15.0}
    points = [own | {"images": 20, "val_error": error, "train_error": 5.0, "attack": 30.0}, own]
    facts = {"way": way, "reading": "difference", "moves_attack": moves_attack, "original_sha256": sha256(of)}
    return {**facts, "original": own, "points": points}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    """A folder with an original and its curve, a Retrain of each case, and unlearned runs; one of them without AG."""
    folder = tmp_path_factory.mktemp("evidence") / "runs"
    original = outputs(0, np.arange(0), 5.0, 5.0, 2.0)
    write(RunDir(folder / "train_0"), original, "original", "Train")
    RunDir(folder / "train_0").write_curve(curve("parts"))
    retrained = {}
    for case, forgotten in FORGOTTEN.items():
        found = outputs(1, forgotten, 1.6 if case == "10" else -9.0, 4.5, 1.6)
        retrained[case] = write(RunDir(folder / f"retrain_{case}_0"), found, "retrained", "Retrain", case)
    for seed, (name, (method, *sure)) in enumerate(UNLEARNED.items(), start=2):
        case = name.split("_")[-2]
        attacked = curve_of(curve("parts", moves_attack=name == "salun_10_0"))
        found, before = outputs(seed, FORGOTTEN[case], *sure), original.split_by(FORGOTTEN[case])
        loss, settings = attacked.loss_for(before), {"feature": "confidence", "seed": ATTACK["seed"]}
        targets = proxy_targets(before, **settings, loss=loss) | {"loss": asdict(loss)}
        links = {"original": "runs/train_0", "original_sha256": sha256("train_0")}
        links |= {"reference": f"runs/retrain_{case}_0", "reference_sha256": sha256(f"retrain_{case}_0")}
        known = {"AG": average_gap(unlearning_metrics(found, **ATTACK), retrained[case])}
        known["proxy"] = proxy_gap(found, before, **settings, loss=loss) | {"targets": targets}
        write(RunDir(folder / name), found, "unlearned", method, case, **known, **links)
    write(RunDir(folder / "scrub_10_0"), found, "unlearned", "SCRUB")
    return folder


@pytest.fixture(scope="module")
def written(evidence, scripts):
    """The folder that `proxies.py` has filled."""
    out = evidence.parent / "results"
    options = []
    for name, content in {"short": curve("short", error=30.0), "another": curve("short", of="another")}.items():
        file = evidence.parent / f"{name}.json"
        file.write_text(json.dumps(content))
        options += ["--curve", f"{name}={file}"]
    assert scripts.proxies.main([str(evidence), *options, "--out", str(out)]) == 0
    return out


def rows(written):
    with (written / "proxies.csv").open(newline="") as file:
        return {row["run"]: row for row in csv.DictReader(file)}


def near(value):
    return pytest.approx(value, abs=2e-6)


def test_proxies_are_those_of_numpy_alone_and_of_the_runs(evidence, scripts, written):
    found = rows(written)
    assert found.keys() == UNLEARNED.keys()  # a run whose AG is unknown is left out
    assert not any(name.startswith("another") for name in found["ssd_10_0"])  # a curve of another original
    for name, row in found.items():
        arrays, metrics = scripts.recompute.load(evidence / name), RunDir(evidence / name).read_metrics("test")
        before, after = (
            scripts.recompute.original_of(arrays, scripts.recompute.load(evidence / each))
            for each in ("train_0", f"retrain_{row['case']}_0")
        )
        assert float(row["AG"]) == near(metrics["AG"])
        assert row["reads_validation"] == str(name == "regun_10_0")
        no_loss, moved = scripts.recompute.NO_LOSS, metrics["proxy"]["targets"]["loss"]
        kept = "curve_attack" if moved["attack"] is not None else "curve"
        lost = {"plain": no_loss, "plain_attack": no_loss | {"attack": 0.0}, kept: moved}
        for kind, loss in lost.items():
            parts, _ = scripts.recompute.proxies(arrays, before, ATTACK["seed"], loss)
            assert {key: float(row[f"{kind}_{key}"]) for key in GAP_METRICS} | {"gap": float(row[kind])} == near(parts)
        assert float(row[kept]) == near(metrics["proxy"]["gap"])
        retrained = scripts.recompute.targets(after, no_loss)
        own = {"UA": metrics["UA"], "RA": metrics["RA"], "TA": scripts.recompute.accuracy(arrays, "val")}
        assert {key: float(row[f"true_{key}"]) for key in own} == near(
            {key: abs(own[key] - retrained[key]) for key in own}
        )


def test_means_over_seeds_rank_settings_that_ran_on_all_of_them(scripts):
    gaps = {"a_10": [(1, 5), (3, 1)], "tuned_a_10": [(4, 2), (2, 2)], "b_10": [(6, 4), (4, 6)], "c_10": [(0, 0)]}
    table = [
        {
            "run": f"{name}_{seed}",
            "case": "10",
            "seed": seed,
            "reads_validation": False,
            "plain": gap,
            "AG_median": found,
        }
        for name, pairs in gaps.items()
        for seed, (gap, found) in enumerate(pairs)
    ]
    table.append({**table[0], "run": "twins_10_0", "reads_validation": True, "plain": 0.0})
    means = scripts.proxy_table.over_seeds(pd.DataFrame(table), ["plain"])
    assert means == [{"case": "10", "targets": "plain", "settings": 3, "seeds": 2, "correlation": 0.5, "regret": 1.0}]


def test_table_ranks_and_chooses_as_counted_by_hand(written):
    found, content = rows(written), json.loads((written / "proxies.json").read_text())
    own = {name: (float(row["curve"]), float(row["AG"])) for name, row in found.items()}
    judged = {name: pair for name, pair in own.items() if name != "regun_10_0"}
    for methods, runs in (("all", own), ("without those that read validation images", judged)):
        of = {row["case"]: row for row in content["rows"] if (row["methods"], row["targets"]) == (methods, "curve")}
        assert {case: row["runs"] for case, row in of.items()} == {
            "10": len(runs) - 3,
            "others": 3,
            "all": len(runs),
        }
        places = [np.argsort(np.argsort(values)) for values in zip(*runs.values(), strict=True)]
        assert of["all"]["correlation"] == pytest.approx(np.corrcoef(*places)[0, 1])
        costs = []
        for case in ("10", "class"):
            group = [pair for name, pair in runs.items() if f"_{case}_" in name]
            costs.append(min(group)[1] - min(gap for _, gap in group))
        assert of["all"]["regret"] == pytest.approx(np.mean(costs))
        assert of["all"]["choices"] == 2
    page = (written / "proxies.md").read_text()
    assert "| short_attack " in page
    assert not content["means"], "one seed has no means"
    assert {"short", "curve", "validation", "true"} == {row["targets"] for row in content["predicted"]}
    assert (written / "proxies.png").stat().st_size > 10_000
    assert "rank correlation" in (written / "proxies.svg").read_text()


def test_case_is_the_one_that_states_most(scripts):
    def case(augmentation, **forget):
        return scripts.proxies.case_of({"data": {"augmentation": augmentation, "forget": {"classes": None} | forget}})

    assert [case("Default", rate=rate) for rate in (0.1, 0.5, 0.01, 0.2)] == ["10", "50", "1", "other"]
    assert [case(name, rate=0.1) for name in ("NoAug", "Default+RandAugment")] == ["noaug", "randaug"]
    assert case("Default", rate=None, classes=[2]) == "class"


def test_recomputing_finds_every_figure_and_each_that_is_altered(evidence, scripts, capsys):
    assert scripts.recompute.main([str(evidence)]) == 0
    count = 2 + 3 * 4 + 8 * (4 + 1 + 5 + 3) + 1  # an original, runs without AG, unlearned ones, a moved attack
    assert f"{count} figures of 12 runs recomputed; 0 differ" in capsys.readouterr().out
    assert not re.search(r"(import|from) medunlearn", (EVIDENCE / "recompute.py").read_text())
    run = RunDir(evidence / "salun_10_0")
    whole = run.read_metrics("test")
    for part, place in (
        ("proxy RA", ("RA",)),
        ("proxy MIA", ("MIA",)),
        ("proxy gap", ("gap",)),
        ("proxy target TA", ("targets", "TA")),
        ("proxy target MIA", ("targets", "MIA")),
        ("proxy TA", ("targets", "loss", "val")),
    ):
        altered = json.loads(json.dumps(whole))
        group = altered["proxy"]
        for name in place[:-1]:
            group = group[name]
        group[place[-1]] += 40.0
        run.write_json(run.metrics, altered)
        assert scripts.recompute.main([str(evidence)]) == 1
        assert f"salun_10_0: {part} differs by" in capsys.readouterr().out
    run.write_json(run.metrics, whole)


def test_gap_with_the_median_draw_is_that_of_seven_attacks(evidence, scripts, monkeypatch):
    monkeypatch.chdir(evidence.parent)
    rows = list(scripts.attack_draws.rows_of(scripts.attack_draws.find_runs([Path("runs")])))
    untouched = [row["reference"] for row in rows if row["run"] == "train_0"]
    assert sorted(untouched) == ["retrain_10_0", "retrain_class_0"], "the original, once a forget set"
    found = {row["run"]: row for row in rows}
    assert "scrub_10_0" not in found, "it has no reference"
    row, shares, others = found["salun_10_0"], [], []
    for name, draws in (("salun_10_0", shares), ("retrain_10_0", others)):
        attack = dict(ATTACK)
        for seed in range(3, 10):
            figures = unlearning_metrics(load_predictions(f"runs/{name}"), **attack | {"seed": seed})
            draws.append(figures["MIA"])
    assert (row["MIA"], row["least"], row["highest"]) == (shares[0], min(shares), max(shares))
    assert row["AG"] == pytest.approx(RunDir("runs/salun_10_0").read_metrics("x")["AG"])
    moved = abs(np.median(shares) - np.median(others)) - abs(shares[0] - others[0])
    assert row["AG_median"] == pytest.approx(row["AG"] + moved / 4)


def test_proxy_gap_is_taken_again_to_the_curve_of_today(evidence, scripts, monkeypatch):
    monkeypatch.chdir(evidence.parent)
    run, original = RunDir("runs/salun_10_0"), RunDir("runs/train_0")
    before, kept = run.read_metrics("x"), original.read_curve("x")
    made_by_a_run = {
        **before,
        "notes": [
            "another",
            "the proxy gap is taken to targets moved by the original's learning curve: RA -1.0 points",
        ],
    }
    run.write_json(run.metrics, made_by_a_run)
    same = scripts.proxy_again.measured_again(run)
    assert same["proxy"]["targets"]["loss"] | {"attack": None} == before["proxy"]["targets"]["loss"] | {"attack": None}
    assert same["notes"][0] == "another" and len(same["notes"]) == 2
    assert {**same, "proxy": 0, "notes": 0} == {**before, "proxy": 0, "notes": 0}, "nothing else is touched"
    original.write_curve({**kept, "points": [{**each, "val_error": each["val_error"] / 2} for each in kept["points"]]})
    again = scripts.proxy_again.measured_again(run)["proxy"]
    assert again["targets"]["loss"]["val"] == pytest.approx(same["proxy"]["targets"]["loss"]["val"] / 2, rel=1e-6)
    original.write_curve(kept)
    run.write_json(run.metrics, before)


def test_curve_of_validation_images_alone_has_the_originals_own_point(scripts):
    points = (Point(20, 40.0, unseen_error=44.0), Point(40, 30.0, unseen_error=33.0), Point(80, 20.0))
    found = scripts.proxies.on_validation(LearningCurve(points, Point(80, 20.0, attack=15.0)))
    assert found.known("val_error") == [(20, 40.0), (40, 30.0), (80, 20.0)]
    assert found.known("attack") == [(80, 15.0)]


def verdict(question, answer, band=(0.4, 0.6)):
    known = {"measure": "AUC", "value": 0.5, "interval": [0.4, 0.6], "band": band, "untouched": None}
    return {"question": question, "answer": answer, **known}


def test_answers_of_audits_are_counted_over_seeds(scripts):
    first, last = list(scripts.audit_table.SHORT)[:: len(scripts.audit_table.SHORT) - 1]
    seeds = [("inside", 0), ("inside", 1), ("cannot tell", 2)]
    runs = [{"run": f"e/salun_10_{n}", "method": "SalUn", "verdicts": [verdict(first, a)]} for a, n in seeds]
    runs.append({"run": "e/tuned_salun_50_0", "method": "SalUn", "verdicts": [verdict(last, "outside", None)]})
    runs.append({"run": "e/salun_class_0", "method": "SalUn", "verdicts": [verdict(first, "outside")]})
    rows = list(scripts.audit_table.rows_of({"runs": runs}))
    assert (rows[3]["band_low"], rows[3]["answer"], rows[0]["high"]) == (None, "outside", 0.6)
    _, _, ten, fifty = scripts.audit_table.table(rows).splitlines()
    assert ten == "| 10 % | SalUn | 2 in, 1 ? | - | - | - | - | - | - |"
    assert fifty == "| 50 % | SalUn, tuned | - | - | - | - | - | - | 1 out |"


def test_a_recipe_that_the_search_has_kept_counts_once(scripts, tmp_path):
    files = [tmp_path / "tune" / name / "tuned.yaml" for name in ("salun_10", "bad_teacher_10")]
    runs = ["salun_10_0", "salun_noaug_0", "bad_teacher_10_0", "fine_tune_10_0"]
    runs += [f"tuned_{name}" for name in runs[:3]]
    for file in (*files, *(tmp_path / run / "metrics.json" for run in runs)):
        file.parent.mkdir(parents=True)
        file.write_text(f"# a.yaml with the settings of trial {int(file == files[1])}.\n")
    found = {run.name for run in scripts.run.Evidence(Path("d.npz"), tmp_path).finished()}
    assert found == {*runs} - {"salun_10_0", "salun_noaug_0"}, "a case of its own goes by the search at 10 %"


def test_jobs_run_in_their_order_once_what_they_need_is_there(scripts, capsys):
    done, beside = [], threading.Event()

    def job(name, *needs, state="", finished=False):
        def run():
            if name == "slow":
                assert beside.wait(20), "what does not need it runs beside it"
            done.append(name)
            if name == "last":
                beside.set()
            if state == "raises":
                raise OSError("disk full")
            return state

        return scripts.jobs.Job(Path(name), frozenset(map(Path, needs)), lambda: finished, run)

    jobs = [
        job("needs slow", "slow"),
        job("slow"),
        job("there", finished=True),
        job("needs what is there", "there", "made by no job"),
        job("fails", state="failed: exit status 1"),
        job("raises", state="raises"),
        job("left out", "fails"),
        job("left out too", "left out"),
        job("last", "needs what is there"),
    ]
    scripts.jobs.run_side_by_side([*jobs, job("there", finished=True)], 2)  # what two jobs make is made once
    assert done == ["needs what is there", "fails", "raises", "last", "slow", "needs slow"]
    printed = [line.split(" ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    assert "raises: failed: OSError: disk full" in printed
    assert "left out: left out: it needs fails" in printed
    assert "left out too: left out: it needs left out" in printed
    assert sum(line.endswith(": done 0 s") for line in printed) >= 4
    assert len(printed) == len(jobs)
