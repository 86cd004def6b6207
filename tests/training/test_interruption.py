"""The handlers of signals, with a stand-in for the Trainer. (Whole runs: `faults/test_signals.py`.)"""

import os
import signal
import threading
from types import SimpleNamespace

import pytest
import torch
from lightning.fabric.plugins.environments import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

from medunlearn.errors import Interrupted
from medunlearn.training import interruption
from medunlearn.training.interruption import Interruption, ending_at_once, restarted_by_slurm

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


@pytest.fixture(autouse=True)
def _handlers():
    """Put the handlers back that a failing test would leave."""
    before = {number: signal.getsignal(number) for number in NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def trainer_of(environment=None, launcher=None, world=1, others=0, accumulate=1, last=False):
    saved = []
    return SimpleNamespace(
        accumulate_grad_batches=accumulate,
        is_last_batch=last,
        world_size=world,
        saved=saved,
        save_checkpoint=saved.append,
        strategy=SimpleNamespace(
            launcher=launcher,
            root_device=torch.device("cpu"),
            reduce=lambda value, reduce_op: {"max": max}[reduce_op](value, torch.tensor(int(others))),
        ),
        _accelerator_connector=SimpleNamespace(cluster_environment=environment or LightningEnvironment()),
    )


def handlers(numbers=NUMBERS):
    return [signal.getsignal(number) for number in numbers]


def send(number):
    os.kill(os.getpid(), number)


@pytest.fixture
def training():
    """Return a function that gives a callback that listens, in the middle of a batch."""
    blocks = []

    def begin(trainer, checkpoint="last.ckpt"):
        callback = Interruption(checkpoint)
        blocks.append(callback.listening(trainer))
        blocks[-1].__enter__()
        callback.on_train_batch_start(trainer, None, None, 0)
        return callback

    return begin


# Listening


def test_listening_takes_ctrl_c_and_sigterm_and_gives_them_back():
    before = handlers()
    with Interruption(None).listening(trainer_of()):
        during = handlers()
        assert during[0] is during[1]
        assert during[0] is not before[0]
        assert during[2:] == before[2:], "no SLURM, no signal of its own"
    assert handlers() == before


def test_listening_gives_signals_back_also_where_the_run_fails():
    before = handlers()
    with pytest.raises(KeyError), Interruption(None).listening(trainer_of()):
        raise KeyError("own")
    assert handlers() == before


def test_listening_again_replaces_what_lightning_has_put_in_place():
    callback, trainer = Interruption(None), trainer_of()
    before = handlers()
    with callback.listening(trainer):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        callback.on_train_start(trainer, None)
        with pytest.raises(Interrupted):
            send(signal.SIGTERM)
    assert handlers() == before


def test_listening_in_a_thread_leaves_signals_alone():
    before, during = handlers(), []

    def listen():
        with Interruption(None).listening(trainer_of()):
            during.extend(handlers())

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert during == before == handlers()


@pytest.mark.parametrize(
    ("environment", "number"),
    [
        (SLURMEnvironment(), signal.SIGUSR1),
        (SLURMEnvironment(requeue_signal=signal.SIGUSR2), signal.SIGUSR2),
        (SLURMEnvironment(auto_requeue=False), None),
    ],
    ids=["usual", "chosen", "no requeue"],
)
def test_listening_in_a_slurm_job_takes_its_requeue_signal(environment, number):
    before = handlers()
    with Interruption(None).listening(trainer_of(environment)):
        taken = {each for each, old in zip(NUMBERS, before, strict=True) if signal.getsignal(each) is not old}
    assert taken == {signal.SIGINT, signal.SIGTERM} | ({number} if number else set())
    assert handlers() == before


# Outside training, and a second time


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_outside_training_ends_the_run_at_once(number):
    with Interruption(None).listening(trainer_of()), pytest.raises(Interrupted) as caught:
        send(number)
    assert (caught.value.number, caught.value.status) == (number, 128 + number)


def test_signal_of_an_earlier_run_is_forgotten(training):
    trainer = trainer_of()
    callback = training(trainer)
    send(signal.SIGINT)
    with callback.listening(trainer):
        callback.on_train_epoch_start(trainer, None)
        callback.on_train_batch_start(trainer, None, None, 0)
        send(signal.SIGINT)  # counts as the first
        with pytest.raises(Interrupted):
            callback.on_train_epoch_start(trainer, None)


def test_second_signal_ends_the_run_within_the_batch(training):
    trainer = trainer_of()
    training(trainer)
    send(signal.SIGINT)
    with pytest.raises(Interrupted, match="SIGTERM"):
        send(signal.SIGTERM)
    assert trainer.saved == []


def test_sigterm_is_passed_on_to_the_processes_that_this_one_started_and_ctrl_c_is_not(training):
    killed = []
    training(trainer_of(launcher=SimpleNamespace(kill=killed.append)))
    send(signal.SIGINT)
    assert killed == []
    with pytest.raises(Interrupted):
        send(signal.SIGTERM)
    assert killed == [signal.SIGTERM]


def test_signal_in_a_forked_worker_is_left_to_its_parent(monkeypatch):
    with Interruption(None).listening(trainer_of()):
        handle = signal.getsignal(signal.SIGTERM)
        here = os.getpid()
        with monkeypatch.context() as patch:
            patch.setattr(interruption.os, "getpid", lambda: here + 1)
            handle(signal.SIGTERM, None)
        with pytest.raises(Interrupted):
            handle(signal.SIGTERM, None)


# During training


def test_signal_within_a_batch_keeps_a_checkpoint_after_it(training):
    trainer = trainer_of()
    callback = training(trainer)
    send(signal.SIGTERM)
    with pytest.raises(Interrupted, match="SIGTERM"):
        callback.on_train_batch_end(trainer, None, None, None, 0)
    assert trainer.saved == ["last.ckpt"]


def test_signal_ends_a_run_that_keeps_no_checkpoint_after_the_batch_too(training):
    trainer = trainer_of()
    callback = training(trainer, checkpoint=None)
    send(signal.SIGTERM)
    with pytest.raises(Interrupted):
        callback.on_train_batch_end(trainer, None, None, None, 0)
    assert trainer.saved == []


def test_batches_without_a_signal_go_on(training):
    trainer = trainer_of(world=2)
    callback = training(trainer)
    callback.on_train_batch_end(trainer, None, None, None, 0)
    callback.on_train_epoch_start(trainer, None)
    callback.on_train_end(trainer, None)
    assert trainer.saved == []


@pytest.mark.parametrize(("batch", "ends"), [(0, False), (1, False), (2, True), (3, False), (5, True)])
def test_signal_waits_for_the_step_of_gathered_gradients(training, batch, ends):
    trainer = trainer_of(accumulate=3)
    callback = training(trainer)
    send(signal.SIGTERM)
    if ends:
        with pytest.raises(Interrupted):
            callback.on_train_batch_end(trainer, None, None, None, batch)
    else:
        callback.on_train_batch_end(trainer, None, None, None, batch)
    assert trainer.saved == ["last.ckpt"] * ends


@pytest.mark.parametrize("hook", ["on_train_epoch_start", "on_train_end"])
def test_signal_within_the_last_batch_leaves_the_checkpoint_to_the_epoch(training, hook):
    trainer = trainer_of(last=True)
    callback = training(trainer)
    send(signal.SIGTERM)
    callback.on_train_batch_end(trainer, None, None, None, 7)
    with pytest.raises(Interrupted):
        getattr(callback, hook)(trainer, None)
    assert trainer.saved == []


def test_signal_after_the_training_ends_the_run_at_once(training):
    trainer = trainer_of()
    callback = training(trainer)
    callback.on_train_end(trainer, None)
    with pytest.raises(Interrupted):
        send(signal.SIGINT)


def test_signal_of_another_process_ends_this_one_after_the_same_batch(training):
    trainer = trainer_of(world=2, others=signal.SIGTERM)
    callback = training(trainer)
    with pytest.raises(Interrupted, match="SIGTERM"):
        callback.on_train_batch_end(trainer, None, None, None, 0)
    assert trainer.saved == ["last.ckpt"]


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Terminated."), True),
        (RuntimeError("own"), False),
        (ValueError("DataLoader worker"), False),
    ],
)
def test_worker_that_the_signal_killed_counts_as_the_signal(training, error, ends):
    trainer = trainer_of()
    callback = training(trainer)
    callback.on_exception(trainer, None, error)  # without a signal an error is an error
    send(signal.SIGTERM)
    if ends:
        with pytest.raises(Interrupted, match="SIGTERM"):
            callback.on_exception(trainer, None, error)
    else:
        callback.on_exception(trainer, None, error)


# SLURM


@pytest.mark.parametrize(("array", "job"), [({}, "7"), ({"ARRAY_JOB_ID": "5", "ARRAY_TASK_ID": "3"}, "5_3")])
def test_requeue_names_the_job_or_the_task_of_an_array(monkeypatch, array, job):
    for name in ("ARRAY_JOB_ID", "ARRAY_TASK_ID"):
        monkeypatch.delenv(f"SLURM_{name}", raising=False)
    for name, value in ({"JOB_ID": "7"} | array).items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    asked = []
    monkeypatch.setattr(interruption.subprocess, "run", lambda command, check: asked.append((command, check)))
    with Interruption(None).listening(trainer_of(SLURMEnvironment())):
        with pytest.raises(Interrupted, match="SIGUSR1"):
            send(signal.SIGUSR1)
        assert asked == [(["scontrol", "requeue", job], False)]
        with pytest.raises(Interrupted, match="SIGTERM"):
            send(signal.SIGTERM)
    assert len(asked) == 1, "any other signal ends the job"


@pytest.mark.parametrize(("count", "restarted"), [(None, False), ("0", False), ("1", True), ("12", True)])
def test_restarted_by_slurm_is_what_it_counts(monkeypatch, count, restarted):
    monkeypatch.delenv("SLURM_RESTART_COUNT", raising=False)
    if count:
        monkeypatch.setenv("SLURM_RESTART_COUNT", count)
    assert restarted_by_slurm() is restarted


def test_what_trains_nothing_is_ended_at_once_and_workers_leave_it_to_the_process_that_started_them(monkeypatch):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted, match="SIGINT"), ending_at_once():
        os.kill(os.getpid(), signal.SIGINT)
    with ending_at_once():
        monkeypatch.setattr(os, "getpid", lambda: -1)
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == before
