"""One run directory as one row: which directories are runs, and what their files may say."""

from pathlib import Path

import pytest
from helpers.fake_runs import chain, change, fake

from medunlearn.errors import InputError
from medunlearn.report.reading import find_runs, read_run
from medunlearn.runs import RunDir


def test_find_runs_takes_each_run_once_and_a_folder_for_the_runs_in_it():
    train, retrain, salun = chain()
    Path("runs/0/notes").mkdir()
    Path("link").symlink_to(salun)
    found = [str(run) for run in find_runs([salun, "runs/0", RunDir(train), "link"])]
    assert found == [salun, retrain, train]


def test_find_runs_leaves_out_trials_that_were_stopped_unless_they_are_named():
    train, *_ = chain()
    Path("runs/0/stopped").mkdir()
    for run in (Path("runs/0/stopped"), Path(train)):  # the latter has gone on to its end after all
        (run / "stopped.json").write_text("{}")
    assert [run.path.name for run in find_runs(["runs/0"])] == ["retrain", "salun", "train"]
    assert [str(run) for run in find_runs(["runs/0/stopped"])] == ["runs/0/stopped"]


def test_find_runs_keeps_a_path_without_runs_so_that_reading_it_says_why():
    Path("empty").mkdir()
    (run,) = find_runs(["empty"])
    with pytest.raises(InputError, match="report=empty: holds no finished run; give directories that hold a metrics"):
        read_run(run)


def test_find_runs_refuses_a_path_that_no_file_can_have():
    with pytest.raises(InputError, match=r"cannot be read .*; name a run directory"):
        find_runs(["a\0b"])


def test_read_run_names_the_command_that_goes_on_with_an_unfinished_run():
    run = RunDir(chain()[2])
    run.metrics.unlink()
    with pytest.raises(InputError, match=r"unfinished; go on with `medunlearn\.fit\(.*salun.*\)`, or leave it out"):
        read_run(run)
    run.config.unlink()
    with pytest.raises(InputError, match="unfinished; run that stage again, or leave it out"):
        read_run(run)


def test_read_run_takes_a_row_from_metrics_and_config():
    train, _, salun = chain()
    change(
        salun,
        data={"batch_size": 32},
        epochs=10,
        attack={"feature": "entropy", "nonmembers": "val", "seed": 2},
        before=None,
        data_sha256="d" * 64,
    )
    row = read_run(RunDir(salun))
    expected = {
        "run": salun,
        "method": "SalUn",
        "role": "unlearned",
        "data": "bloodmnist",
        "forgotten": "10 %",
        "dataset": "bloodmnist 64",
        "original": train,
        "UA": 4.0,
        "RTE": 0.9,
        "n_forget": 4000,
        "n_retain": 36_000,
        "n_test": 12_000,
        "hardware": "Some & Processor",
        "precision": "bf16-mixed",
        "torch": "2.15.0",
        "before": None,
        "listed": False,
    }
    assert {key: row[key] for key in expected} == expected
    protocol = {"size": 64, "epochs": 10, "batch": 32, "attack": "entropy, val, seed 2"}
    assert row["settings"] == {"lr": 0.013} | protocol, "the original is another run, not a setting"


def test_read_run_of_a_file_has_neither_official_name_nor_size():
    _, _, salun = chain()
    change(salun, data={"file": "ours.npz"})
    row = read_run(RunDir(salun))
    assert row["dataset"] == ""
    assert row["settings"]["size"] is None


@pytest.mark.parametrize(
    ("forget", "name", "listed"),
    [
        ({"rate": 0.075}, "7.5 %", False),
        ({"rate": 0.5, "stratified": True}, "50 % (stratified)", False),
        ({"classes": [4, 0]}, "classes 4, 0", False),
        ({"classes": [4]}, "class 4", False),
        ({"indices": "lists/patient.csv"}, "patient.csv", True),
        ({}, "4,000 images", False),
        (None, "4,000 images", False),
    ],
)
def test_read_run_names_what_is_forgotten(forget, name, listed):
    _, _, salun = chain()
    change(salun, data={"forget": forget})
    row = read_run(RunDir(salun))
    assert (row["forgotten"], row["listed"]) == (name, listed)


def test_read_run_names_nothing_where_nothing_is_forgotten():
    assert read_run(RunDir(chain()[0]))["forgotten"] == ""


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"forget": {"rate": 1}}, "data.forget.rate is 1, not a share"),
        ({"forget": {"rate": True}}, "data.forget.rate is True, not a share"),
        ({"forget": {"rate": "0.1"}}, "data.forget.rate is 0.1, not a share"),
        ({"forget": {"classes": 4}}, "data.forget.classes is not a list of whole numbers"),
        ({"forget": {"classes": [0.5]}}, "data.forget.classes is not a list of whole numbers"),
        ({"forget": {"indices": [1]}}, "data.forget.indices is not a file name"),
        ({"forget": 3}, "data.forget"),
        ({"augmentation": ["NoAug"]}, "data.augmentation is not a name"),
    ],
)
def test_read_run_refuses_a_config_of_another_form_and_names_its_file(data, message):
    run = RunDir(fake("r", "SalUn", (1, 2, 3, 4), before=(1, 2, 3, 4), original="t"))
    change("r", data=data)
    with pytest.raises(InputError) as error:
        read_run(run)
    assert str(error.value).startswith("report=r: r/config.yaml: ")
    assert message in str(error.value)
