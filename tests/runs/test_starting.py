"""Whether a run may start in a directory, or go on there."""

import json
from pathlib import Path

import pytest
import yaml

from medunlearn.errors import InputError
from medunlearn.runs import RunDir
from medunlearn.runs.starting import check_resumable, check_run_dir, check_same_run

SETTINGS = {
    "data": {"file": "a.npz", "batch_size": 8},
    "model": {"class_path": "medunlearn.Train", "init_args": {"lr": 0.1}},
    "seed_everything": 0,
    "trainer": {"max_epochs": 2, "precision": "32-true", "enable_progress_bar": True},
    "evaluation": {"seed": 0},
}
SPLIT = {"sha256": "a", "data_sha256": "b", "indices": [1]}


@pytest.fixture
def run():
    """Return a run directory that holds a configuration and a split."""
    found = RunDir("r")
    found.path.mkdir()
    found.config.write_text(yaml.safe_dump(SETTINGS))
    found.split.write_text(json.dumps(SPLIT))
    return found


def changed(group, **values):
    return SETTINGS | {group: SETTINGS[group] | values}


@pytest.mark.parametrize(
    ("resume", "overwrite", "says"),
    [
        (False, False, "run_dir=r: already holds an unfinished run; give `--resume true`"),
        (True, True, "resume=true: contradicts overwrite=true"),
    ],
)
def test_run_dir_of_an_unfinished_run_is_refused(run, resume, overwrite, says):
    with pytest.raises(InputError, match=says):
        check_run_dir(run, resume, overwrite)


def test_run_dir_of_an_unfinished_run_is_taken_where_that_is_asked_for(run):
    check_run_dir(run, resume=True, overwrite=False)
    check_run_dir(run, resume=False, overwrite=True)


def test_run_dir_of_a_finished_run_is_overwritten_alone(run):
    run.metrics.write_text("{}")
    for resume, remedy in (
        (False, "; `--overwrite true` starts again"),
        (True, ", .* or with `--overwrite true` in place"),
    ):
        with pytest.raises(InputError, match=f"run_dir=r: already holds a finished run{remedy}"):
            check_run_dir(run, resume, overwrite=False)
    check_run_dir(run, resume=False, overwrite=True)


def test_run_dir_that_is_a_file_or_holds_nothing_to_resume():
    Path("file").write_text("")
    with pytest.raises(InputError, match="run_dir=file: is a file; name a directory"):
        check_run_dir(RunDir("file"), resume=False, overwrite=False)
    with pytest.raises(InputError, match="run_dir=new: there is no run to resume; leave out `--resume true`"):
        check_run_dir(RunDir("new"), resume=True, overwrite=False)
    check_run_dir(RunDir("new"), resume=False, overwrite=False)


@pytest.mark.parametrize(
    "settings",
    [
        SETTINGS,
        changed("data", file="moved/a.npz"),
        changed("trainer", max_epochs=5, devices=2),
        changed("trainer", enable_progress_bar=False),
        changed("model", class_path="medunlearn.methods.train.Train"),
    ],
)
def test_resumable_is_what_the_run_is_the_same_with(run, settings):
    check_resumable(run, settings, SPLIT)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (changed("data", batch_size=9), "batch_size=9: the run in r was started with 8; resume it with the same"),
        (changed("trainer", precision="16-mixed"), "precision=16-mixed: the run in r was started with 32-true"),
        (SETTINGS | {"seed_everything": 1}, "seed_everything=1: the run in r was started with 0"),
        (changed("model", class_path="medunlearn.Retrain"), "model.class_path=medunlearn.Retrain: the run in r was"),
        (changed("model", class_path="none.Such"), "model.class_path=none.Such: the run in r was"),
    ],
)
def test_resumable_is_nothing_else(run, settings, says):
    with pytest.raises(InputError) as caught:
        check_resumable(run, settings, SPLIT)
    assert str(caught.value).startswith(says)


def test_resumable_is_no_run_of_other_data(run):
    with pytest.raises(InputError, match="run_dir=r: its data or forget set has changed since it was started"):
        check_resumable(run, SETTINGS, SPLIT | {"indices": [2]})


def test_same_run_has_the_same_settings_except_for_display(run):
    check_same_run(run, changed("trainer", enable_progress_bar=False))
    with pytest.raises(InputError, match=r"^max_epochs=5: the unfinished run in r was made with 2; use the same"):
        check_same_run(run, changed("trainer", max_epochs=5))


def test_finished_run_that_is_to_be_resumed_says_how_to_train_for_longer(tmp_path):
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(InputError) as caught:
        check_run_dir(RunDir(tmp_path), resume=True, overwrite=False)
    assert str(caught.value) == (
        f"run_dir={tmp_path}: already holds a finished run, which cannot be resumed; to train for longer, give a "
        "larger `--trainer.max_epochs` with another run_dir, or with `--overwrite true` in place of `--resume true`"
    )


def test_a_run_made_before_a_setting_was_added_had_its_default(run):
    check_same_run(run, changed("data", test=True))
    check_resumable(run, changed("data", test=True), SPLIT)
    with pytest.raises(InputError, match="test=False: the unfinished run in r was made with None"):
        check_same_run(run, changed("data", test=False))
