"""What is read from a run directory to decide what it may be compared with."""

import hashlib
import shutil
from pathlib import Path

import pytest
from helpers.fake_runs import chain, change

from medunlearn.errors import InputError
from medunlearn.runs import RunDir
from medunlearn.runs.comparable import original_of, reference_of
from medunlearn.runs.record import Record, role_of


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def record(run):
    return Record.of(RunDir(run), "report")


@pytest.mark.parametrize(
    ("metrics", "role"),
    [
        ({"role": "retrained", "trained_on": "all"}, "retrained"),
        ({"role": "original", "original": "t"}, "original"),
        ({"trained_on": "all"}, "original"),
        ({"trained_on": "retain", "original": None}, "retrained"),
        ({"trained_on": "retain", "original": "t"}, "unlearned"),
        ({"trained_on": "forget_then_retain", "original": "t", "role": None}, "unlearned"),
        ({}, "original"),
    ],
)
def test_the_role_of_an_older_run_follows_from_what_it_was_trained_on(metrics, role):
    assert role_of(metrics) == role


def test_a_record_holds_what_metrics_and_config_say():
    train, retrain, salun = chain(seed=3, augmentation="NoAug")
    change(salun, attack={"feature": "entropy", "nonmembers": "val", "seed": 2, "solver": "libsvm"}, reference="r")
    found = record(salun)
    assert [record(run).role for run in (train, retrain, salun)] == ["original", "retrained", "unlearned"]
    assert (found.path, found.seed, found.augmentation, found.original) == (Path(salun), 3, "NoAug", train)
    assert found.values == {"UA": 4.0, "RA": 97.0, "TA": 94.5, "MIA": 9.0}
    assert found.attack == {"feature": "entropy", "nonmembers": "val", "seed": 2}
    assert (found.n_forget, found.reference, found.reference_sha256, found.missing) == (4000, "r", None, "")
    assert record(train).missing == "UA"


def test_a_run_is_known_by_the_weights_that_its_metrics_list():
    _, retrain, _ = chain()
    weights = RunDir(retrain).weights
    assert record(retrain).weights_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    change(retrain, files={"checkpoints/model.ckpt": "as written"})
    assert record(retrain).weights_sha256 == "as written"
    change(retrain, files={"checkpoints/model.ckpt": 3})
    weights.unlink()
    assert record(retrain).weights_sha256 is None


def test_a_run_without_a_configuration_keeps_no_augmentation():
    _, retrain, _ = chain()
    Path(retrain, "config.yaml").write_text("data: {}\n")
    assert record(retrain).augmentation == "Default", "the preset that holds where none is set"
    Path(retrain, "config.yaml").unlink()
    assert record(retrain).augmentation is None


def test_a_damaged_configuration_is_refused_by_argument_and_file():
    _, retrain, _ = chain()
    Path(retrain, "config.yaml").write_text("data: [1]\n")
    with pytest.raises(InputError, match=f"^report={retrain}: {retrain}/config.yaml: data is \\[1\\], not a group"):
        record(retrain)


# Through the command line

FORGET = "--data.forget.rate=0.25"
OWN = """
import medunlearn

class MyRetrain(medunlearn.Retrain):
    pass
"""


@pytest.fixture
def own_retrain(tmp_path, monkeypatch, fit):
    """Return the run directories of Train, of a Retrain of the user's own class, and of a SalUn that names it."""
    (tmp_path / "own_methods.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    train = fit.original("t", epochs=1)
    retrain = fit("own_methods.MyRetrain", "own", FORGET, epochs=1)
    salun = fit("SalUn", "s", FORGET, f"--model.init_args.original={train}", f"--reference={retrain}", epochs=1)
    return train, retrain, salun


def test_a_retrained_run_of_a_class_of_ones_own_is_a_reference_wherever_it_lies(own_retrain, fit, tmp_path):
    train, retrain, salun = own_retrain
    metrics = RunDir(salun).read_metrics("run")
    assert metrics["reference_sha256"] == RunDir(retrain).weights_sha256()
    assert [record(run).role for run in own_retrain] == ["original", "retrained", "unlearned"]
    assert metrics["AG"] is not None
    other = fit("Retrain", "r", FORGET, "--model.init_args.lr=0.03", epochs=1)
    found = reference_of(record(salun), map(record, [train, other, retrain, salun]))
    assert (found.reference.path, found.AG, found.reason) == (retrain, metrics["AG"], "")
    found = reference_of(record(salun), map(record, [train, other, salun]))
    assert (found.reference, found.AG) == (None, metrics["AG"])
    assert "which is not among the runs" in found.reason

    (tmp_path / "elsewhere").mkdir()
    for run in own_retrain:
        shutil.move(run, tmp_path / "elsewhere" / run.name)
    moved = [record(tmp_path / "elsewhere" / run.name) for run in own_retrain]
    found = reference_of(moved[2], moved)
    assert (found.reference, found.AG, found.reason) == (moved[1], metrics["AG"], "")
    assert original_of(moved[2], moved) == moved[0]
