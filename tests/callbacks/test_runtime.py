"""Which stage a moment of a run is charged to, by a clock that passes only when a test says so."""

from types import SimpleNamespace

import pytest

from medunlearn import timing
from medunlearn.callbacks import RunTime
from medunlearn.timing import OVERHEAD, Stopwatch


class Clock:
    now = 1000.0

    def passes(self, seconds):
        self.now += seconds


class Logger:
    def __init__(self, clock):
        self.clock, self.logged = clock, []

    def log_metrics(self, metrics, step=None):
        self.clock.passes(0.5)
        self.logged.append((metrics, step))
        return "logged"


class Trainer:
    def __init__(self, clock, restarted=False):
        self.clock, self.loggers, self.saved = clock, [Logger(clock), Logger(clock)], []
        self.fit_loop = SimpleNamespace(restarted_mid_epoch=restarted)
        self.datamodule = None

    def save_checkpoint(self, path):
        self.clock.passes(2)
        self.saved.append(path)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock.now)
    return clock


def started(trainer, stage="fit"):
    """A callback whose run has begun, and the stopwatch of its method."""
    callback, module = RunTime(), SimpleNamespace(stopwatch=Stopwatch())
    callback.setup(trainer, module, stage)
    return callback, module.stopwatch


def spent(callback, trainer):
    return {stage: seconds for stage, seconds in callback.seconds(trainer).items() if seconds}


def test_run_time_before_anything_is_zero_in_every_stage(clock):
    callback = RunTime()
    assert callback.seconds(Trainer(clock)) == dict.fromkeys(("training", *OVERHEAD), 0.0)
    assert callback.minutes(Trainer(clock)) == 0


def test_run_time_is_from_the_first_batch_to_the_last_without_what_is_inside(clock):
    trainer = Trainer(clock)
    callback, _ = started(trainer)
    clock.passes(100)  # before the first epoch
    for _ in range(2):
        callback.on_train_epoch_start(trainer, None)
        clock.passes(30)
        for logger in trainer.loggers:
            logger.log_metrics({"train/loss": 1.0}, step=1)
        callback.on_validation_start(trainer, None)
        clock.passes(7)
        trainer.loggers[0].log_metrics({"val/loss": 1.0})
        callback.on_validation_end(trainer, None)
        clock.passes(15)
        callback.on_train_epoch_end(trainer, None)
        trainer.save_checkpoint("last.ckpt")
        clock.passes(11)  # between epochs
    assert spent(callback, trainer) == {"training": 90, "validation": 14, "logging": 3, "checkpoint": 4}
    assert callback.minutes(trainer) == 1.5


def test_run_time_counts_a_stage_of_the_method_and_what_the_data_take(clock):
    trainer = Trainer(clock)
    callback, stopwatch = started(trainer)
    with stopwatch.measure("saliency"):
        clock.passes(60)
    trainer.datamodule = SimpleNamespace(stopwatch=Stopwatch())
    with trainer.datamodule.stopwatch.measure("reading"):
        clock.passes(5)
    with trainer.datamodule.stopwatch.measure("saliency"):
        clock.passes(30)
    assert spent(callback, trainer) == {"saliency": 90, "reading": 5}
    assert callback.minutes(trainer) == 1.5


def test_run_time_of_data_without_a_stopwatch_is_the_methods(clock):
    trainer = Trainer(clock)
    trainer.datamodule = object()
    callback, stopwatch = started(trainer)
    with stopwatch.measure("training"):
        clock.passes(60)
    assert callback.minutes(trainer) == 1
    del trainer.datamodule
    assert callback.minutes(trainer) == 1


@pytest.mark.parametrize(("restarted", "seconds"), [(True, 3), (False, 0)])
def test_run_time_of_a_run_resumed_within_an_epoch_starts_at_once(clock, restarted, seconds):
    trainer = Trainer(clock, restarted)
    callback, _ = started(trainer)
    callback.on_train_start(trainer, None)
    clock.passes(3)
    callback.on_train_epoch_end(trainer, None)
    assert callback.seconds(trainer)["training"] == seconds


def test_run_time_of_a_resumed_run_goes_on_from_its_checkpoint(clock):
    trainer = Trainer(clock)
    first, _ = started(trainer)
    first.on_train_epoch_start(trainer, None)
    clock.passes(60)
    first.on_train_epoch_end(trainer, None)
    state = first.state_dict()
    first.on_train_epoch_start(trainer, None)
    clock.passes(1000)  # killed: this epoch will be done again
    first.on_train_epoch_end(trainer, None)
    assert state == {"seconds": {"training": 60}}, "what a checkpoint holds does not move on"
    again = Trainer(clock)
    second, _ = started(again)
    second.load_state_dict(state)
    second.on_train_epoch_start(again, None)
    clock.passes(30)
    second.on_train_epoch_end(again, None)
    assert spent(second, again) == {"training": 90}


def test_wrapped_methods_do_and_return_what_they_did(clock):
    trainer = Trainer(clock)
    started(trainer)
    assert trainer.loggers[1].log_metrics({"a": 1.0}, step=4) == "logged"
    trainer.save_checkpoint("last.ckpt")
    assert trainer.loggers[1].logged == [({"a": 1.0}, 4)]
    assert trainer.saved == ["last.ckpt"]
    assert trainer.save_checkpoint.__name__ == "save_checkpoint"


def test_wrapped_method_that_fails_passes_the_error_on_and_stops_its_clock(clock):
    trainer = Trainer(clock)
    trainer.loggers[0].log_metrics = lambda *_: clock.passes(4) or {}["own"]
    callback, _ = started(trainer)
    with pytest.raises(KeyError, match="own"):
        trainer.loggers[0].log_metrics({})
    clock.passes(100)
    assert spent(callback, trainer) == {"logging": 4}


def test_wrapped_methods_are_given_back_and_no_longer_measured(clock):
    trainer = Trainer(clock)
    callback, _ = started(trainer)
    callback.teardown(trainer, None, "fit")
    owners = [(trainer, "save_checkpoint"), *((logger, "log_metrics") for logger in trainer.loggers)]
    assert all(method not in vars(owner) for owner, method in owners)
    trainer.save_checkpoint("last.ckpt")
    assert spent(callback, trainer) == {}
    callback.teardown(trainer, None, "fit")  # as Lightning calls it after a failure too


def test_methods_are_not_wrapped_outside_fit(clock):
    trainer = Trainer(clock)
    callback, _ = started(trainer, "test")
    trainer.save_checkpoint("last.ckpt")
    trainer.loggers[0].log_metrics({})
    assert spent(callback, trainer) == {}
