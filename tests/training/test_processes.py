"""What processes that train one model share, with a stand-in for the others. (Real ones: `faults/test_failing.py`.)"""

import subprocess
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
from torch import nn

from medunlearn.errors import InputError, Interrupted, Killed
from medunlearn.training import processes
from medunlearn.training.processes import (
    ENDED,
    GRACE_PERIOD,
    failing_together,
    several_processes,
    share_buffers,
    share_tensors,
)


class Store:
    """The store that processes share; `first` is what another process has written to it."""

    def __init__(self, first=None, binary=True):
        self.value, self.binary = first, binary

    def compare_set(self, key, expected, wanted):
        assert (key, expected) == (ENDED, "")
        if not self.value:
            self.value = wanted
        return self.value.encode() if self.binary else self.value


class Process:
    """A started process, which ends by itself or not."""

    def __init__(self, ends=True):
        self.ends, self.calls = ends, []

    def wait(self, seconds):
        self.calls.append(("wait", seconds))
        if not self.ends:
            raise subprocess.TimeoutExpired("medunlearn", seconds)

    def kill(self):
        self.calls.append("kill")

    def poll(self):
        return None


@pytest.fixture
def group(monkeypatch):
    """Return a function that makes this process one of a group."""

    def join(rank=0, world=3, store=None, alive=True):
        def found():
            if not alive:
                raise RuntimeError("Default process group has not been initialized")
            return store

        monkeypatch.setattr(dist, "is_initialized", lambda: True)
        monkeypatch.setattr(dist, "get_rank", lambda: rank)
        monkeypatch.setattr(dist, "get_world_size", lambda: world)
        monkeypatch.setattr(dist.distributed_c10d, "_get_default_store", found)

    return join


@pytest.fixture
def sent(monkeypatch, group):
    """What is broadcast, in a group whose first process holds ones everywhere."""
    group()
    tensors = []

    def broadcast(tensor, src):
        assert src == 0
        assert tensor.is_contiguous(), "nothing else can be sent"
        tensors.append(tensor.shape)
        tensor.fill_(1)

    monkeypatch.setattr(dist, "broadcast", broadcast)
    return tensors


# Shared tensors


def test_several_processes_are_more_than_one_in_a_group(group):
    assert not several_processes()
    group(world=1)
    assert not several_processes()
    group(world=2)
    assert several_processes()


def test_several_processes_are_none_where_pytorch_has_no_distributed_part(group, monkeypatch):
    group(world=2)
    monkeypatch.setattr(dist, "is_available", lambda: False)
    assert not several_processes()


def test_shared_tensors_of_one_process_stay_as_they_are(monkeypatch):
    monkeypatch.setattr(dist, "broadcast", lambda *_, **__: pytest.fail("there is nobody to send to"))
    tensor = torch.arange(4.0)
    share_tensors([tensor])
    assert tensor.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(3),
        torch.zeros(2, 3, 4, 4).to(memory_format=torch.channels_last),
        torch.zeros(6)[::2],
        torch.tensor(0),
        nn.Parameter(torch.zeros(2)),
    ],
    ids=["plain", "channels-last", "strided", "scalar", "parameter"],
)
def test_shared_tensors_take_the_first_ones_values_in_place(sent, tensor):
    place, strides = tensor.data_ptr(), tensor.stride()
    share_tensors(iter([tensor]))
    assert bool((tensor == 1).all())
    assert (tensor.data_ptr(), tensor.stride()) == (place, strides)
    assert sent == [tensor.shape]


def test_shared_buffers_are_all_of_them_and_no_parameter(sent):
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    weights = {name: value.clone() for name, value in model.named_parameters()}
    model[1].running_mean.fill_(7)
    share_buffers(model)
    assert len(sent) == 3
    assert model[1].running_mean.tolist() == [1] * 4
    assert model[1].num_batches_tracked == 1
    assert all(torch.equal(value, weights[name]) for name, value in model.named_parameters())


# The end of all


@pytest.mark.parametrize(
    "error", [InputError("x=1: no; give 2"), KeyError("own"), Interrupted(15, "go on"), SystemExit(3)]
)
def test_failing_alone_passes_the_error_on(error):
    with pytest.raises(type(error)) as caught, failing_together(None):
        raise error
    assert caught.value is error


def test_failing_together_does_nothing_where_nothing_fails(group):
    store, process = Store(), Process()
    group(store=store)
    with failing_together(SimpleNamespace(procs=[process])):
        pass
    assert (store.value, process.calls) == (None, [])


@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize(
    ("error", "noted"), [(InputError("x=1: no; give 2"), "2"), (KeyError("own"), "1"), (SystemExit(0), "1")]
)
def test_failing_first_raises_its_own_error_and_notes_rank_and_status(group, rank, error, noted):
    store = Store()
    group(rank=rank, store=store)
    with pytest.raises(type(error)) as caught, failing_together(None):
        raise error
    assert caught.value is error
    assert store.value == f"{rank} {noted} "


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("status", [1, 2])
def test_failing_later_ends_in_silence_with_the_status_of_the_first(group, binary, rank, status):
    group(rank=rank, store=Store(f"2 {status} ", binary))
    with pytest.raises(SystemExit) as caught, failing_together(None):
        raise RuntimeError("Connection closed by peer")
    assert caught.value.code == status
    assert caught.value.__suppress_context__


def test_failing_after_a_signal_reached_another_is_said_by_rank_0_with_its_hint(group):
    group(rank=0, store=Store("2 143 go on with `medunlearn fit --resume true`"))
    with pytest.raises(Interrupted) as caught, failing_together(None):
        raise RuntimeError("Connection closed by peer")
    assert str(caught.value) == "ended by SIGTERM; go on with `medunlearn fit --resume true`"
    assert caught.value.status == 143


def test_failing_after_a_signal_reached_another_is_silent_elsewhere(group):
    group(rank=1, store=Store("2 143 go on"))
    with pytest.raises(SystemExit) as caught, failing_together(None):
        raise RuntimeError("Connection closed by peer")
    assert caught.value.code == 0


@pytest.mark.parametrize(("rank", "raised"), [(0, Interrupted), (1, SystemExit)])
def test_interrupted_processes_note_the_hint_and_rank_0_alone_says_so(group, rank, raised):
    store = Store()
    group(rank=rank, store=store)
    with pytest.raises(raised) as caught, failing_together(None):
        raise Interrupted(15, "go on with `a; b`")
    assert store.value == f"{rank} 143 go on with `a; b`"
    assert (caught.value.code if rank else caught.value.status) == (0 if rank else 143)


def test_failing_without_a_store_speaks_for_itself(group):
    group(rank=1, alive=False)
    error = RuntimeError("own")
    with pytest.raises(RuntimeError) as caught, failing_together(None):
        raise error
    assert caught.value is error


# The processes that the first one has started: of rank 1, of rank 2


@pytest.mark.parametrize("ends", [True, False])
def test_started_process_that_failed_first_may_say_why_before_all_are_killed(group, ends):
    started = [Process(), Process(ends)]
    group(store=Store("2 1 "))
    with pytest.raises(SystemExit), failing_together(SimpleNamespace(procs=started)):
        raise RuntimeError("Connection closed by peer")
    assert [process.calls for process in started] == [["kill"], [("wait", GRACE_PERIOD), "kill"]]


@pytest.mark.parametrize("first", [None, "0 1 "])
def test_started_processes_are_killed_at_once_where_the_first_process_failed_itself(group, first):
    started = [Process(), Process()]
    group(store=Store(first))
    with pytest.raises(KeyError), failing_together(SimpleNamespace(procs=started)):
        raise KeyError("own")
    assert [process.calls for process in started] == [["kill"], ["kill"]]


def test_started_processes_are_killed_before_there_is_a_group():
    started = [Process()]
    with pytest.raises(KeyError), failing_together(SimpleNamespace(procs=started)):
        raise KeyError("own")
    assert started[0].calls == ["kill"]


def test_started_processes_are_left_to_their_own_signal():
    started = [Process()]
    with pytest.raises(Interrupted), failing_together(SimpleNamespace(procs=started)):
        raise Interrupted(15)
    assert started[0].calls == []


# Killed processes


class Dead(Process):
    """A started process that a signal has ended, or that goes on."""

    def __init__(self, status):
        super().__init__()
        self.status = status

    def poll(self):
        return self.status


LOST = RuntimeError("[../gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:29500")


@pytest.mark.parametrize("error", [LOST, Interrupted(2)], ids=["connection", "watch"])
def test_killed_process_is_named_by_the_first_one_which_ends_the_others(group, error):
    started = [Dead(None), Dead(-9)]
    group(store=Store())
    with pytest.raises(Killed) as caught, failing_together(SimpleNamespace(procs=started), lambda: "go on with `a`"):
        raise error
    assert str(caught.value) == (
        "process 2 was killed by SIGKILL, as the system does when memory runs out; go on with `a`"
    )
    assert [process.calls for process in started] == [["kill"], ["kill"]]


def test_killed_process_is_left_to_the_first_one_by_the_others(group):
    group(rank=2, store=Store())
    with pytest.raises(SystemExit) as caught, failing_together(None):
        raise LOST
    assert caught.value.code == 1


@pytest.mark.parametrize(("rank", "raised"), [(1, Killed), (2, SystemExit)])
def test_killed_first_process_is_named_by_rank_1_alone(group, monkeypatch, rank, raised):
    group(rank=rank, store=Store())
    parents = iter([10])
    monkeypatch.setattr(processes.os, "getppid", lambda: next(parents, 1))
    with pytest.raises(raised) as caught, failing_together(None, lambda: "go on with `a`"):
        raise LOST
    if rank == 1:
        assert str(caught.value).startswith("process 0 has ended without a message, ")


def test_lost_contact_without_a_killed_process_keeps_its_own_error(group, monkeypatch):
    monkeypatch.setattr(processes, "PATIENCE", 0)
    group(store=Store())
    with pytest.raises(RuntimeError, match="gloo"), failing_together(SimpleNamespace(procs=[Dead(None)])):
        raise LOST


def test_failure_of_another_ends_one_that_its_watch_has_interrupted_with_its_status(group):
    started = [Dead(2)]
    group(store=Store("1 2 "))
    with pytest.raises(SystemExit) as caught, failing_together(SimpleNamespace(procs=started)):
        raise Interrupted(2)
    assert caught.value.code == 2
