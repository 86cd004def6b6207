"""What `config.yaml` of a run made from Python holds, beside the runs in test_fitting.py and test_run_record.py."""

from pathlib import Path

import pytest
from helpers.backbones import TINY
from lightning.pytorch import Trainer, seed_everything

import medunlearn.callbacks.configuration as configuration
from medunlearn import ForgetSpec, MedMNISTDataModule, Train, UnlearningMetrics
from medunlearn.runs import RunDir


@pytest.fixture
def configured(npz):
    """Return a function that composes a configuration with these arguments of a Trainer."""

    def compose(given, **settings):
        seed_everything(1, verbose=False)
        data = MedMNISTDataModule(**{"file": npz, "forget": ForgetSpec(rate=0.25)} | settings)
        method = Train(4, backbone=TINY, lr=0.02)
        return configuration.configuration(method, data, UnlearningMetrics(), RunDir("r"), RunDir("t"), given)

    return compose


def test_configuration_holds_arguments_as_they_were_given(configured):
    found = configured({"max_epochs": 3}, as_rgb=False, batch_size=5)
    assert found.problems == ()
    given = found.settings
    assert (given["seed_everything"], given["run_dir"], given["reference"]) == (1, "r", "t")
    assert given["trainer"]["max_epochs"] == 3
    assert (given["model"]["class_path"], given["model"]["init_args"]["lr"]) == ("medunlearn.Train", 0.02)
    assert given["data"]["num_classes"] is None, "an argument, not the number that was found"
    assert (given["data"]["as_rgb"], given["data"]["batch_size"]) == (False, 5)
    none = dict.fromkeys(("classes", "indices", "groups", "after"))
    assert given["data"]["forget"] == {"rate": 0.25, "seed": 0, "stratified": False, "group_by": "patient", **none}


def test_configuration_says_what_the_parser_reads_as_something_else(configured, monkeypatch):
    parsed = configuration._parsed

    def changing(given):
        found = parsed(given)
        found["trainer"]["limit_train_batches"] = 1.0
        found["data"]["batch_size"] = 7
        return found

    monkeypatch.setattr(configuration, "_parsed", changing)
    found = configured({"limit_train_batches": 1}, batch_size=5)
    assert found.problems == ("trainer.limit_train_batches=1 is read as 1.0", "data.batch_size=5 is read as 7")
    assert configured({"limit_train_batches": 1.0}, batch_size=7).problems == ()


def test_configuration_passes_over_no_object(configured):
    assert configured({"profiler": object()}).problems == (
        "Trainer: profiler=object is an object, which no config can hold",
    )
    assert configured({"logger": object()}).problems == (), "a logger changes no result"


def test_trainer_arguments_are_those_of_the_trainer():
    given = {"gradient_clip_val": 0.5, "gradient_clip_algorithm": "value", "accumulate_grad_batches": 3}
    given |= {"limit_train_batches": 7, "min_epochs": 2, "max_steps": 9, "precision": "bf16-mixed", "devices": 1}
    trainer = Trainer(accelerator="cpu", logger=False, **given)
    found = configuration.trainer_arguments(trainer)
    assert found.items() >= given.items()
    assert (found["logger"], found["accelerator"], found["deterministic"]) == (False, "cpu", None)
    assert found["callbacks"] is None


def test_kept_problems_are_those_of_the_file():
    run = RunDir("r")
    assert configuration.kept_problems(run) == ()
    Path("r").mkdir()
    text = configuration.Configuration({"a": 1}, ("one", "two")).text
    run.config.write_text(text)
    assert configuration.kept_problems(run) == ("one", "two")
    run.config.write_text(configuration.Configuration({"a": 1}).text)
    assert configuration.kept_problems(run) == ()
