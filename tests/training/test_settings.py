"""Trainer settings that would fail late, or measure something else than was asked for."""

from types import SimpleNamespace

import pytest
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, Timer

from medunlearn.errors import InputError
from medunlearn.training.settings import (
    LEAST,
    check_epoch,
    check_monitors,
    check_strategy,
    check_sync_batchnorm,
    check_trainer,
)


@pytest.mark.parametrize("name", LEAST)
def test_trainer_settings_may_be_at_their_least_or_open_but_not_below(name):
    for value in (LEAST[name], LEAST[name] + 1, None):
        check_trainer({"overfit_batches": 0.0, name: value})
    below = LEAST[name] - 1
    with pytest.raises(InputError) as caught:
        check_trainer({"overfit_batches": 0.0, name: below})
    assert str(caught.value) == f"{name}={below}: give a whole number of {LEAST[name]} or more"


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"overfit_batches": 1}, "overfit_batches=1: .*; use trainer.limit_train_batches"),
        ({"overfit_batches": 0.5}, r"overfit_batches=0\.5: "),
        ({"gradient_clip_val": -0.1}, r"gradient_clip_val=-0\.1: give a number above 0, or null"),
        ({"val_check_interval": 0}, "val_check_interval=0: .*`--trainer.limit_val_batches 0` leaves"),
        ({"val_check_interval": 0.0}, r"val_check_interval=0\.0: "),
    ],
)
def test_trainer_settings_that_no_run_can_have_are_refused_in_one_line(setting, says):
    with pytest.raises(InputError, match=f"^{says}"):
        check_trainer({"overfit_batches": 0.0} | setting)


@pytest.mark.parametrize(
    "settings",
    [
        {"gradient_clip_val": None, "val_check_interval": None},
        {"gradient_clip_val": 0.5, "val_check_interval": 0.5},
        {"gradient_clip_val": 0, "val_check_interval": 1},
        {"val_check_interval": "00:15:00"},
    ],
)
def test_trainer_settings_that_lightning_takes_pass(settings):
    check_trainer({"overfit_batches": 0.0} | settings)


@pytest.mark.parametrize("name", ["auto", "ddp", "ddp_find_unused_parameters_true", "single_device"])
def test_strategy_that_keeps_the_model_whole_passes(name):
    check_strategy(name)
    check_strategy({"class_path": name, "init_args": None})


@pytest.mark.parametrize(
    ("strategy", "says"),
    [
        ("fsdp", "strategy=fsdp: splits the weights over"),
        ("deepspeed_stage_2", "strategy=deepspeed_stage_2: splits the weights over"),
        (
            {"class_path": "lightning.pytorch.strategies.FSDPStrategy"},
            "strategy=lightning.pytorch.strategies.FSDPStrategy: splits",
        ),
        ({"class_path": "ModelParallelStrategy"}, "strategy=ModelParallelStrategy: splits"),
        ("ddp_spawn", "strategy=ddp_spawn: its processes are copies"),
        ("ddp_fork_find_unused_parameters_false", "strategy=ddp_fork_find_unused_parameters_false: its proc"),
        ("ddp_notebook", "strategy=ddp_notebook: its processes are copies"),
        (
            {"class_path": "DDPStrategy", "init_args": {"start_method": "spawn"}},
            "strategy=DDPStrategy: its processes are copies",
        ),
    ],
)
def test_strategy_that_shards_or_copies_is_refused_by_name_and_by_class(strategy, says):
    with pytest.raises(InputError) as caught:
        check_strategy(strategy)
    assert str(caught.value).startswith(says)
    assert "use ddp" in str(caught.value)


def test_strategy_is_judged_by_its_class_not_by_its_package():
    check_strategy({"class_path": "fork.of.deepspeed.DDPStrategy", "init_args": {"start_method": "popen"}})


def test_sync_batchnorm_is_refused_on_several_processes_only():
    for wanted, processes in ((False, 1), (False, 2), (True, 1)):
        check_sync_batchnorm(wanted, processes)
    with pytest.raises(InputError, match=r"^sync_batchnorm=true: .*for GPUs only"):
        check_sync_batchnorm(True, 2)


def trainer(**changes):
    usual = {"limit_train_batches": 1.0, "limit_val_batches": 1.0, "val_check_interval": 1.0}
    return SimpleNamespace(**usual | {"check_val_every_n_epoch": 1} | changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"limit_train_batches": 0.1}, "limit_train_batches=0.1: leaves none of 8 batches; give at least 0.13"),
        ({"limit_val_batches": 0.2}, "limit_val_batches=0.2: leaves none of 3 batches; give at least 0.34"),
        ({"val_check_interval": 9}, "val_check_interval=9: an epoch has 8 batches; give at most 8"),
        (
            {"val_check_interval": 5, "limit_train_batches": 4},
            "val_check_interval=5: an epoch has 4 batches; give at most 4",
        ),
        (
            {"val_check_interval": 5, "limit_train_batches": 0.5},
            "val_check_interval=5: an epoch has 4 batches; give at most 4",
        ),
    ],
)
def test_epoch_that_a_limit_empties_or_validation_outlasts_is_refused(changes, says):
    with pytest.raises(InputError) as caught:
        check_epoch(trainer(**changes), 8, 3)
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize("batches", [1, 3, 7, 8, 100, 129])
def test_epoch_has_a_batch_at_the_least_limit_that_the_error_names(batches):
    with pytest.raises(InputError) as caught:
        check_epoch(trainer(limit_train_batches=1e-9), batches, 0)
    named = float(str(caught.value).rpartition(" ")[2])
    assert int(named * batches) >= 1
    assert int((named - 0.01) * batches) == 0, "the least of whole percents"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"limit_train_batches": 0, "limit_val_batches": 0},
        {"limit_train_batches": 0.125, "limit_val_batches": None},
        {"limit_train_batches": 100},
        {"val_check_interval": 8},
        {"val_check_interval": 0.5},
        {"val_check_interval": 9, "check_val_every_n_epoch": None},
    ],
)
def test_epoch_with_a_batch_to_train_on_passes(changes):
    check_epoch(trainer(**changes), 8, 3)


def test_epoch_whose_validation_is_timed_has_no_interval():
    timed = trainer()
    del timed.val_check_interval
    check_epoch(timed, 8, 3)


def test_monitored_values_must_be_among_the_logged():
    logged = ["train/loss", "val/loss"]
    passing = [EarlyStopping("val/loss"), ModelCheckpoint(), ModelCheckpoint(monitor="train/loss"), Timer()]
    check_monitors(passing, logged)
    with pytest.raises(InputError) as caught:
        check_monitors([*passing, EarlyStopping("val_loss")], logged)
    assert str(caught.value) == (
        "callbacks: EarlyStopping monitors val_loss, which is not logged; choose one of train/loss, val/loss"
    )
