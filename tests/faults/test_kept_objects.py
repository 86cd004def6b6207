"""Whatever methods and callbacks put into a checkpoint, a run goes on from it, or is refused before it trains."""

import signal
from pathlib import Path

import pytest
from helpers.backbones import TINY, WITH_TINY
from helpers.keepers import FolderCallback, HyperSalUn, NetworkTrain
from helpers.runs import FORGET, QUIET, same, weights
from lightning.pytorch import Trainer

import medunlearn
import medunlearn.methods.classifier as classifier
from medunlearn import InputError
from medunlearn.__main__ import main
from medunlearn.callbacks import RunRecord, RunTime, UnlearningMetrics

END = "--trainer.callbacks=[{class_path: helpers.keepers.EndAfterFirstEpoch}, {class_path: helpers.keepers.%s}]"


def command(npz, run_dir, method, *options):
    given = ["fit", f"--model=helpers.keepers.{method}", WITH_TINY, f"--run_dir={run_dir}", f"--data.file={npz}"]
    given += ["--data.batch_size=8", "--trainer.max_epochs=2", "--trainer.precision=32-true", *QUIET, *options]
    return given


@pytest.mark.parametrize("method", ["HyperSalUn", "KeepingTrain", "NamespaceTrain"])
def test_run_of_a_method_that_keeps_paths_and_enums_goes_on_exactly(npz, fit, monkeypatch, capsys, method):
    options = [END % "FolderCallback"]
    if method == "HyperSalUn":
        fit.original("t", epochs=1)
        options += ["--model.init_args.original=t", FORGET]
    assert main(command(npz, "whole", method, *options)) == 0
    monkeypatch.setenv("END", "1")
    assert main(command(npz, "part", method, *options)) == 128 + signal.SIGTERM
    monkeypatch.delenv("END")
    assert "go on with `medunlearn fit --config part/config.yaml --resume true`" in capsys.readouterr().err
    assert main(["fit", "--config=part/config.yaml", "--resume=true"]) == 0
    assert same(weights(Path("whole")), weights(Path("part")))


@pytest.mark.parametrize(
    ("method", "options", "says"),
    [
        ("NetworkTrain", [], "hyper_parameters.net: a Linear cannot be kept in a checkpoint; leave it out by"),
        ("ObjectTrain", [FORGET], "teacher: a Linear cannot be kept in a checkpoint; keep what it can be made of"),
        ("LambdaTrain", [], "lr_schedulers.0.lr_lambdas.0.inner: a function cannot be kept in a checkpoint; let the"),
        (
            "KeepingTrain",
            [END % "ArrayCallback"],
            "callbacks.ArrayCallback.scores: a NumPy array cannot be kept in a checkpoint; let the callback's",
        ),
    ],
)
def test_run_whose_checkpoint_could_not_be_read_is_refused_before_it_trains(
    npz, monkeypatch, capsys, method, options, says
):
    monkeypatch.setattr(classifier.Classifier, "training_step", lambda *_: pytest.fail("it trains"))
    assert main(command(npz, "r", method, *options)) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("medunlearn: ")]
    assert len(lines) == 1
    assert lines[0].startswith(f"medunlearn: error: {says}")


def test_run_that_keeps_no_checkpoint_may_hold_anything(npz):
    assert main(command(npz, "r", "NetworkTrain", "--trainer.enable_checkpointing=false")) == 0


def test_checkpoint_of_a_bare_trainer_is_made_plain_too(npz, fit):
    """Lightning's own writer and reader, as in README's example with a Trainer."""
    fit.original("t", epochs=1)
    data = medunlearn.MedMNISTDataModule(file=npz, batch_size=8, forget=medunlearn.ForgetSpec(rate=0.25))
    method = HyperSalUn(4, original=Path("t"), backbone=TINY)

    def trainer(resume):
        callbacks = [FolderCallback(), RunTime(), UnlearningMetrics(), RunRecord("r", resume=resume)]
        return Trainer(max_epochs=2, callbacks=callbacks, accelerator="cpu", logger=False, enable_progress_bar=False)

    first = trainer(False)
    first.fit(method, data)
    Path("r/metrics.json").unlink()  # as if it had been killed before its end
    trainer(True).fit(method, data, ckpt_path=first.checkpoint_callback.best_model_path, weights_only=True)
    assert Path("r/metrics.json").exists()


def test_fit_from_python_refuses_a_network_among_hyper_parameters_and_writes_nothing(npz):
    data = medunlearn.MedMNISTDataModule(file=npz, batch_size=8)
    with pytest.raises(InputError, match=r"^hyper_parameters\.net: a Linear cannot be kept in a checkpoint"):
        medunlearn.fit(NetworkTrain(4, backbone=TINY), data, "r", accelerator="cpu")
    assert not Path("r").exists()
