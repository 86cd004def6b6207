"""What RunRecord keeps and refuses, mostly in runs made from Python."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from helpers.backbones import TINY
from helpers.runs import same, weights
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger

import medunlearn.callbacks.run_record as run_record
import medunlearn.methods.classifier as classifier
from medunlearn import ForgetSpec, InputError, MedMNISTDataModule, Retrain, RunRecord, RunTime, SalUn, UnlearningMetrics
from medunlearn.__main__ import main
from medunlearn.report import load
from medunlearn.report.sections import sections
from medunlearn.runs import RunDir

FORGET = "--data.forget.rate=0.25"
ORIGINAL = "--model.init_args.original=t"
REMADE = "model.init_args.original=t: holds another model than this run started from; bring it back"


def metrics(run):
    return json.loads(Path(run, "metrics.json").read_text())


@pytest.fixture
def python(npz):
    """Return a function that makes a run from Python, with these callbacks, and returns its record."""

    def run(
        run_dir="r",
        method=Retrain,
        callbacks=None,
        rate=0.25,
        reference=None,
        resume=None,
        batch_size=8,
        trainer=None,
        **arguments,
    ):
        data = MedMNISTDataModule(file=npz, batch_size=batch_size, forget=ForgetSpec(rate=rate))
        record = RunRecord(run_dir, reference)
        listed = [RunTime(), UnlearningMetrics(), record] if callbacks is None else callbacks(record)
        quiet = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary"), False)
        given = {"accelerator": "cpu", "max_epochs": 2, "num_sanity_val_steps": 0} | quiet | (trainer or {})
        trainer = Trainer(callbacks=listed, **given)
        module = method(**{"num_classes": data.num_classes, "backbone": TINY} | arguments)
        trainer.fit(module, data, ckpt_path=resume, weights_only=True)
        return record

    return run


@pytest.fixture
def untrained(monkeypatch):
    """Return a function after which any training step fails the test."""
    return lambda: monkeypatch.setattr(classifier.Classifier, "training_step", lambda *_: pytest.fail("it trains"))


def remake(fit):
    fit("Train", "t", "--overwrite=true", "--seed_everything=5", epochs=1)


# The original that a run started from


def test_a_run_whose_original_is_made_again_meanwhile_is_refused(fit, monkeypatch, capsys):
    fit.original("t", epochs=1)
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
    fit.original("t", epochs=1)
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


def test_resumed_run_without_a_checkpoint_starts_from_the_beginning(fit, monkeypatch):
    fit.original("t", epochs=1)
    with monkeypatch.context() as patch:
        patch.setattr(SalUn, "_saliency_mask", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            fit("SalUn", "s", FORGET, ORIGINAL)
    remake(fit)
    run = fit("SalUn", "s", FORGET, ORIGINAL, "--resume=true")
    assert metrics(run)["original_sha256"] == RunDir("t").weights_sha256()


# The reference


def test_ag_is_taken_to_a_reference_of_the_same_split_and_attack(fit, python, capsys):
    retrain = fit.once("Retrain", "r", FORGET)
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
def test_a_wrong_reference_is_refused_before_training(fit, python, untrained, method, options, says):
    if method == "SalUn":
        fit.original("t", epochs=1)
    reference = fit(method, "other", *options)
    untrained()
    with pytest.raises(InputError) as caught:
        python("p", reference=reference)
    assert str(caught.value).startswith(f"reference=other: {says}")
    assert not Path("p").exists()


def test_an_altered_reference_is_refused_before_training(fit, python, untrained):
    reference = fit.once("Retrain", "other", FORGET)
    (reference / "predictions.npz").write_bytes(b"")
    untrained()
    with pytest.raises(InputError, match=r"reference=other: predictions\.npz is not the file that the run wrote"):
        python("p", reference=reference)
    assert not Path("p").exists()


def test_a_missing_reference_is_reported_in_one_line(python, capsys):
    record = python("p", reference="nothing")
    lines = [line for line in capsys.readouterr().err.splitlines() if "AG" in line]
    assert len(lines) == 1
    assert lines[0] == (
        "reference=nothing: no finished run there, so AG will be null; make it with "
        "`medunlearn.fit(medunlearn.Retrain(data.num_classes), data, run_dir='nothing')`"
    )
    for key in ("AG", "reference"):
        assert record.metrics[key] is None
    assert record.metrics["validation"]["AG"] is None
    assert metrics("p") == record.metrics


@pytest.mark.parametrize(
    ("again", "says"),
    [
        ("--data.forget.rate=0.5", "reference=other: it was run with another forget set; use the same data.forget"),
        (None, "reference=other: predictions.npz is not the file that the run wrote"),
    ],
    ids=["made again", "altered"],
)
def test_ag_is_null_against_a_reference_that_is_changed_meanwhile(fit, python, capsys, monkeypatch, again, says):
    reference = fit.once("Retrain", "other", FORGET)
    later = fit.once("Retrain", "later", again) if again else None
    measure = UnlearningMetrics.on_fit_end

    def changing(*args):
        if later:
            shutil.copytree(later, reference, dirs_exist_ok=True)
        else:
            (reference / "predictions.npz").write_bytes(b"")
        return measure(*args)

    monkeypatch.setattr(UnlearningMetrics, "on_fit_end", changing)
    record = python("p", reference=reference)
    lines = [line for line in capsys.readouterr().err.splitlines() if "AG" in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"AG is null: {says}")
    for key in ("AG", "reference", "reference_sha256"):
        assert record.metrics[key] is None
    assert record.metrics["validation"]["AG"] is None
    assert metrics("p") == record.metrics


# What is refused before the work


def test_a_finished_run_is_not_written_over(python):
    python()
    before = {path: path.read_bytes() for path in Path("r").rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="run_dir=r: already holds a finished run; name another run_dir, or delete"):
        python(rate=0.5)
    assert {path: path.read_bytes() for path in Path("r").rglob("*") if path.is_file()} == before


def test_a_logger_may_write_into_the_run_directory(python):
    logger = CSVLogger("r", name="logs")
    assert python(trainer={"logger": logger}).metrics["epochs"] == 2
    assert list(Path("r/logs").rglob("metrics.csv"))


def test_an_unfinished_run_is_gone_on_with_only_where_that_is_asked_for(python, monkeypatch):
    last = ModelCheckpoint(dirpath="r/checkpoints", filename="last", enable_version_counter=False)

    def listed(record):
        return [RunTime(), UnlearningMetrics(), record, last]

    with monkeypatch.context() as patch:
        patch.setattr(run_record, "save_weights", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            python(callbacks=listed)
    with pytest.raises(InputError, match="run_dir=r: already holds an unfinished run; go on with it by `ckpt_path='r/"):
        python(callbacks=listed)
    with pytest.raises(InputError, match=r"^lr=0.05: the run in r was started with 0.1; resume it with"):
        python(callbacks=listed, resume="r/checkpoints/last.ckpt", lr=0.05)
    assert not RunDir("r").finished
    python(callbacks=listed, resume="r/checkpoints/last.ckpt")
    assert RunDir("r").finished


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"num_classes": 3}, "num_classes=3: the data have 4 classes; give num_classes=4"),
        ({"in_channels": 1}, "in_channels=1: the data's images have 3; give in_channels=3"),
        ({"method": SalUn, "original": "r"}, "original=r: it never saw the forget set"),
        ({"method": SalUn, "original": "other"}, "original=other: it was run with another forget set"),
        ({"method": SalUn, "original": "altered"}, "original=altered: predictions.npz is not the file"),
        (
            {"method": SalUn, "original": "none"},
            "original=none: no run there; make it with `medunlearn",
        ),
        ({"method": SalUn, "original": "t", "rate": None}, "forget: this method needs a forget set"),
        ({"trainer": {"precision": "bf16-true"}}, "precision=bf16-true: weights must stay in 32 bits"),
        ({"trainer": {"overfit_batches": 1}}, "overfit_batches=1: batches are shared out by rank"),
        (
            {"trainer": {"max_epochs": None}},
            "max_epochs=1000: is Lightning's default where none is given; give `Train",
        ),
        ({"batch_size": 23}, "batch_size=23: it leaves 1 of the images for the smallest batch, and BatchNorm"),
    ],
)
def test_settings_that_the_command_line_refuses_are_refused_before_training(fit, python, untrained, arguments, says):
    if arguments.get("method") is SalUn:
        fit.original("t", epochs=1)
        fit.once("Retrain", "r", FORGET, epochs=1)
        fit.once("Train", "other", "--data.forget.rate=0.5", epochs=1)
        shutil.copytree("t", "altered")
        Path("altered/predictions.npz").write_bytes(b"")
    untrained()
    with pytest.raises(InputError) as caught:
        python("p", **arguments)
    assert str(caught.value).startswith(says)
    assert not Path("p").exists()


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
        ({"feature": "confidense"}, "^feature=confidense: choose one of confidence, correctness, entropy, "),
        ({"nonmembers": "train"}, "^nonmembers=train: choose one of test, val"),
        ({"solver": "smo"}, "^solver=smo: choose one of interior_point, libsvm"),
    ],
)
def test_attack_settings_that_are_unknown_are_refused_at_once(arguments, says):
    with pytest.raises(InputError, match=says):
        UnlearningMetrics(**arguments)


# The configuration of a run made from Python


def test_a_run_made_from_python_goes_into_the_report(fit, python):
    fit.original("t", epochs=1)
    fit.once("Retrain", "r", FORGET)
    fit("SalUn", "s", FORGET, ORIGINAL, "--seed_everything=3")
    torch.manual_seed(4)
    python("p", SalUn, original="t", reference="r")
    assert main(["report", "r", "p", "--out", "report"]) == 0
    runs = load(["s", "p"])
    assert runs[runs.measured_by == ""].method.tolist() == ["SalUn", "SalUn"]
    assert [cell.seeds for section in sections(runs) for cell in section.of_role("unlearned")] == [[3, 4]], (
        "seeds of one experiment, however they were started"
    )


def test_a_run_from_python_keeps_the_configuration_that_it_was_made_with(fit, python, npz):
    fit.original("t", epochs=1)
    by_command = yaml.safe_load((fit("SalUn", "s", FORGET, ORIGINAL) / "config.yaml").read_text())
    python("p", SalUn, original=Path("t"), lr=0.02)
    by_python = yaml.safe_load(Path("p/config.yaml").read_text())
    assert by_python["model"]["class_path"] == "medunlearn.SalUn"
    assert by_python["model"]["init_args"] == by_command["model"]["init_args"] | {"lr": 0.02}
    assert by_python["data"] == by_command["data"]
    assert by_python["evaluation"] == by_command["evaluation"]
    assert (by_python["run_dir"], by_python["reference"]) == ("p", None)
    assert by_python["seed_everything"] == metrics("p")["seed"]
    assert main(["fit", "--config=p/config.yaml", "--run_dir=q"]) == 0
    assert metrics("q")["epochs"] == 2
    assert same(weights(Path("p")), weights(Path("q")))


def test_a_resumed_run_from_python_knows_its_original(fit, python):
    fit.original("t", epochs=1)
    last = ModelCheckpoint(dirpath="p/checkpoints", filename="last", enable_version_counter=False)
    python("p", SalUn, lambda record: [RunTime(), UnlearningMetrics(), record, last], original="t")
    Path("p/metrics.json").unlink()
    remake(fit)
    with pytest.raises(InputError, match="holds another model than this run started from"):
        python("p", SalUn, original="t", resume="p/checkpoints/last.ckpt")


def test_config_of_a_bare_trainer_does_not_count_the_callback_that_a_method_brings(fit, python, capsys):
    fit.original("t", epochs=1)
    python("p", SalUn, original="t")
    assert "UnlearnerHooks" not in Path("p/config.yaml").read_text()
    assert "UnlearnerHooks" not in "".join(capsys.readouterr())
