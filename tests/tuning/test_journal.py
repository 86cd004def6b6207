"""The file of a study, as the process of a trial uses it."""

import json
import math
import os
from pathlib import Path

import optuna
import pytest

from medunlearn.tuning.journal import CONFIG, RECIPE, TrialFile, open_journal, repair

FILE = Path("study.jsonl")


@pytest.fixture
def study():
    """Return a study of a recipe that has come to a gap of 2 points, and three proposals that run."""
    study = optuna.create_study(storage=open_journal(FILE), study_name="s")
    for number in range(4):
        attributes = {CONFIG: "b" if number == 3 else "a", **({RECIPE: True} if number == 0 else {})}
        study.enqueue_trial({}, user_attrs=attributes)
    for _ in range(4):
        study.ask()
    assert TrialFile(FILE, 0).judged(2.0, 75) == ""
    return study


def test_what_is_behind_is_told_why_and_the_study_knows_its_gap(study):
    assert TrialFile(FILE, 1).judged(1.0, 75) == ""
    assert TrialFile(FILE, 2).judged(3.0, 75) == (
        "its proxy gap of 3.00 points is in the worse half after 75 % of the schedule"
    )
    assert [trial.intermediate_values for trial in study.trials] == [{75: 2.0}, {75: 1.0}, {75: 3.0}, {}]


def test_half_way_only_the_worst_quarter_is_stopped(study):
    trials = [TrialFile(FILE, number) for number in range(3)]
    assert [each.judged(gap, 50) for each, gap in zip(trials, (2.0, 3.0, 9.0), strict=True)] == ["", "", ""]


def test_trials_of_another_config_are_no_measure(study):
    assert TrialFile(FILE, 3).judged(9.0, 75) == ""


def test_recipe_is_never_stopped_unless_it_has_diverged(study):
    assert TrialFile(FILE, 1).judged(1.0, 50) == ""
    assert TrialFile(FILE, 0).judged(5.0, 50) == ""
    assert TrialFile(FILE, 0).judged(math.inf, 75) == "the model has diverged"


def test_a_resumed_trial_comes_to_a_rung_twice_and_a_finished_one_is_left_alone(study):
    trial = TrialFile(FILE, 1)
    assert trial.judged(3.0, 75) == trial.judged(3.0, 75) != ""
    study.tell(1, state=optuna.trial.TrialState.PRUNED)
    assert trial.judged(9.0, 50) == ""
    assert study.trials[1].intermediate_values == {75: 3.0}


def test_a_trial_whose_study_is_not_there_is_left_alone():
    assert TrialFile(Path("nowhere.jsonl"), 0).judged(9.0, 75) == ""
    assert not Path("nowhere.jsonl").exists()


def test_half_a_line_that_a_kill_has_left_is_cut_off(study):
    whole = FILE.read_bytes()
    FILE.write_bytes(whole + b'{"op_code":4,"wor')
    repair(FILE)
    assert FILE.read_bytes() == whole
    repair(FILE)
    repair(Path("nowhere.jsonl"))
    assert FILE.read_bytes() == whole and not Path("nowhere.jsonl").exists()


def test_a_lock_that_a_kill_has_left_is_taken_away_once_nobody_can_hold_it(study):
    lock = Path(f"{FILE}.lock")
    lock.symlink_to(FILE.absolute())
    repair(FILE)
    assert lock.is_symlink(), "it may be held"
    os.utime(lock, (0, 0), follow_symlinks=False)
    repair(FILE)
    assert not lock.is_symlink() and FILE.is_file()


def test_the_file_holds_lines_of_json_and_nothing_pickled(study):
    assert all(isinstance(json.loads(line), dict) for line in FILE.read_text().splitlines())
