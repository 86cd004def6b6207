"""What the command line and `medunlearn.fit` give every Trainer."""

from pathlib import Path

from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint

from medunlearn.callbacks import Interruption, RunTime, session
from medunlearn.methods import SalUn, Train
from medunlearn.runs import RunDir
from medunlearn.training.lines import LogLines


def test_epochs_are_the_methods_where_no_end_is_given():
    for given, expected in (({}, 10), ({"max_epochs": None}, 10), ({"max_epochs": 3}, 3), ({"max_steps": 7}, None)):
        filled = dict(given)
        session.fill_arguments(filled, SalUn)
        assert filled.get("max_epochs") == expected
    filled = {}
    session.fill_arguments(filled, Train)
    assert filled == {"max_epochs": 200}


def test_callbacks_are_those_of_every_run_around_those_given():
    given = EarlyStopping("val/loss")
    kinds = [RunTime, EarlyStopping, LogLines, LearningRateMonitor, ModelCheckpoint, Interruption]
    for callbacks in (given, [given]):
        parts = session.trainer_parts(RunDir("r"), {"callbacks": callbacks})
        assert [type(each) for each in parts["callbacks"]] == kinds
    checkpoint = parts["callbacks"][4]
    assert Path(checkpoint.dirpath) == Path("r/checkpoints").absolute()


def test_callbacks_leave_out_what_is_turned_off():
    parts = session.trainer_parts(RunDir("r"), {"logger": False, "enable_checkpointing": False})
    assert [type(each) for each in parts["callbacks"]] == [RunTime, LogLines, Interruption]
    assert parts["callbacks"][2].checkpoint is None
