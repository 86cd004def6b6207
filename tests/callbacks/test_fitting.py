"""`medunlearn.fit`: in one call from Python what the command line does, with the same refusals and the same files."""

import hashlib
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
import wandb
import yaml
from helpers.backbones import TINY
from helpers.runs import FORGET, QUIET, same, weights
from helpers.stages import start
from lightning.pytorch import Callback, seed_everything
from lightning.pytorch.callbacks import EarlyStopping

import medunlearn
import medunlearn.methods.classifier as classifier
from medunlearn import ForgetSpec, InputError, MedMNISTDataModule, Retrain, SalUn, Train, UnlearningMetrics
from medunlearn.__main__ import main
from medunlearn.callbacks.configuration import WARNING
from medunlearn.callbacks.fitting import _python_names
from medunlearn.errors import Interrupted
from medunlearn.runs import RunDir

PLAIN = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False}
OWN = '''
import medunlearn

class Halved(medunlearn.Unlearner):
    """Goes on from an original, at half of the learning rate that it is given."""

    trainer_arguments = {"max_epochs": 1}

    def __init__(self, *args, rate: float = 0.02, **more):
        super().__init__(*args, lr=rate / 2, **more)

    def images(self, epoch):
        return "retain"
'''


def sha256(run):
    """Return the hash over the weights of a run."""
    found = hashlib.sha256()
    for name, value in sorted(weights(Path(run)).items()):
        found.update(name.encode() + value.contiguous().numpy().tobytes())
    return found.hexdigest()


def repeated(run, *options):
    """Repeat a run by its config.yaml, and return the hash of the weights."""
    assert main(["fit", f"--config={run}/config.yaml", f"--run_dir={run}_again", *options]) == 0
    return sha256(f"{run}_again")


@pytest.fixture
def make(npz):
    """Return a function that seeds, builds data and method, and calls `medunlearn.fit`."""

    def run(run_dir, method=Retrain, seed=3, data=None, arguments=None, **given):
        seed_everything(seed, verbose=False)
        images = MedMNISTDataModule(**{"file": npz, "batch_size": 8, "forget": ForgetSpec(rate=0.25)} | (data or {}))
        built = method(**{"num_classes": images.num_classes, "backbone": TINY} | (arguments or {}))
        return medunlearn.fit(built, images, run_dir, **{"max_epochs": 2} | PLAIN | given)

    return run


# What a call leaves


def test_fit_leaves_what_the_command_line_leaves_and_nothing_elsewhere(make, fit, capsys):
    found = make("runs/r")
    fit("Retrain", "runs/c", FORGET)
    files = [{str(path.relative_to(run)) for path in Path(run).rglob("*")} for run in ("runs/r", "runs/c")]
    assert files[0] == files[1]
    assert {path.name for path in Path().iterdir()} == {"runs", "tiny.npz"}
    assert found == RunDir("runs/r").read_metrics("run_dir")
    assert found.keys() == RunDir("runs/c").read_metrics("run_dir").keys()
    assert found["epochs"] == 2
    assert "litlogger" not in "".join(capsys.readouterr()).lower()


def test_fit_gives_the_weights_that_the_command_line_gives(make, fit):
    make("python")
    fit("Retrain", "command", FORGET, "--seed_everything=3")
    assert sha256("python") == sha256("command")


def test_fit_takes_epochs_precision_and_loggers_as_the_command_line_does(make, fit):
    fit.original("t", epochs=1)
    found = make("s", SalUn, arguments={"original": "t"}, max_epochs=None, logger=None)
    assert found["epochs"] == SalUn.trainer_arguments["max_epochs"]
    written = RunDir("s").read_config("run_dir")["trainer"]
    plain = RunDir("t").read_config("run_dir")["trainer"]
    assert written == plain | {"max_epochs": SalUn.trainer_arguments["max_epochs"], "logger": None}
    wandb.teardown()  # its service stays in this test's folder, and would write the runs of others there
    assert list(Path("s/logs").rglob("metrics.csv"))
    assert list(Path("s/logs").rglob("*.wandb"))
    assert {path.name for path in Path().iterdir()} == {"s", "t", "tiny.npz"}


def test_fit_takes_ag_to_the_reference(make, fit):
    fit.original("t", epochs=1)
    fit.once("Retrain", "r", FORGET, epochs=1)
    found = make(
        "s", SalUn, arguments={"original": "t"}, reference="r", evaluation=UnlearningMetrics(nonmembers="test")
    )
    assert found["AG"] is not None
    assert found["reference"] == "r"


def test_fit_names_the_call_that_makes_a_missing_reference(make, capsys):
    assert make("r", reference="none", max_epochs=1)["AG"] is None
    says = "reference=none: no finished run there, so AG will be null; make it with "
    call = "medunlearn.fit(medunlearn.Retrain(data.num_classes), data, run_dir='none')"
    assert f"{says}`{call}`\n" in capsys.readouterr().err


def test_fit_writes_nothing_in_a_fast_dev_run(make):
    assert make("r", fast_dev_run=True) == {}
    assert not Path("r").exists()


# What is refused


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"max_epoch": 2},
            "max_epoch=2: neither medunlearn.fit nor Lightning's Trainer takes it; did you mean max_epoch",
        ),
        ({"max_epochs": "two"}, "max_epochs=two: give a whole number"),
        ({"precision": "bf16-true"}, "precision=bf16-true: weights must stay in 32 bits"),
        ({"strategy": "ddp_notebook"}, "strategy=ddp_notebook: "),
        ({"resume": True, "overwrite": True}, "resume=True: contradicts overwrite=True; keep one of them"),
        ({"resume": True}, "run_dir=p: there is no run to resume; leave out `resume=True`"),
        ({"arguments": {"num_classes": 3}}, "num_classes=3: the data have 4 classes"),
        ({"method": SalUn, "arguments": {"original": "r"}}, "original=r: it never saw the forget set"),
        (
            {"method": SalUn, "arguments": {"original": "none"}},
            "original=none: no run there; make it with `medunlearn.fit(medunlearn.Train(data.num_classes), data, ",
        ),
        ({"reference": "t"}, "reference=t: its model has seen the forget set"),
    ],
)
def test_fit_refuses_in_one_line_and_writes_nothing(make, fit, monkeypatch, given, says):
    fit.original("t", epochs=1)
    fit.once("Retrain", "r", FORGET, epochs=1)
    monkeypatch.setattr(classifier.Classifier, "training_step", lambda *_: pytest.fail("it trains"))
    with pytest.raises(InputError) as caught:
        make("p", **given)
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)
    assert caught.value._render_traceback_() == [f"InputError: {caught.value}"]  # what a notebook shows of it
    assert not Path("p").exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("resume=true: x; give `--overwrite true`", "resume=True: x; give `overwrite=True`"),
        ("give `--trainer.max_epochs` again", "give `max_epochs` again"),
        ("make it with `medunlearn.fit(m, d, '--trainer.x')`", "make it with `medunlearn.fit(m, d, '--trainer.x')`"),
        (
            "make it with `medunlearn fit --config a --resume true`",
            "make it with `medunlearn fit --config a --resume true`",
        ),
    ],
)
def test_fit_names_arguments_as_python_has_them_and_leaves_commands_whole(given, says):
    assert _python_names(given) == says


def test_fit_writes_over_a_finished_run_only_where_it_is_asked_to(make):
    make("r")
    before = sha256("r")
    with pytest.raises(InputError, match="run_dir=r: already holds a finished run; `overwrite=True` starts again"):
        make("r", seed=4)
    assert sha256("r") == before
    make("r", seed=4, overwrite=True)
    assert sha256("r") != before


# Interrupted and resumed


class Terminated(Callback):
    """Sends this process SIGTERM in the middle of the second epoch."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        """Send it."""
        if trainer.current_epoch == 1 and batch_idx == 1:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("method", [Retrain, SalUn])
def test_fit_goes_on_to_the_same_weights_where_it_was_ended(make, fit, method):
    fit.original("t", epochs=1)
    arguments = {"original": "t"} if method is SalUn else {}
    make("whole", method, arguments=arguments, deterministic=True)
    with pytest.raises(
        Interrupted, match=r"SIGTERM; go on with `medunlearn\.fit\(method, data, run_dir='part', resume=True\)`"
    ):
        make("part", method, arguments=arguments, deterministic=True, callbacks=Terminated())
    assert RunDir("part").last.is_file()
    assert not RunDir("part").finished
    with pytest.raises(InputError, match="run_dir=part: already holds an unfinished run; give `resume=True` to go on"):
        make("part", method, arguments=arguments, deterministic=True)
    make("part", method, arguments=arguments, deterministic=True, resume=True)
    assert sha256("part") == sha256("whole")


SCRIPT = """
import sys
import medunlearn

data = medunlearn.MedMNISTDataModule(file="tiny.npz", batch_size=8, forget=medunlearn.ForgetSpec(rate=0.25))
method = medunlearn.Retrain(num_classes=data.num_classes, backbone="helpers.backbones.TinyNet")
quiet = dict(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)
stop = [__import__("callbacks.test_fitting", fromlist=["x"]).Terminated()] if len(sys.argv) == 1 else []
medunlearn.fit(method, data, "r", max_epochs=2, resume=len(sys.argv) > 1, callbacks=stop, **quiet)
"""


def test_fit_without_a_seed_goes_on_with_the_seed_that_it_began_with(npz):
    Path("script.py").write_text(SCRIPT)
    ended = start(Path.cwd(), "script.py")
    assert "ended by SIGTERM" in ended.stderr
    resumed = start(Path.cwd(), "script.py", "resume")
    assert resumed.returncode == 0, resumed.stderr
    assert RunDir("r").read_metrics("r")["seed"] == RunDir("r").read_config("r")["seed_everything"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": 4}, "seed_everything=4: the run in r was started with 3; resume it with the same"),
        ({"arguments": {"lr": 0.01}}, "lr=0.01: the run in r was started with 0.1; resume it with the same"),
        ({"data": {"forget": ForgetSpec(rate=0.5)}}, "rate=0.5: the run in r was started with 0.25"),
        ({"gradient_clip_val": 1.0}, "gradient_clip_val=1.0: the run in r was started with None"),
    ],
)
def test_fit_resumes_under_the_same_settings_alone(make, change, says):
    with pytest.raises(Interrupted):
        make("r", callbacks=Terminated())
    with pytest.raises(InputError) as caught:
        make("r", resume=True, **change)
    assert str(caught.value).startswith(says)


def test_the_command_line_resumes_a_run_of_fit(make, fit):
    make("whole")
    with pytest.raises(Interrupted):
        make("r", callbacks=Terminated())
    command = ["--model=Retrain", f"--model.init_args.backbone={TINY}", "--data.file=tiny.npz", "--data.batch_size=8"]
    command += ["--trainer.max_epochs=2", "--run_dir=r", "--seed_everything=3", FORGET]
    assert main(["fit", *command, "--resume=true", *QUIET]) == 0
    assert sha256("r") == sha256("whole")


def test_fit_resumes_a_run_of_the_command_line(make, fit, monkeypatch):
    make("whole")
    measure = UnlearningMetrics.on_fit_end
    monkeypatch.setattr(UnlearningMetrics, "on_fit_end", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fit("Retrain", "r", FORGET, "--seed_everything=3", epochs=1)
    monkeypatch.setattr(UnlearningMetrics, "on_fit_end", measure)
    make("r", resume=True)
    assert sha256("r") == sha256("whole")


# config.yaml


@pytest.mark.parametrize(
    ("method", "data", "given"),
    [
        (Train, {"dataset": "synthetic", "size": 28, "file": None, "batch_size": 30}, {"max_epochs": 1}),
        (Retrain, {}, {"gradient_clip_val": 0.5, "accumulate_grad_batches": 2, "limit_train_batches": 3}),
        (Retrain, {"forget": ForgetSpec(classes=[1])}, {"precision": "32-true", "deterministic": True}),
        (SalUn, {"augmentation": "NoAug", "as_rgb": True}, {"precision": "bf16-mixed", "max_epochs": 1}),
        (Train, {"forget": {"indices": Path("i.npy")}}, {"check_val_every_n_epoch": 2, "min_epochs": 1}),
    ],
)
def test_config_repeats_a_run_made_from_python(make, fit, capsys, method, data, given):
    np.save("i.npy", np.arange(5))
    fit.original("t", epochs=1)
    make("r", method, data=data, arguments={"original": "t"} if method is SalUn else {}, **given)
    assert not Path("r/config.yaml").read_text().startswith("#")
    assert "does not repeat" not in capsys.readouterr().err
    assert repeated("r") == sha256("r")


def test_config_repeats_a_method_of_ones_own(make, fit, monkeypatch):
    monkeypatch.syspath_prepend(str(Path.cwd()))
    Path("own_method.py").write_text(OWN)
    import own_method

    fit.original("t", epochs=1)
    make("r", own_method.Halved, arguments={"original": Path("t"), "rate": 0.04})
    given = RunDir("r").read_config("run_dir")["model"]
    assert given["class_path"] == "own_method.Halved"
    assert (given["init_args"]["rate"], given["init_args"]["original"]) == (0.04, "t")
    assert repeated("r") == sha256("r")
    assert sha256("r") != sha256("t")


def test_config_is_read_the_same_again(make):
    make("r")
    main(["fit", "--config=r/config.yaml", "--run_dir=again"])
    first, second = (yaml.safe_load(Path(run, "config.yaml").read_text()) for run in ("r", "again"))
    assert first == second | {"run_dir": "r"}


class OwnData(MedMNISTDataModule):
    """Data that the command line does not know."""


def local_class():
    """Return a class that no other process can import."""

    class Local(Train):
        """One of a notebook."""

    return Local


@pytest.mark.parametrize(
    ("arrange", "says"),
    [
        (lambda make: make("r", local_class()), "method: the class local_class.<locals>.Local is not in a module"),
        (
            lambda make: make("r", callbacks=[EarlyStopping("val/loss")]),
            "Trainer: callbacks=['EarlyStopping'] is an object",
        ),
    ],
)
def test_config_says_where_it_does_not_repeat_the_run(make, capsys, arrange, says):
    arrange(make)
    first, second, *_ = Path("r/config.yaml").read_text().splitlines()
    assert first == WARNING
    assert second.startswith(f"# - {says}")
    lines = [line for line in capsys.readouterr().err.splitlines() if "does not repeat this run" in line]
    assert len(lines) == 1
    assert says in lines[0]
    assert yaml.safe_load(Path("r/config.yaml").read_text())["run_dir"] == "r"


def test_config_says_that_data_of_ones_own_are_unknown(npz, capsys):
    seed_everything(0, verbose=False)
    data = OwnData(file=npz, batch_size=8)
    medunlearn.fit(Train(num_classes=4, backbone=TINY), data, "r", max_epochs=1, **PLAIN)
    assert "data: the command line builds only MedMNISTDataModule, not OwnData" in Path("r/config.yaml").read_text()


def test_config_says_that_the_first_weights_are_not_the_seeds(npz, fit, capsys):
    """The seed repeats weights only where nothing was drawn from it before they were."""
    seed_everything(0, verbose=False)
    torch.rand(1)
    data = MedMNISTDataModule(file=npz, batch_size=8, forget=ForgetSpec(rate=0.25))
    medunlearn.fit(Train(num_classes=4, backbone=TINY), data, "r", max_epochs=1, **PLAIN)
    assert "seed: the method's first weights are not those of a seed" in Path("r/config.yaml").read_text()
    assert repeated("r") != sha256("r")
    fit("Train", "t", epochs=1)  # from here on everything starts from its weights, and no others matter
    capsys.readouterr()
    medunlearn.fit(SalUn(num_classes=4, original="t", backbone=TINY), data, "s", max_epochs=1, **PLAIN)
    assert "does not repeat" not in capsys.readouterr().err
    assert repeated("s") == sha256("s")


def test_weights_do_not_depend_on_what_is_drawn_between_building_and_fitting(make, npz):
    make("plain")
    seed_everything(3, verbose=False)
    data = MedMNISTDataModule(file=npz, batch_size=8, forget=ForgetSpec(rate=0.25))
    method = Retrain(num_classes=4, backbone=TINY)
    torch.rand(7)
    medunlearn.fit(method, data, "drawn", max_epochs=2, **PLAIN)
    assert same(weights(Path("plain")), weights(Path("drawn")))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("SalUn", None), "method='SalUn': give a method, such as medunlearn.Train(...)"),
        ((None, None), "method=NoneType: give a method, such as medunlearn.Train(...)"),
    ],
)
def test_fit_refuses_what_is_no_method_in_one_line(given, says):
    with pytest.raises(InputError) as caught:
        medunlearn.fit(*given, "r")
    assert str(caught.value) == says


def test_fit_refuses_what_is_no_data_module_in_one_line():
    method = Retrain(num_classes=4, backbone=TINY)
    with pytest.raises(InputError) as caught:
        medunlearn.fit(method, Path("B.npz"), "r")
    assert str(caught.value) == "data=PosixPath('B.npz'): give medunlearn.MedMNISTDataModule(...)"
    with pytest.raises(InputError, match=r"epochs=2: .*; did you mean max_epochs\?"):
        medunlearn.fit(method, None, "r", epochs=2)
