"""The command line as users meet it: every shipped config and every command."""

import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from helpers.backbones import TinyNet
from helpers.runs import FORGET, QUIET, weights

import medunlearn
from medunlearn.__main__ import main
from medunlearn.cli.settings import resolved_settings
from medunlearn.files.configs import shipped_configs
from medunlearn.methods.arguments import arguments

CONFIGS = sorted(path.name for path in shipped_configs().glob("*.yaml"))
BLOCK = Path(__file__).parents[2] / "benchmarks" / "blood28"


def test_configs_are_fifteen_one_for_own_images_and_the_demos():
    names = {f"{stage}_{data}.yaml" for data in ("path", "organa", "blood") for stage in ("train",)}
    names |= {
        f"{stage}_{data}_{rate}.yaml"
        for data in ("path", "organa", "blood")
        for stage in ("retrain", "salun")
        for rate in (10, 50)
    }
    assert len(names) == 15
    demo = {f"demo_{stage}.yaml" for stage in ("train", "retrain", "salun", "kernel_transpose")}
    assert set(CONFIGS) == names | {"train_own.yaml"} | demo


@cache
def settings_of_salun(percent):
    return resolved_settings(["fit", "--config", f"configs/salun_blood_{percent}.yaml"])


@pytest.mark.parametrize("path", sorted((shipped_configs() / "methods").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_methods_config_says_what_its_name_says_and_leaves_the_rest_to_the_method(path):
    """One for each method beside SalUn, on the same data as its config, found also outside a clone.

    `NAME.yaml` forgets 10 % with the method's defaults; `NAME_50.yaml` forgets 50 %, where that needs other settings;
    `NAME_rewind.yaml` keeps the nearest epoch, where the paper has a form of the method that rewinds.
    """
    settings = resolved_settings(["fit", "--config", f"configs/methods/{path.name}"])
    kind = getattr(medunlearn, settings["model"]["class_path"].rpartition(".")[2])
    stem, percent = path.stem.removesuffix("_50"), 50 if path.stem.endswith("_50") else 10
    assert kind.__name__.lower() == stem.removesuffix("_rewind").replace("_", "")
    salun = settings_of_salun(percent)
    assert settings["run_dir"] == f"runs/{stem}_blood_{percent}"
    assert all(settings[group] == salun[group] for group in ("data", "reference", "evaluation", "seed_everything"))
    given = settings["model"]["init_args"]
    assert given["original"] == "runs/train_blood"
    if percent == 10:
        defaults = {name: each.default for name, each in arguments(kind).items()}
        defaults["rewind"] = stem.endswith("_rewind")
        assert all(value == defaults[name] for name, value in given.items() if name not in ("original", "milestones"))
        assert settings["trainer"]["max_epochs"] == kind.trainer_arguments["max_epochs"]


def test_tuned_configs_depart_from_the_papers_settings_in_what_was_tuned():
    settings = resolved_settings(["fit", "--config", str(BLOCK / "salun_10_tuned.yaml")])
    plain = resolved_settings(["fit", "--config", str(BLOCK / "salun_10.yaml")])
    tuned, papers = (each["model"]["init_args"] for each in (settings, plain))
    assert {key: value for key, value in tuned.items() if papers[key] != value} == {"lr": 0.0008}
    assert settings["data"] == plain["data"]


@pytest.mark.parametrize("path", sorted(BLOCK.glob("*_*.yaml")), ids=lambda path: path.stem)
def test_the_small_blood_block_scales_the_papers_learning_rates(path):
    settings = resolved_settings(["fit", "--config", str(path)])
    lr = 0.1 if not path.stem.startswith("salun") else 0.0065 if path.stem.endswith("tuned") else 0.013
    assert settings["model"]["init_args"]["lr"] == pytest.approx(lr * settings["data"]["batch_size"] / 256, rel=0.02)


@pytest.mark.parametrize("name", [name for name in CONFIGS if name != "train_own.yaml"])  # tests/test_readme.py runs it
def test_config_says_what_its_name_says(name):
    """Resolved by the real parser; what it does not state are the paper's values."""
    settings = resolved_settings(["fit", "--config", f"configs/{name}"])
    stage, *rest = name.removesuffix(".yaml").split("_")
    if stage == "demo":
        stage, rest = "".join(rest), ["demo", *(["10"] if rest != ["train"] else [])]
    data, model = settings["data"], settings["model"]
    assert model["class_path"].rpartition(".")[2].lower() == stage
    assert data["forget"]["rate"] == (float(rest[1]) / 100 if rest[1:] else None)
    if rest[0] != "demo":
        names = {"path": "pathmnist", "organa": "organamnist", "blood": "bloodmnist"}
        assert settings["run_dir"] == f"runs/{name.removesuffix('.yaml')}"
        assert (data["dataset"], data["size"]) == (names[rest[0]], 64)
        assert (data["augmentation"], data["batch_size"]) == ("Default", 256)
        assert settings["trainer"]["max_epochs"] == (10 if stage == "salun" else 200)
        given = model["init_args"]
        assert (given["momentum"], given["weight_decay"], given["stem"]) == (0.9, 5e-4, "cifar")
        assert given["lr"] == (0.013 if stage == "salun" else 0.1)
        if stage == "salun":
            assert settings["reference"] == f"runs/retrain_{rest[0]}_{rest[1]}"
            assert given["original"] == f"runs/train_{rest[0]}"
            assert (given["mask_ratio"], given["schedule"], given["relabel"]) == (0.5, "mixed", "random")
        else:
            assert (given["milestones"], given["gamma"]) == ([91, 136], 0.1)


def test_fit_help_names_the_options_that_scripts_rely_on(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["fit", "--help"])
    shown = capsys.readouterr().out
    for option in ("run_dir", "resume", "overwrite", "reference", "data.dataset", "data.file", "data.forget.rate"):
        assert f"--{option}" in shown


# Runs


def test_a_run_directory_holds_what_the_design_says(trio):
    for run in trio:
        assert torch.load(run / "checkpoints" / "model.ckpt", weights_only=True)["state_dict"]
        assert (run / "checkpoints" / "last.ckpt").is_file()
        split = json.loads((run / "split.json").read_text())
        assert {"indices", "how", "seed", "sha256", "data_sha256"} <= split.keys()
        found = json.loads((run / "metrics.json").read_text())
        expected = "method UA RA TA MIA AG RTE runtime n split_sha256 original reference before versions hardware"
        assert set(expected.split()) <= found.keys()
        with np.load(run / "predictions.npz", allow_pickle=False) as arrays:
            for part in ("forget", "retain", "test", "val"):
                assert {f"{part}_{name}" for name in ("probs", "labels", "index")} <= set(arrays)


def test_metrics_derive_from_predictions(trio):
    """Recomputed with NumPy and scikit-learn alone."""
    from sklearn.svm import SVC

    _, retrain, salun = trio
    found = {run: json.loads((run / "metrics.json").read_text()) for run in (retrain, salun)}
    for run, stated in found.items():
        with np.load(run / "predictions.npz") as arrays:
            a = dict(arrays)
        right = {part: a[f"{part}_probs"].argmax(1) == a[f"{part}_labels"] for part in ("forget", "retain", "test")}
        assert stated["UA"] == pytest.approx(100 - 100 * right["forget"].mean())
        assert stated["RA"] == pytest.approx(100 * right["retain"].mean())
        assert stated["TA"] == pytest.approx(100 * right["test"].mean())

        def confidence(part, a=a):
            return a[f"{part}_probs"][np.arange(len(a[f"{part}_labels"])), a[f"{part}_labels"]][:, None]

        members = confidence("retain")[a["attack_member_rows"]]
        others = confidence("test")[a["attack_nonmember_rows"]]
        assert len(members) == len(others)
        machine = SVC(C=3, gamma="auto").fit(np.r_[members, others], [1] * len(members) + [0] * len(others))
        # Of members and non-members that are exactly alike, libsvm's rounding decides; the attack says member.
        decision = machine.decision_function(confidence("forget"))
        assert 100 * (decision < -1e-6).mean() - 1e-9 <= stated["MIA"] <= 100 * (decision < 0).mean() + 1e-9
    gaps = [abs(found[salun][key] - found[retrain][key]) for key in ("UA", "RA", "TA", "MIA")]
    assert found[salun]["AG"] == pytest.approx(sum(gaps) / 4)
    assert found[retrain]["AG"] is None


def test_the_saved_model_predicts_what_was_recorded(trio, npz):
    from medunlearn import load_model

    with np.load(npz) as data, np.load(trio[2] / "predictions.npz") as arrays:
        images = torch.from_numpy(data["test_images"]).permute(0, 3, 1, 2).float() / 255
        with torch.no_grad():
            probs = load_model(trio[2], TinyNet)(images).softmax(1)
        np.testing.assert_allclose(probs, arrays["test_probs"], atol=1e-5)


def test_predictions_of_the_loaded_model_are_those_recorded_bit_for_bit(trio, npz):
    """In the run's own batches: sums in another order may differ in the last digit."""
    from medunlearn import load_model

    model = load_model(trio[2], TinyNet)
    with np.load(npz) as data, np.load(trio[2] / "predictions.npz") as arrays, torch.no_grad():
        images = torch.from_numpy(data["test_images"]).permute(0, 3, 1, 2)  # lies in memory as a run's batches do
        probs = torch.cat([model(batch).softmax(1) for batch in images.split(8)])
        assert np.array_equal(probs.numpy(), arrays["test_probs"])


@pytest.mark.parametrize("name", ["Läufe [1]/äöü ß", "a=b,c {d}", "50 % (neu)"])
def test_a_run_directory_may_have_any_name(fit, capsys, name):
    run = fit("Train", name, epochs=1)
    assert yaml.safe_load((run / "config.yaml").read_text())["run_dir"] == name
    assert main(["test", f"--run_dir={name}", *QUIET]) == 0
    assert main(["fit", f"--config={run / 'config.yaml'}", "--run_dir=again", *QUIET]) == 0
    capsys.readouterr()
    assert main(["report", name]) == 0
    assert f"| {name} | Train " in capsys.readouterr().out
    fit("SalUn", f"{name} (unlearned)", FORGET, f"--model.init_args.original={name}", epochs=1)


def test_a_single_image_can_be_forgotten(fit):
    Path("one.txt").write_text("3\n")
    forget = "--data.forget.indices=one.txt"
    fit.original("t", epochs=1)
    fit("Retrain", "r", forget, epochs=1)
    run = fit("SalUn", "s", forget, "--model.init_args.original=t", "--reference=r", epochs=1)
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["n"]["forget"] == 1
    assert metrics["UA"] in (0, 100)
    assert metrics["AG"] is not None
    assert "only 1 forgotten image: one image = 100.00 points of UA and MIA" in metrics["notes"]


def test_config_yaml_repeats_the_run(trio):
    train = trio[0]
    again = [f"--config={train / 'config.yaml'}", "--run_dir=again", *QUIET]
    assert main(["fit", *again]) == 0
    assert all(torch.equal(value, weights(Path("again"))[name]) for name, value in weights(train).items())


def test_report_puts_the_original_beside_what_unlearned_from_it(trio, capsys):
    assert main(["report", *map(str, trio)]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert [row.split("|")[2].partition("[")[0].strip() for row in rows[3:]] == ["Train, untouched", "Retrain", "SalUn"]
    before = json.loads((trio[2] / "metrics.json").read_text())["before"]
    assert f"{before['UA']:.2f} (" in rows[3]
    assert rows[4].split("|")[7].strip() == "0"


def test_validate_test_and_predict_use_the_finished_model(trio, capsys):
    """In the terms of `metrics.json`; more of it in `callbacks/test_finished_run.py`."""
    config = f"--config={trio[2] / 'config.yaml'}"
    metrics = json.loads((trio[2] / "metrics.json").read_text())
    capsys.readouterr()
    assert main(["test", config]) == 0
    printed = capsys.readouterr().out
    assert all(
        re.search(rf"^\| {name} +\| +{re.escape(str(metrics[name]))} \|$", printed, re.MULTILINE)
        for name in ("UA", "RA", "TA", "MIA")
    )
    assert main(["validate", config]) == 0
    assert re.search(rf"validation/TA +\| +{re.escape(str(metrics['validation']['TA']))} \|", capsys.readouterr().out)
    assert main(["predict", config]) == 0
    with np.load(trio[2] / "predict.npz") as new, np.load(trio[2] / "predictions.npz") as old:
        assert np.array_equal(new["probs"], old["test_probs"])
    assert main(["predict", config]) == 2


def test_curves_are_logged_and_change_nothing(fit):
    plain = fit("Train", "plain", FORGET, epochs=2)
    csv = ["--trainer.logger=CSVLogger", "--trainer.logger.save_dir=logs"]
    curved = fit("Train", "curved", FORGET, "--evaluation.every_n_epochs=1", *csv, epochs=2)
    assert all(torch.equal(value, weights(curved)[name]) for name, value in weights(plain).items())
    logged = next(Path("logs").rglob("metrics.csv")).read_text()
    assert "unlearning/UA" in logged


def test_a_model_that_diverged_is_reported_and_is_not_finished(fit, capsys):
    run = fit("Train", "a", FORGET, "--model.init_args.lr=1e30", status=2)
    assert "model.init_args.lr: the model has diverged" in capsys.readouterr().err
    assert not (run / "metrics.json").exists()


def test_a_fast_dev_run_writes_nothing(npz):
    argv = ["fit", "--model=Train", "--run_dir=r", f"--data.file={npz}", "--trainer.fast_dev_run=true"]
    assert main([*argv, "--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false"]) == 0
    assert not Path("r").exists()


def test_overwrite_starts_anew_and_keeps_foreign_files(fit):
    run = fit.original("a", epochs=1)
    (run / "notes.txt").write_text("notes")
    fit("Train", "a", "--overwrite=true", "--seed_everything=1", epochs=1)
    assert (run / "notes.txt").read_text() == "notes"
    assert yaml.safe_load((run / "config.yaml").read_text())["seed_everything"] == 1


# Wrong input
