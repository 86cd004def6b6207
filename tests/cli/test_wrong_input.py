"""Errors of wrong input, and what it leaves untouched."""

import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.backbones import WITH_TINY
from helpers.runs import FORGET, QUIET, refused, weights, write_npz

from medunlearn.__main__ import main
from medunlearn.plugins import names

METHODS = names("methods")


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--data.dataset=bloodmist"], r"data.dataset=bloodmist: .* did you mean bloodmnist"),
        (["--data.size=32"], r"data.size=32: .* choose one of 28, 64, 128, 224"),
        (["--data.size=abc"], r"data.size=abc: give a whole number"),
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
        (["--model.init_args.lr=x"], r"model.init_args.lr=x: give a number"),
        (["--trainer.callbacks=EarlyStopping"], r"trainer.callbacks.init_args.monitor: missing"),
        (
            ["--trainer.callbacks=EarlyStopping", "--trainer.callbacks.patience=x"],
            r"trainer.callbacks.init_args.patience=x: give a whole number",
        ),
        (["--trainer.logger=Foo"], r"trainer.logger=Foo: no such class"),
        (["--data.download=false"], r"data.root=data: .*download"),
        (["--data.num_classes=3"], r"data.num_classes=3: applies to data.file only"),
        (["--model.init_args.num_classes=3"], r"model.init_args.num_classes: is taken from the data"),
        (["--model.in_channels", "1"], r"model.init_args.in_channels: is taken from the data"),
        (["--model.init_args.lr=-1"], r"model.init_args.lr=-1.0: give a number of 0 or more"),
        (["--model.init_args.weight_decay=null"], r"weight_decay=.*: give "),
        (["--model.init_args.momentum=.inf"], r"model.init_args.momentum=inf: give a number"),
        (["--seed_everything=-1"], r"seed_everything=-1: give a whole number from 0"),
        (["--data.aug=NoAug"], r"--data.aug=NoAug: no such option"),
        (["--trainer.accelerator=mps"], r"trainer: .*MPS"),
        (["--trainer.accelerator=tpu"], r"trainer: .*torch_xla"),
        (["--trainer.strategy=foo"], r"trainer: .*foo"),
        (["--trainer.devices=0"], r"trainer: .*devices"),
        (["--trainer.max_epochs=-5"], r"trainer: .*max_epochs"),
        (["--trainer.overfit_batches=1"], r"trainer.overfit_batches=1: .*use trainer.limit_train_batches"),
        (["--trainer.accumulate_grad_batches=0"], r"trainer.accumulate_grad_batches=0: give a whole number of 1"),
    ],
)
def test_a_wrong_option_is_named_with_its_remedy(capsys, argv, says):
    line = refused(capsys, "fit", "--config=configs/train_blood.yaml", *argv, "--trainer.logger=false")
    assert re.search(says, line), line


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "fit: nothing is given; name a method, images and a run directory, or a config:"),
        (
            ["--model=Foo", "--run_dir=r"],
            f"model=Foo: no such method; choose one of {', '.join(METHODS)}; ",
        ),
        (
            ["--model=Salun", "--run_dir=r"],
            f"model=Salun: no such method; did you mean SalUn? The choice is {', '.join(METHODS)}",
        ),
        (["--model=os.path", "--run_dir=r"], f"model=os.path: no method; choose {', '.join(METHODS)}, or a subclass"),
        (
            ["--model=ours.Ours", "--run_dir=r"],
            "model.class_path=ours.Ours: no module ours is found; fix the name, or",
        ),
        (["--model=medunlearn.Trian", "--run_dir=r"], "model.class_path=medunlearn.Trian: medunlearn has no Trian"),
        (["--model=Train", "--run_dir=r"], "data: no images named; set data.dataset"),
        (["--model=Train", "--data.dataset=synthetic"], "run_dir: not set"),
        (["--model=SalUn", "--run_dir=r"], "model.init_args.original: missing"),
        (["--config=nowhere.yaml"], "config=nowhere.yaml: no such file"),
    ],
)
def test_a_missing_setting_is_named(capsys, argv, says):
    assert says in refused(capsys, "fit", *argv)


def test_unknown_commands_and_empty_reports_are_refused(capsys):
    assert "fitt: unknown command; did you mean fit? The choice is fit, validate" in refused(capsys, "fitt")
    assert "no run directories given" in refused(capsys, "report")
    assert "nowhere: no run there; make it with `medunlearn fit " in refused(capsys, "report", "nowhere")
    assert "no plan given" in refused(capsys, "reproduce")
    assert "plan=nothing: no such plan; give a YAML file or one of blood28, demo" in refused(
        capsys, "reproduce", "nothing"
    )
    assert "--run_dir: does not go to every stage" in refused(capsys, "reproduce", "demo", "--run_dir", "x")


@pytest.mark.parametrize("method", ["Retrain", "SalUn"])
def test_a_method_that_forgets_needs_a_forget_set(fit, capsys, method):
    train = fit.original("train", epochs=1)
    options = [f"--model.init_args.original={train}"] if method == "SalUn" else []
    argv = ["fit", f"--model={method}", "--run_dir=r", "--data.file=tiny.npz", *options, *QUIET]
    assert "data.forget: this method needs a forget set" in refused(capsys, *argv)


def test_bad_files_are_named(capsys, npz, tmp_path):
    good = dict(np.load(npz))
    cases = {
        "missing keys": {key: good[key] for key in good if key != "val_labels"},
        "not uint8": good | {"train_images": good["train_images"].astype(np.float32)},
        "labels too few": good | {"train_labels": good["train_labels"][:-1]},
        "label below 0": good | {"test_labels": good["test_labels"].astype(int) - 1},
        "pickled": good | {"train_labels": np.array([{}] * 32, dtype=object)},
    }
    argv = ["fit", "--model=Train", "--run_dir=r", *QUIET]
    for name, arrays in cases.items():
        path = tmp_path / f"{name.replace(' ', '_')}.npz"
        np.savez(path, **arrays)
        assert f"data.file={path}: " in refused(capsys, *argv, f"--data.file={path}"), name
    (tmp_path / "cut.npz").write_bytes(npz.read_bytes()[:-500])
    (tmp_path / "plain.npz").write_bytes(pickle.dumps([1]))
    for name in ("cut.npz", "plain.npz"):
        assert f"data.file={tmp_path / name}: " in refused(capsys, *argv, f"--data.file={tmp_path / name}")


def test_bad_index_files_are_named(capsys, npz, tmp_path):
    argv = ["fit", "--model=Retrain", "--run_dir=r", f"--data.file={npz}", *QUIET]
    for content, says in (
        ("0\n0\n", "more than once"),
        ("32\n", "out of range"),
        ("", "names no image"),
        ("x\n", "whole number"),
    ):
        (tmp_path / "forget.txt").write_text(content)
        assert says in refused(capsys, *argv, "--data.forget.indices=forget.txt")
    (tmp_path / "forget.txt").write_text("\n".join(map(str, range(32))))
    assert "nothing is left to retain" in refused(capsys, *argv, "--data.forget.indices=forget.txt")


def test_a_config_that_is_not_there_is_refused_before_lightning_is_imported(capsys, monkeypatch):
    monkeypatch.setattr("medunlearn.cli.fit.run", lambda argv: pytest.fail("that takes seconds to import"))
    line = refused(capsys, "validate", "--config", "nowhere.yaml")
    assert line.startswith("config=nowhere.yaml: no such file; give the path of a YAML file")


def test_a_run_directory_in_use_is_not_written_over(fit, capsys):
    run = fit.original("a", epochs=1)
    argv = ["fit", "--model=Train", "--run_dir=a", "--data.file=tiny.npz", WITH_TINY, *QUIET]
    assert "already holds a finished run; `--overwrite true` starts again" in refused(capsys, *argv)
    assert "already holds a finished run" in refused(capsys, *argv, "--resume=true")
    (run / "metrics.json").unlink()
    assert "already holds an unfinished run; give `--resume true`" in refused(capsys, *argv)
    assert "contradicts overwrite=true" in refused(capsys, *argv, "--resume=true", "--overwrite=true")
    assert "model.init_args.lr=0.5: the run in a was started with 0.1" in refused(
        capsys, *argv, "--resume=true", "--model.init_args.lr=0.5", "--data.batch_size=8"
    )


def test_an_unsuitable_original_is_refused(trio, capsys, tmp_path):
    train, retrain, _ = trio
    argv = ["fit", "--model=SalUn", "--run_dir=r", "--data.file=tiny.npz", FORGET, WITH_TINY, *QUIET]
    original = "--model.init_args.original"
    assert "make it with `medunlearn fit" in refused(capsys, *argv, f"{original}=nowhere")
    assert "never saw the forget set" in refused(capsys, *argv, f"{original}={retrain}")
    assert "its model is" in refused(capsys, *argv, f"{original}={train}", "--model.init_args.backbone=resnet18")
    other = write_npz(tmp_path / "other.npz", test_images=np.zeros((12, 8, 8, 3), np.uint8))
    assert "run on other data" in refused(capsys, *argv, f"--data.file={other}", f"{original}={train}")
    assert "another forget set" in refused(capsys, *argv, "--data.forget.seed=3", f"{original}={trio[2]}")
    assert "mask_ratio=0.0: give a share" in refused(
        capsys, *argv, f"{original}={train}", "--model.init_args.mask_ratio=0"
    )
    assert "mask_ratio=1.5: give a share" in refused(
        capsys, *argv, f"{original}={train}", "--model.init_args.mask_ratio=1.5"
    )
    assert "attack was" in refused(
        capsys, *argv, f"{original}={train}", f"--reference={retrain}", "--evaluation.nonmembers=val"
    )
    (train / "metrics.json").unlink()
    assert "is unfinished; make it with" in refused(capsys, *argv, f"{original}={train}")


def test_a_file_of_the_same_images_in_another_order_is_refused(trio, capsys, npz):
    """Its forget set by index would be of other images."""
    train, retrain, _ = trio
    images = dict(np.load(npz))
    turned = {name: images[name][::-1] for name in ("train_images", "train_labels")}
    argv = ["fit", "--model=SalUn", "--run_dir=x", f"--data.file={write_npz(Path('turned.npz'), **turned)}"]
    argv += [FORGET, WITH_TINY, *QUIET, f"--model.init_args.original={train}", f"--reference={retrain}"]
    assert "run on other data" in refused(capsys, *argv)


def test_a_missing_reference_leaves_the_gap_open_and_names_the_command(fit, capsys):
    train = fit.original("train", epochs=1)
    run = fit("SalUn", "s", FORGET, f"--model.init_args.original={train}", "--reference=runs/retrain_blood_10")
    assert json.loads((run / "metrics.json").read_text())["AG"] is None
    assert "configs/retrain_blood_10.yaml --data.file" in capsys.readouterr().err


def test_a_wrong_option_leaves_the_run_that_it_would_overwrite(fit, capsys):
    run = fit.original("a")
    argv = [
        "fit",
        "--model=Train",
        "--run_dir=a",
        f"--data.file={Path('tiny.npz')}",
        WITH_TINY,
        *QUIET,
        "--overwrite=true",
    ]
    refused(capsys, *argv, "--model.init_args.lr=-1")
    refused(capsys, *argv, "--trainer.accelerator=mps")
    before = weights(run)
    fit("Train", "a", "--overwrite=true", "--trainer.fast_dev_run=true", "--seed_everything=5")
    assert (run / "metrics.json").exists()
    assert torch.equal(weights(run)["fc.weight"], before["fc.weight"])


@pytest.mark.parametrize("command", ["validate", "test", "predict"])
def test_a_checkpoint_of_a_stranger_is_not_loaded(fit, capsys, command):
    run = fit.original("a")
    line = refused(capsys, command, f"--config={run}/config.yaml", "--ckpt_path=http://127.0.0.1:1/x.ckpt")
    assert line.startswith("ckpt_path=http://127.0.0.1:1/x.ckpt: ")


def test_predictions_of_a_run_go_with_it(fit):
    run = fit.original("a")
    assert main(["predict", f"--config={run}/config.yaml", *QUIET]) == 0
    assert (run / "predict.npz").exists()
    fit("Train", "a", "--overwrite=true", "--seed_everything=1")
    assert not (run / "predict.npz").exists()


def test_a_reference_is_a_retrained_model_and_no_other(fit, capsys):
    train, seen = fit.original("t"), fit.once("Train", "seen", FORGET)
    unlearned = fit("SalUn", "s", FORGET, f"--model.init_args.original={train}")
    argv = [
        "fit",
        "--model=SalUn",
        FORGET,
        f"--model.init_args.original={train}",
        "--data.file=tiny.npz",
        WITH_TINY,
        *QUIET,
    ]
    for reference in (train, seen, unlearned):
        line = refused(capsys, *argv, "--run_dir=x", f"--reference={reference}")
        assert line.startswith(f"reference={reference}: its model has seen the forget set; name a Retrain run")
    assert "is this run's own run_dir" in refused(
        capsys, *argv, f"--run_dir={unlearned}", "--reference=s", "--overwrite=true"
    )


def test_a_requeued_job_goes_on_whatever_it_was_begun_with(fit, monkeypatch):
    run = fit.original("a", epochs=1)
    (run / "metrics.json").unlink()
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    fit("Train", "a", "--overwrite=true", epochs=2)
    assert json.loads((run / "metrics.json").read_text())["epochs"] == 2


def test_a_run_is_resumed_with_the_settings_that_it_was_begun_with(fit, capsys):
    run = fit.original("a")
    (run / "metrics.json").unlink()
    argv = ["fit", f"--config={run}/config.yaml", "--resume=true"]
    assert "trainer.limit_train_batches=0.5: the run in a was started with None" in refused(
        capsys, *argv, "--trainer.limit_train_batches=0.5"
    )
    assert "evaluation.nonmembers=val: the run in a was started with test" in refused(
        capsys, *argv, "--evaluation.nonmembers=val"
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
