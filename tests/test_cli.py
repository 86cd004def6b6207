"""The command line as users meet it: every shipped config, every command, and what is said to wrong input."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import QUIET, weights, write_npz

from medunlearn.__main__ import COMMANDS, main
from medunlearn.cli import _parse, _ParsedCLI
from medunlearn.reproduce.configs import shipped_configs

CONFIGS = sorted(path.name for path in shipped_configs().glob("*.yaml"))
BLOCK = Path(__file__).parents[1] / "benchmarks" / "blood28"
FORGET = "--data.forget.rate=0.25"


def refused(capsys, *words: str) -> str:
    """Run a command that must end with status 2 and one line; return the line."""
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    assert main(list(words)) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("medunlearn: error: ")]
    assert len(lines) == 1
    assert {path: path.stat().st_mtime_ns for path in Path().rglob("*")} == before, "something was written"
    return lines[0].removeprefix("medunlearn: error: ")


def test_there_are_fifteen_configs_and_the_demos():
    names = {f"{stage}_{data}.yaml" for data in ("path", "organa", "blood") for stage in ("train",)}
    names |= {
        f"{stage}_{data}_{rate}.yaml"
        for data in ("path", "organa", "blood")
        for stage in ("retrain", "salun")
        for rate in (10, 50)
    }
    assert len(names) == 15
    assert set(CONFIGS) == names | {"demo_train.yaml", "demo_retrain.yaml", "demo_salun.yaml"}


def test_tuned_configs_depart_from_the_papers_settings_in_what_was_tuned():
    (path,) = (shipped_configs() / "tuned").glob("*.yaml")
    settings = _parse(_ParsedCLI, ["fit", "--config", str(path)]).plain_settings()
    plain = _parse(_ParsedCLI, ["fit", "--config", str(BLOCK / "salun_10.yaml")]).plain_settings()
    ours, papers = (each["model"]["init_args"] for each in (settings, plain))
    assert {key: value for key, value in ours.items() if papers[key] != value} == {"lr": 0.0008}
    assert settings["data"] == plain["data"]


@pytest.mark.parametrize("path", sorted(BLOCK.glob("*_*.yaml")), ids=lambda path: path.stem)
def test_the_small_blood_block_scales_the_papers_learning_rates(path):
    settings = _parse(_ParsedCLI, ["fit", "--config", str(path)]).plain_settings()
    lr = 0.013 if path.stem.startswith("salun") else 0.1
    assert settings["model"]["init_args"]["lr"] == pytest.approx(lr * settings["data"]["batch_size"] / 256, rel=0.02)


@pytest.mark.parametrize("name", CONFIGS)
def test_config_says_what_its_name_says(name):
    """Resolved by the real parser; what it does not state are the paper's values."""
    settings = _parse(_ParsedCLI, ["fit", "--config", f"configs/{name}"]).plain_settings()
    stage, *rest = name.removesuffix(".yaml").split("_")
    if stage == "demo":
        stage, rest = rest[0], ["demo", *(["10"] if rest[0] != "train" else [])]
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


def test_help_lists_every_command_and_imports_nothing_heavy():
    code = (
        "import sys; from medunlearn.__main__ import main; main(['--help']); "
        "assert not {'torch', 'lightning', 'wandb', 'sklearn', 'medmnist'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(f"  {command}" in done.stdout for command in COMMANDS)


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
            probs = load_model(trio[2])(images).softmax(1)
        np.testing.assert_allclose(probs, arrays["test_probs"], atol=1e-5)


def test_config_yaml_repeats_the_run(trio):
    train = trio[0]
    again = [f"--config={train / 'config.yaml'}", "--run_dir=again", *QUIET]
    assert main(["fit", *again]) == 0
    assert all(torch.equal(value, weights(Path("again"))[name]) for name, value in weights(train).items())


def test_report_puts_the_original_beside_what_unlearned_from_it(trio, capsys):
    assert main(["report", *map(str, trio)]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert [row.split("|")[2].strip() for row in rows[2:]] == ["Train", "Retrain", "SalUn"]
    before = json.loads((trio[2] / "metrics.json").read_text())["before"]
    assert f"{before['UA']:.2f} (" in rows[2]
    assert rows[3].split("|")[7].strip() == "0"


def test_validate_test_and_predict_use_the_finished_model(trio, capsys):
    config = f"--config={trio[2] / 'config.yaml'}"
    accuracy = json.loads((trio[2] / "metrics.json").read_text())["TA"] / 100
    assert main(["test", config, "--trainer.precision=32-true"]) == 0
    assert f"{accuracy:.4f}".rstrip("0") in capsys.readouterr().out
    assert main(["validate", config]) == 0
    assert main(["predict", config, "--trainer.precision=32-true"]) == 0
    with np.load(trio[2] / "predict.npz") as new, np.load(trio[2] / "predictions.npz") as old:
        np.testing.assert_allclose(new["probs"], old["test_probs"], atol=1e-5)
    assert main(["predict", config]) == 2


def test_curves_are_logged_and_change_nothing(fit):
    plain = fit("Train", "plain", FORGET, epochs=2)
    csv = ["--trainer.logger=CSVLogger", "--trainer.logger.save_dir=logs"]
    curved = fit("Train", "curved", FORGET, "--evaluation.every_n_epochs=1", *csv, epochs=2)
    assert all(torch.equal(value, weights(curved)[name]) for name, value in weights(plain).items())
    logged = next(Path("logs").rglob("metrics.csv")).read_text()
    assert "unlearning/UA" in logged


def test_a_model_that_diverged_is_said_to_have_and_is_not_finished(fit, capsys):
    run = fit("Train", "a", FORGET, "--model.init_args.lr=1e30", status=2)
    assert "model.init_args.lr: the model has diverged" in capsys.readouterr().err
    assert not (run / "metrics.json").exists()


def test_a_fast_dev_run_writes_nothing(npz):
    words = ["fit", "--model=Train", "--run_dir=r", f"--data.file={npz}", "--trainer.fast_dev_run=true"]
    assert main([*words, "--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false"]) == 0
    assert not Path("r").exists()


def test_overwrite_starts_anew_and_keeps_foreign_files(fit):
    run = fit("Train", "a", epochs=1)
    (run / "notes.txt").write_text("mine")
    fit("Train", "a", "--overwrite=true", "--seed_everything=1", epochs=1)
    assert (run / "notes.txt").read_text() == "mine"
    assert yaml.safe_load((run / "config.yaml").read_text())["seed_everything"] == 1


# Wrong input


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--data.dataset=bloodmist"], r"data.dataset=bloodmist: .* did you mean bloodmnist"),
        (["--data.size=32"], r"data.size=32: .* choose one of 28, 64, 128, 224"),
        (["--data.size=abc"], r"data.size=abc: give int"),
        (["--data.augmentation=Foo"], r"data.augmentation=Foo: give one of .*NoAug"),
        (["--data.batch_size=0"], r"data.batch_size=0: give a whole number of 1 or more"),
        (["--data.file=nowhere.npz"], r"data.file=nowhere.npz: no such file"),
        (["--data.forget.rate=0"], r"data.forget.rate=0.0: give a share between 0 and 1"),
        (["--data.forget.rate=1"], r"data.forget.rate=1.0: give a share between 0 and 1"),
        (["--data.forget.rate=0.1", "--data.forget.classes=[0]"], r"data.forget: rate and classes are both set"),
        (["--data.typo=1"], r"--data.typo=1: no such option"),
        (["--trainer.precision=bf16-true"], r"trainer.precision=bf16-true: .* use 32-true, bf16-mixed"),
        (["--ckpt_path=x.ckpt"], r"ckpt_path=x.ckpt: .*--resume true.*original"),
        (["--resume=true"], r"run_dir=runs/train_blood: there is no run to resume"),
        (["--evaluation.seed=-1"], r"evaluation.seed=-1: give a whole number"),
        (["--model.init_args.typo=1"], r"model.init_args.typo: .*no such option"),
        (["--model.init_args.lr=x"], r"model.init_args.lr=x: give float"),
        (["--trainer.callbacks=EarlyStopping"], r"trainer.callbacks.init_args.monitor: missing"),
        (
            ["--trainer.callbacks=EarlyStopping", "--trainer.callbacks.patience=x"],
            r"trainer.callbacks.init_args.patience=x: give int",
        ),
        (["--trainer.logger=Foo"], r"trainer.logger=Foo: no such class"),
        (["--data.download=false"], r"data.root=data: .*download"),
        (["--data.num_classes=3"], r"data.num_classes=3: goes with data.file alone"),
        (["--model.init_args.num_classes=3"], r"model.init_args.num_classes: is taken from the data"),
        (["--model.in_channels", "1"], r"model.init_args.in_channels: is taken from the data"),
        (["--model.init_args.lr=-1"], r"model.init_args.lr=-1.0: give a number of 0 or more"),
        (["--model.init_args.weight_decay=null"], r"weight_decay=.*: give "),
        (["--model.init_args.momentum=.inf"], r"model.init_args.momentum=inf: give a number"),
        (["--seed_everything=-1"], r"seed_everything=-1: give a whole number from 0"),
        (["--data.aug=NoAug"], r"--data.aug=NoAug: no such option"),
        (["--trainer.accelerator=gpu"], r"trainer: .*gpu"),
        (["--trainer.strategy=foo"], r"trainer: .*foo"),
        (["--trainer.devices=0"], r"trainer: .*devices"),
        (["--trainer.max_epochs=-5"], r"trainer: .*max_epochs"),
        (["--trainer.overfit_batches=1"], r"trainer.overfit_batches=1: .*use trainer.limit_train_batches"),
        (["--trainer.accumulate_grad_batches=0"], r"trainer.accumulate_grad_batches=0: give a whole number of 1"),
    ],
)
def test_a_wrong_option_is_named_with_its_remedy(capsys, words, says):
    import re

    line = refused(capsys, "fit", "--config=configs/train_blood.yaml", *words, "--trainer.logger=false")
    assert re.search(says, line), line


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "model: no method named"),
        (["--model=Foo", "--run_dir=r"], "model=Foo: no such method; choose Train, Retrain or SalUn"),
        (["--model=os.path", "--run_dir=r"], "model=os.path: no method; choose Train, Retrain, SalUn, or a subclass"),
        (
            ["--model=ours.Ours", "--run_dir=r"],
            "model.class_path=ours.Ours: no module ours is found; mend the name, or",
        ),
        (["--model=medunlearn.Trian", "--run_dir=r"], "model.class_path=medunlearn.Trian: medunlearn has no Trian"),
        (["--model=Train", "--run_dir=r"], "data: no images named; set data.dataset"),
        (["--model=Train", "--data.dataset=synthetic"], "run_dir: not set"),
        (["--model=SalUn", "--run_dir=r"], "model.init_args.original: missing"),
        (["--config=nowhere.yaml"], "config=nowhere.yaml: no such file"),
    ],
)
def test_what_is_missing_is_named(capsys, words, says):
    assert says in refused(capsys, "fit", *words)


def test_unknown_commands_and_empty_reports(capsys):
    assert "fitt: unknown command; choose one of fit" in refused(capsys, "fitt")
    assert "no run directories given" in refused(capsys, "report")
    assert "nowhere: holds no finished run" in refused(capsys, "report", "nowhere")
    assert "no plan given" in refused(capsys, "reproduce")
    assert "plan=nothing: no such plan; give a YAML file or one of demo" in refused(capsys, "reproduce", "nothing")
    assert "--run_dir: does not go to every stage" in refused(capsys, "reproduce", "demo", "--run_dir", "x")


@pytest.mark.parametrize("method", ["Retrain", "SalUn"])
def test_a_method_that_forgets_needs_a_forget_set(fit, capsys, method):
    train = fit("Train", "train", epochs=1)
    options = [f"--model.init_args.original={train}"] if method == "SalUn" else []
    words = ["fit", f"--model={method}", "--run_dir=r", "--data.file=tiny.npz", *options, *QUIET]
    assert "data.forget: this method needs a forget set" in refused(capsys, *words)


def test_bad_files_are_named(capsys, npz, tmp_path):
    good = dict(np.load(npz))
    cases = {
        "missing keys": {key: good[key] for key in good if key != "val_labels"},
        "not uint8": good | {"train_images": good["train_images"].astype(np.float32)},
        "labels too few": good | {"train_labels": good["train_labels"][:-1]},
        "label below 0": good | {"test_labels": good["test_labels"].astype(int) - 1},
        "pickled": good | {"train_labels": np.array([{}] * 32, dtype=object)},
    }
    words = ["fit", "--model=Train", "--run_dir=r", *QUIET]
    for name, arrays in cases.items():
        path = tmp_path / f"{name.replace(' ', '_')}.npz"
        np.savez(path, **arrays)
        assert f"data.file={path}: " in refused(capsys, *words, f"--data.file={path}"), name
    (tmp_path / "cut.npz").write_bytes(npz.read_bytes()[:-500])
    (tmp_path / "plain.npz").write_bytes(pickle.dumps([1]))
    for name in ("cut.npz", "plain.npz"):
        assert f"data.file={tmp_path / name}: " in refused(capsys, *words, f"--data.file={tmp_path / name}")


def test_bad_index_files_are_named(capsys, npz, tmp_path):
    words = ["fit", "--model=Retrain", "--run_dir=r", f"--data.file={npz}", *QUIET]
    for content, says in (
        ("0\n0\n", "more than once"),
        ("32\n", "out of range"),
        ("", "empty"),
        ("x\n", "whole number"),
    ):
        (tmp_path / "forget.txt").write_text(content)
        assert says in refused(capsys, *words, "--data.forget.indices=forget.txt")
    (tmp_path / "forget.txt").write_text("\n".join(map(str, range(32))))
    assert "nothing is left to retain" in refused(capsys, *words, "--data.forget.indices=forget.txt")


def test_a_run_directory_in_use_is_not_written_over(fit, capsys):
    run = fit("Train", "a", epochs=1)
    words = ["fit", "--model=Train", "--run_dir=a", "--data.file=tiny.npz", *QUIET]
    assert "already holds a finished run; `--overwrite true` starts anew" in refused(capsys, *words)
    assert "already holds a finished run" in refused(capsys, *words, "--resume=true")
    (run / "metrics.json").unlink()
    assert "already holds an unfinished run; say `--resume true`" in refused(capsys, *words)
    assert "contradicts overwrite=true" in refused(capsys, *words, "--resume=true", "--overwrite=true")
    assert "model.init_args.lr=0.5: the run in a was started with 0.1" in refused(
        capsys, *words, "--resume=true", "--model.init_args.lr=0.5", "--data.batch_size=8"
    )


def test_an_unsuitable_original_is_refused(trio, capsys, tmp_path):
    train, retrain, _ = trio
    words = ["fit", "--model=SalUn", "--run_dir=r", "--data.file=tiny.npz", FORGET, *QUIET]
    original = "--model.init_args.original"
    assert "make it with `medunlearn fit" in refused(capsys, *words, f"{original}=nowhere")
    assert "never saw the forget set" in refused(capsys, *words, f"{original}={retrain}")
    assert "its model is" in refused(capsys, *words, f"{original}={train}", "--model.init_args.stem=imagenet")
    other = write_npz(tmp_path / "other.npz", test_images=np.zeros((12, 8, 8, 3), np.uint8))
    assert "run on other data" in refused(capsys, *words, f"--data.file={other}", f"{original}={train}")
    assert "another forget set" in refused(capsys, *words, "--data.forget.seed=3", f"{original}={trio[2]}")
    assert "mask_ratio=0.0: give a share" in refused(
        capsys, *words, f"{original}={train}", "--model.init_args.mask_ratio=0"
    )
    assert "mask_ratio=1.5: give a share" in refused(
        capsys, *words, f"{original}={train}", "--model.init_args.mask_ratio=1.5"
    )
    assert "attack was" in refused(
        capsys, *words, f"{original}={train}", f"--reference={retrain}", "--evaluation.nonmembers=val"
    )
    (train / "metrics.json").unlink()
    assert "is unfinished; make it with" in refused(capsys, *words, f"{original}={train}")


def test_a_missing_reference_leaves_the_gap_open_and_names_the_command(fit, capsys):
    train = fit("Train", "train", epochs=1)
    run = fit("SalUn", "s", FORGET, f"--model.init_args.original={train}", "--reference=runs/retrain_blood_10")
    assert json.loads((run / "metrics.json").read_text())["AG"] is None
    assert "configs/retrain_blood_10.yaml --data.file" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="stands for a machine without a GPU")
def test_a_wrong_option_leaves_the_run_that_it_would_overwrite(fit, capsys):
    run = fit("Train", "a")
    words = ["fit", "--model=Train", "--run_dir=a", f"--data.file={Path('tiny.npz')}", *QUIET, "--overwrite=true"]
    refused(capsys, *words, "--model.init_args.lr=-1")
    refused(capsys, *words, "--trainer.accelerator=cuda")
    before = weights(run)
    fit("Train", "a", "--overwrite=true", "--trainer.fast_dev_run=true", "--seed_everything=5")
    assert (run / "metrics.json").exists()
    assert torch.equal(weights(run)["fc.weight"], before["fc.weight"])


@pytest.mark.parametrize("command", ["validate", "test", "predict"])
def test_no_checkpoint_of_a_stranger_is_loaded(fit, capsys, command):
    run = fit("Train", "a")
    line = refused(capsys, command, f"--config={run}/config.yaml", "--ckpt_path=http://127.0.0.1:1/x.ckpt")
    assert line.startswith("ckpt_path=http://127.0.0.1:1/x.ckpt: ")


def test_predictions_of_a_run_go_with_it(fit):
    run = fit("Train", "a")
    assert main(["predict", f"--config={run}/config.yaml", *QUIET]) == 0
    assert (run / "predict.npz").exists()
    fit("Train", "a", "--overwrite=true", "--seed_everything=1")
    assert not (run / "predict.npz").exists()


def test_only_a_retrained_model_is_a_reference(fit, capsys):
    train, seen = fit("Train", "t"), fit("Train", "seen", FORGET)
    unlearned = fit("SalUn", "s", FORGET, f"--model.init_args.original={train}")
    words = ["fit", "--model=SalUn", FORGET, f"--model.init_args.original={train}", "--data.file=tiny.npz", *QUIET]
    for reference in (train, seen, unlearned):
        line = refused(capsys, *words, "--run_dir=x", f"--reference={reference}")
        assert line.startswith(f"reference={reference}: its model has seen the forget set; name a Retrain run")
    assert "is this run's own run_dir" in refused(
        capsys, *words, f"--run_dir={unlearned}", "--reference=s", "--overwrite=true"
    )


def test_a_requeued_job_goes_on_whatever_it_was_begun_with(fit, monkeypatch):
    run = fit("Train", "a", epochs=1)
    (run / "metrics.json").unlink()
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    fit("Train", "a", "--overwrite=true", epochs=2)
    assert json.loads((run / "metrics.json").read_text())["epochs"] == 2


def test_a_run_is_resumed_with_the_settings_that_it_was_begun_with(fit, capsys):
    run = fit("Train", "a")
    (run / "metrics.json").unlink()
    words = ["fit", f"--config={run}/config.yaml", "--resume=true"]
    assert "trainer.limit_train_batches=0.5: the run in a was started with None" in refused(
        capsys, *words, "--trainer.limit_train_batches=0.5"
    )
    assert "evaluation.nonmembers=val: the run in a was started with test" in refused(
        capsys, *words, "--evaluation.nonmembers=val"
    )


@pytest.mark.parametrize(
    ("method", "options", "refused_size", "size"),
    [
        ("Train", [], 31, 23),
        ("Retrain", [FORGET], 23, 31),
        ("SalUn", [FORGET], 31, 23),
        ("SalUn", [FORGET, "--model.init_args.schedule=sequential"], 7, 20),
    ],
)
def test_a_batch_too_small_for_batch_normalisation_is_refused(fit, capsys, method, options, refused_size, size):
    """Of 32 images 24 are retained, all of 8x8 pixels: the last map of one is a single pixel."""
    if method == "SalUn":
        options = [*options, f"--model.init_args.original={fit('Train', 't')}"]
    fit(method, "refused", *options, f"--data.batch_size={refused_size}", status=2)
    assert f"data.batch_size={refused_size}: it leaves 1 of the images for the smallest" in capsys.readouterr().err
    assert not Path("refused").exists()
    fit(method, "run", *options, f"--data.batch_size={size}", epochs=1)
