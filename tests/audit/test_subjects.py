"""What is audited against what. (The command: `tests/cli/test_audit.py`.)"""

import shutil

import numpy as np
import pytest
from helpers.audited import FORGOTTEN, TRAIN, family, run

from medunlearn.audit import read_subjects
from medunlearn.errors import InputError
from medunlearn.runs import RunDir


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def labels(subject):
    return [str(model.run) for model in subject.retrains]


def test_a_run_is_audited_against_its_reference_and_the_retrains_given():
    own, retrains = family()
    (alone,) = read_subjects([own])
    assert labels(alone) == retrains[:1]
    (more,) = read_subjects([own], against=retrains[1:])
    assert labels(more) == retrains
    (folder,) = read_subjects(["runs"])
    assert labels(folder) == retrains
    assert str(folder.original.run) == "runs/train"
    assert [model.label for model in folder.models] == ["SalUn", "untouched", "Retrain 1", "Retrain 2", "Retrain 3"]


def test_a_retrain_that_was_copied_or_named_twice_is_no_second_one():
    own, retrains = family(retrains=1)
    shutil.copytree(retrains[0], "copy")
    (subject,) = read_subjects([own, retrains[0]], against=["copy", retrains[0]])
    assert len(subject.retrains) == 1


def test_predictions_of_the_original_are_divided_by_the_forget_set():
    own, _ = family()
    (subject,) = read_subjects([own])
    assert np.array_equal(subject.original.predictions.forget.rows, FORGOTTEN)
    assert len(subject.original.predictions.retain.rows) == TRAIN - len(FORGOTTEN)


def test_without_its_original_or_reference_a_run_is_audited_and_says_so():
    own, _ = family()
    shutil.rmtree("runs/train")
    shutil.rmtree("runs/retrain_0")
    (subject,) = read_subjects([own])
    assert subject.original is None
    assert subject.retrains == ()
    assert subject.notes == (
        "Its reference, runs/retrain_0, is not there",
        "The model that it started from, runs/train, is not there: nothing is compared with it",
    )


def test_an_original_or_reference_that_was_made_again_is_left_out():
    own, _ = family()
    run("runs/train", "Train", 77, forgotten=np.arange(0))
    run("runs/retrain_0", "Retrain", 78)
    (subject,) = read_subjects([own])
    assert subject.original is None
    assert subject.retrains == ()
    assert "holds another model now" in subject.notes[0]
    assert "has been made again since" in subject.notes[1]


@pytest.mark.parametrize(
    ("paths", "against", "says"),
    [
        (["runs/train"], [], "audit: none of the runs has unlearned"),
        (["nowhere"], [], "audit=nowhere: no run there"),
        (["runs/own"], ["runs/train"], "against=runs/train: its model has seen the forget set"),
        (["runs/own"], ["nowhere"], "against=nowhere: no run there"),
    ],
)
def test_runs_that_cannot_be_audited_are_refused(paths, against, says):
    family(retrains=1)
    with pytest.raises(InputError) as caught:
        read_subjects(paths, against)
    assert str(caught.value).startswith(says)


def test_a_retrain_of_another_forget_set_is_refused_where_it_is_named_and_left_out_where_it_is_not():
    own, _ = family(retrains=1)
    other = run("runs/other", "Retrain", 20, forgotten=FORGOTTEN[:5])
    made = RunDir(other)
    made.write_json(made.metrics, made.read_metrics("test") | {"split_sha256": "another"})
    assert len(read_subjects([own, other])[0].retrains) == 1
    with pytest.raises(InputError, match=r"^against=runs/other: it was run with another forget set"):
        read_subjects([own], [other])
