"""Distributed helpers: equal buffers on every rank, and a shared exit status."""

import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch.distributed as dist
from torch import Tensor, nn

from medunlearn.errors import InputError, Interrupted

ENDED = "medunlearn/ended"  # key in the store that the processes share: who ended first, with what status, and a hint

SIGNALS = 128  # statuses above are of signals

GRACE_PERIOD = 15.0
"""Seconds that a failed process has to print its error and end, before the first one kills the others."""


def several_processes() -> bool:
    """Return whether this process is one of several that train one model."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def share_buffers(module: nn.Module) -> None:
    """Give every process the buffers of the first, whose model is the one that is saved.

    Each process's BatchNorm statistics follow its own share of the batches. DDP hands out the first one's only when it
    is next called, for a training step or for validation, so each process would measure another model where no
    validation comes in between.

    Args:
        module: The model; every process calls this at the same point.
    """
    share_tensors(module.buffers())


def share_tensors(tensors: Iterable[Tensor]) -> None:
    """Give every process the values of the first, in place; every process calls this at the same point."""
    if several_processes():
        for tensor in tensors:
            values = tensor.detach().contiguous()  # all that can be sent; of a channels-last weight a copy
            dist.broadcast(values, src=0)
            tensor.detach().copy_(values)


@contextmanager
def failing_together(launcher: Any) -> Iterator[None]:
    """Let the process that fails first say why, and end with it the others, which would wait for it forever.

    Its failure breaks the exchange of all others; what they would say of that hides the reason, so they end in silence
    with the first one's status. A signal that reaches a single one outside training ends all likewise; whichever it
    was, rank 0 says so.

    Args:
        launcher: The strategy's launcher; in the process that started others it has them in `procs`.
    """
    try:
        yield
    except Interrupted as end:  # in training of all of them, after the same batch; elsewhere perhaps of this one alone
        _first_to_end(end.status, str(end).partition("; ")[2])
        if several_processes() and dist.get_rank():
            raise SystemExit(0) from None  # rank 0 says so
        raise
    except BaseException as error:
        first, status, hint = _first_to_end(2 if isinstance(error, InputError) else 1)
        _end_others(getattr(launcher, "procs", []), first)
        if first is None or first == dist.get_rank():
            raise
        if status <= SIGNALS:
            raise SystemExit(status) from None
        if dist.get_rank():
            raise SystemExit(0) from None
        raise Interrupted(status - SIGNALS, hint) from None


def _first_to_end(status: int, hint: str = "") -> tuple[int | None, int, str]:
    """Return rank, status and hint of the process that ended first: this one, unless another was first."""
    if not several_processes():
        return None, status, hint
    with suppress(Exception):  # the store is gone with the process that held it: this one speaks for itself
        store = dist.distributed_c10d._get_default_store()
        stored = store.compare_set(ENDED, "", f"{dist.get_rank()} {status} {hint}")
        rank, first_status, first_hint = (stored if isinstance(stored, str) else stored.decode()).split(" ", 2)
        return int(rank), int(first_status), first_hint
    return None, status, hint


def _end_others(started: Sequence[subprocess.Popen[bytes]], first: int | None) -> None:
    """Kill the processes that this one has started, once the one that failed first has printed its error.

    They write no files, and a signal that they could handle would not reach one that waits for its GPU.
    """
    place = -1 if first is None else first - dist.get_rank() - 1
    if 0 <= place < len(started):
        with suppress(subprocess.TimeoutExpired):
            started[place].wait(GRACE_PERIOD)
    for process in started:
        process.kill()
