"""What RunRecord keeps and refuses, mostly in runs made from Python."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from helpers.backbones import TINY
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

import medunlearn.callbacks.run_record as run_record
import medunlearn.methods.classifier as classifier
from medunlearn import ForgetSpec, InputError, MedMNISTDataModule, Retrain, RunRecord, RunTime, SalUn, UnlearningMetrics
from medunlearn.__main__ import main
from medunlearn.errors import RunError
from medunlearn.report.collect import collect
from medunlearn.runs import RunDir

FORGET = "--data.forget.rate=0.25"
ORIGINAL = "--model.init_args.original=t"
REMADE = "model.init_args.original=t: holds another model than this run started from; bring it back"


def metrics(run):
    return json.loads(Path(run, "metrics.json").read_text())


@pytest.fixture
def python(npz):
    """Return a function that makes a run from Python, with these callbacks, and returns its record."""

    def run(run_dir="r", method=Retrain, callbacks=None, rate=0.25, reference=None, resume=None, **arguments):
        data = MedMNISTDataModule(file=npz, batch_size=8, forget=ForgetSpec(rate=rate))
        record = RunRecord(run_dir, reference)
        listed = [RunTime(), UnlearningMetrics(), record] if callbacks is None else callbacks(record)
        quiet = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary"), False)
        trainer = Trainer(accelerator="cpu", max_epochs=2, num_sanity_val_steps=0, callbacks=listed, **quiet)
        trainer.fit(
            method(data.num_classes, **{"backbone": TINY} | arguments), data, ckpt_path=resume, weights_only=True
        )
        return record

    return run


def remake(fit):
    fit("Train", "t", "--overwrite=true", "--seed_everything=5", epochs=1)


# The original that a run started from


def test_a_run_whose_original_is_made_again_meanwhile_is_refused(fit, monkeypatch, capsys):
    fit("Train", "t", epochs=1)
    fit("Train", "other", "--seed_everything=5", epochs=1)
    measure = UnlearningMetrics.on_fit_end

    def replacing(*args):
        shutil.copytree("other", "t", dirs_exist_ok=True)
        return measure(*args)

    monkeypatch.setattr(UnlearningMetrics, "on_fit_end", replacing)
    run = fit("SalUn", "s", FORGET, ORIGINAL, status=2)
    assert REMADE in capsys.readouterr().err.splitlines()[-1]
    assert not RunDir(run).finished


def test_a_run_whose_original_was_made_again_is_not_resumed(fit, monkeypatch, capsys):
    fit("Train", "t", epochs=1)
    before = RunDir("t").weights_sha256()
    shutil.copytree("t", "kept")
    with monkeypatch.context() as patch:
        patch.setattr(run_record, "save_weights", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            fit("SalUn", "s", FORGET, ORIGINAL)
    remake(fit)
    with monkeypatch.context() as patch:
        patch.setattr(classifier.Classifier, "predict_step", lambda *_: pytest.fail("it was refused too late"))
        fit("SalUn", "s", FORGET, ORIGINAL, "--resume=true", status=2)
    assert REMADE in capsys.readouterr().err.splitlines()[-1]
    shutil.rmtree("t")
    shutil.move("kept", "t")
    assert metrics(fit("SalUn", "s", FORGET, ORIGINAL, "--resume=true"))["original_sha256"] == before


def test_resuming_without_a_checkpoint_is_a_fresh_start(fit, monkeypatch):
    fit("Train", "t", epochs=1)
    with monkeypatch.context() as patch:
        patch.setattr(SalUn, "_saliency_mask", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            fit("SalUn", "s", FORGET, ORIGINAL)
    remake(fit)
    run = fit("SalUn", "s", FORGET, ORIGINAL, "--resume=true")
    assert metrics(run)["original_sha256"] == RunDir("t").weights_sha256()


# The reference


def test_ag_is_taken_to_a_reference_of_the_same_split_and_attack(fit, python, capsys):
    retrain = fit("Retrain", "r", FORGET)
    record = python("p", reference=retrain)
    assert record.metrics["AG"] is not None
    assert record.metrics["reference"] == "r"
    assert "AG is null" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("method", "options", "says"),
    [
        ("Retrain", ["--data.forget.rate=0.5"], "it was run with another forget set; use the same data.forget"),
        ("Retrain", [FORGET, "--evaluation.feature=entropy"], "its attack was {'feature': 'entropy', "),
        ("Train", [FORGET], "its model has seen the forget set; name a Retrain run"),
        ("SalUn", [FORGET, ORIGINAL], "its model has seen the forget set; name a Retrain run"),
    ],
)
def test_what_is_no_reference_is_refused_before_the_work(fit, python, monkeypatch, method, options, says):
    if method == "SalUn":
        fit("Train", "t", epochs=1)
    reference = fit(method, "other", *options)
    monkeypatch.setattr(classifier.Classifier, "training_step", lambda *_: pytest.fail("it was refused too late"))
    with pytest.raises(RunError, match=f"^reference=other: {re.escape(says)}"):
        python("p", reference=reference)
    assert not Path("p").exists()


def test_an_altered_reference_is_refused_before_the_work(fit, python):
    reference = fit("Retrain", "other", FORGET)
    (reference / "predictions.npz").write_bytes(b"")
    with pytest.raises(RunError, match=r"^reference=other: predictions\.npz is not the file that the run wrote"):
        python("p", reference=reference)
    assert not Path("p").exists()


@pytest.mark.parametrize(
    ("again", "says"),
    [
        ("--data.forget.rate=0.5", "reference=other: it was run with another forget set; use the same data.forget"),
        (None, "reference=other: predictions.npz is not the file that the run wrote"),
    ],
    ids=["made again", "altered"],
)
def test_ag_is_null_where_the_reference_was_changed_meanwhile(fit, python, capsys, monkeypatch, again, says):
    reference = fit("Retrain", "other", FORGET, epochs=1)
    later = fit("Retrain", "later", again, epochs=1) if again else None
    measure = UnlearningMetrics.on_fit_end

    def changing(*args):
        if later:
            shutil.copytree(later, reference, dirs_exist_ok=True)
        else:
            (reference / "predictions.npz").write_bytes(b"")
        return measure(*args)

    monkeypatch.setattr(UnlearningMetrics, "on_fit_end", changing)
    record = python("p", reference=reference)
    told = [line for line in capsys.readouterr().err.splitlines() if "AG" in line]
    assert len(told) == 1
    assert told[0].startswith(f"AG is null: {says}")
    for key in ("AG", "reference", "reference_sha256"):
        assert record.metrics[key] is None
    assert record.metrics["validation"]["AG"] is None
    assert metrics("p") == record.metrics


def test_a_reference_that_is_not_there_yet_is_mentioned(python, capsys):
    assert python("p", reference="later").metrics["AG"] is None
    told = [line for line in capsys.readouterr().err.splitlines() if "AG" in line]
    assert len(told) == 1
    assert told[0].startswith(
        "reference=later: no finished run there, so AG will be null; make it with `medunlearn fit"
    )


# What is refused before the work


@pytest.mark.parametrize(
    ("method", "options", "says"),
    [
        ("Retrain", [FORGET], "it never saw the forget set; name a model trained on all images"),
        ("Train", ["--data.forget.rate=0.5"], "it was run with another forget set; use the same data.forget"),
        (None, [], "no run there; make it with `medunlearn fit"),
    ],
)
def test_a_wrong_original_is_refused_before_the_work(fit, python, monkeypatch, method, options, says):
    if method:
        fit(method, "other", *options, epochs=1)
    monkeypatch.setattr(classifier.Classifier, "training_step", lambda *_: pytest.fail("it was refused too late"))
    with pytest.raises(InputError, match=r"^(model\.init_args\.)?original=other: ") as caught:
        python("p", SalUn, original="other")
    assert says in str(caught.value) or method is None
    assert not Path("p").exists()


def test_a_finished_run_is_not_written_over(python):
    python()
    before = {path: path.read_bytes() for path in Path("r").rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="run_dir=r: already holds a finished run; name another run_dir, or delete"):
        python(rate=0.5)
    assert {path: path.read_bytes() for path in Path("r").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("callbacks", "says"),
    [
        (lambda record: [RunTime(), record, UnlearningMetrics()], "UnlearningMetrics is listed after RunRecord; list"),
        (lambda record: [RunTime(), record], "UnlearningMetrics is missing; list them as `Trainer(callbacks="),
        (lambda record: [UnlearningMetrics(), record], "RunTime is missing; list them as `Trainer(callbacks=[RunTime"),
    ],
)
def test_callbacks_that_would_fail_in_the_end_are_refused(python, callbacks, says):
    with pytest.raises(InputError) as caught:
        python(callbacks=callbacks)
    assert says in str(caught.value)
    assert not Path("r").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"feature": "confidense"}, "evaluation.feature=confidense: choose one of confidence, correctness, entropy, "),
        ({"nonmembers": "train"}, "evaluation.nonmembers=train: choose one of test, val"),
        ({"solver": "smo"}, "evaluation.solver=smo: choose one of interior_point, libsvm"),
    ],
)
def test_unknown_settings_of_the_attack_are_refused_at_once(arguments, says):
    with pytest.raises(InputError, match=says):
        UnlearningMetrics(**arguments)


# The configuration of a run made from Python


def test_the_report_takes_a_run_made_from_python(fit, python):
    fit("Train", "t", epochs=1)
    fit("Retrain", "r", FORGET)
    fit("SalUn", "s", FORGET, ORIGINAL, "--seed_everything=3")
    torch.manual_seed(4)
    python("p", SalUn, original="t", reference="r")
    assert main(["report", "r", "p", "--out", "report"]) == 0
    cells = [cell for cell in collect(map(RunDir, ("s", "p"))) if cell.label == "SalUn"]
    assert [cell.seeds for cell in cells] == [[3, 4]], "seeds of one experiment, however they were started"


def test_its_configuration_says_what_it_was_made_with(fit, python, npz):
    fit("Train", "t", epochs=1)
    by_command = yaml.safe_load((fit("SalUn", "s", FORGET, ORIGINAL) / "config.yaml").read_text())
    python("p", SalUn, original=Path("t"), lr=0.02)
    by_python = yaml.safe_load(Path("p/config.yaml").read_text())
    assert by_python["model"]["class_path"] == "medunlearn.SalUn"
    assert by_python["model"]["init_args"] == by_command["model"]["init_args"] | {"lr": 0.02}
    assert by_python["data"] == by_command["data"] | {"num_classes": 4}
    assert by_python["evaluation"] == by_command["evaluation"]
    assert (by_python["run_dir"], by_python["reference"]) == ("p", None)
    assert by_python["seed_everything"] == metrics("p")["seed"]
    again = ["fit", "--config=p/config.yaml", "--run_dir=q", "--trainer.logger=false", "--trainer.accelerator=cpu"]
    assert main(again) == 0
    assert metrics("q")["epochs"] == 2


def test_a_resumed_run_from_python_knows_its_original(fit, python):
    fit("Train", "t", epochs=1)
    last = ModelCheckpoint(dirpath="p/checkpoints", filename="last", enable_version_counter=False)
    python("p", SalUn, lambda record: [RunTime(), UnlearningMetrics(), record, last], original="t")
    Path("p/metrics.json").unlink()
    remake(fit)
    with pytest.raises(InputError, match="holds another model than this run started from"):
        python("p", SalUn, original="t", resume="p/checkpoints/last.ckpt")
