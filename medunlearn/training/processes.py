"""Distributed helpers: equal buffers on every rank, and a shared exit status."""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_gather
from torch.nn.functional import pad

from medunlearn.errors import InputError, Interrupted, Killed
from medunlearn.training.watching import GRACE_PERIOD, killed, watching

ENDED = "medunlearn/ended"  # key in the processes' shared store: rank that ended first, its exit status, and a hint

SIGNALS = 128  # exit statuses above this mean a signal

LOST = re.compile(r"gloo|nccl|(closed|reset) by peer|broken pipe", re.IGNORECASE)
"""Matches PyTorch's messages about an unreachable process."""

PATIENCE = 2.0
"""Seconds to wait for the exit status of another process once it is unreachable."""


def several_processes() -> bool:
    """Return whether this process is one of several that train one model."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def share_buffers(module: nn.Module) -> None:
    """Copy the buffers of rank 0, whose model is saved, to every process.

    Each process's BatchNorm statistics follow its own share of the batches. DDP broadcasts those of rank 0 only in its
    next forward pass, so without a validation in between each process would measure a different model.

    Args:
        module: The model; every process calls this at the same point.
    """
    share_tensors(module.buffers())


def gather_rows(rows: Tensor) -> tuple[Tensor, int]:
    """Return the rows of all processes in rank order, and the offset of this one's; gradients flow to all.

    Args:
        rows: (b, D), where b may differ between the processes; every process calls this at the same point.
    """
    if not several_processes():
        return rows, 0
    counts = [torch.zeros(1, dtype=torch.int64, device=rows.device) for _ in range(dist.get_world_size())]
    dist.all_gather(counts, torch.tensor([len(rows)], device=rows.device))
    sizes = [int(count) for count in counts]
    padded = pad(rows, (0, 0, 0, max(sizes) - len(rows)))  # all_gather needs equal sizes
    parts = all_gather(padded)  # type: ignore[no-untyped-call]  # torch's differentiable all_gather
    gathered = torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])
    return gathered, sum(sizes[: dist.get_rank()])


def share_tensors(tensors: Iterable[Tensor]) -> None:
    """Copy the values of rank 0 to every process, in place; every process calls this at the same point."""
    if several_processes():
        for tensor in tensors:
            values = tensor.detach().contiguous()  # needed for sending; copies channels-last weights
            dist.broadcast(values, src=0)
            tensor.detach().copy_(values)


@contextmanager
def failing_together(launcher: Any, go_on: Callable[[], str] = str) -> Iterator[None]:
    """Let the process that fails first print its error, and end the others, which would wait for it forever.

    Its failure breaks the communication of all others. Their error messages would hide the reason, so they end silently
    with the status of the first. A signal to a single process outside training ends all in the same way, and rank 0
    reports it. A killed process cannot report anything: rank 0, which started it, does so, or rank 1 if rank 0 was
    killed.

    Args:
        launcher: The strategy's launcher; in the process that started others it has them in `procs`.
        go_on: Returns the hint how to go on after a process was killed.

    Raises:
        Killed: If another process was killed.
    """
    parent = os.getppid()
    try:
        with watching(launcher, go_on):
            yield
    except BaseException as error:
        started = list(getattr(launcher, "procs", []))
        if not isinstance(error, InputError):
            _check_killed(error, started, parent, go_on)
        if isinstance(error, Interrupted):  # in training all end after the same batch; elsewhere perhaps only this one
            first, status, _ = _first_to_end(error.status, str(error).partition("; ")[2])
            if several_processes() and dist.get_rank():
                raise SystemExit(0) from None  # rank 0 reports it
            if status > SIGNALS:
                raise
            _end_others(started, first)  # interrupted by `watching`, since another process has failed
            raise SystemExit(status) from None
        first, status, hint = _first_to_end(2 if isinstance(error, InputError) else 1)
        _end_others(started, first)
        if first is None or first == _rank():
            raise
        if status <= SIGNALS:
            raise SystemExit(status) from None
        if _rank():
            raise SystemExit(0) from None
        raise Interrupted(status - SIGNALS, hint) from None


def _check_killed(
    error: BaseException, started: Sequence[subprocess.Popen[bytes]], parent: int, go_on: Callable[[], str]
) -> None:
    """Raise `Killed`, or exit silently, if an error results from another process having been killed."""
    lost = isinstance(error, RuntimeError) and LOST.search(str(error)) is not None
    if not (lost or (started and isinstance(error, Interrupted))):
        return
    try:
        if several_processes() and _said_to_end(parent):
            return
    except Exception:  # the store was in rank 0, which has ended
        if _rank() == 1:
            raise Killed(None, go_on(), 0) from None
        raise SystemExit(1) from None
    if found := killed(started, PATIENCE if lost else 0):
        for process in started:
            process.kill()
        raise Killed(found[1], go_on(), _rank() + found[0] + 1) from None
    if lost and _rank() and not started:
        raise SystemExit(1) from None  # rank 0 is alive and reports why


def _said_to_end(parent: int) -> bool:
    """Return whether a process has announced its end; raise an exception if rank 0, the parent, is gone.

    The announcement may take a moment. Querying a store that is gone would print many PyTorch warnings.
    """
    store = dist.distributed_c10d._get_default_store()
    for _ in range(10 if _rank() else 0):
        if os.getppid() != parent:
            raise ProcessLookupError
        time.sleep(PATIENCE / 40)
    return bool(store.compare_set(ENDED, "", ""))


def _rank() -> int:
    return dist.get_rank() if several_processes() else 0


def _first_to_end(status: int, hint: str = "") -> tuple[int | None, int, str]:
    """Return rank, status and hint of the process that ended first: this one, unless another was first."""
    if not several_processes():
        return None, status, hint
    with suppress(Exception):  # the store is gone with its process: use this process's own status
        store = dist.distributed_c10d._get_default_store()
        stored = store.compare_set(ENDED, "", f"{dist.get_rank()} {status} {hint}")
        rank, first_status, first_hint = (stored if isinstance(stored, str) else stored.decode()).split(" ", 2)
        return int(rank), int(first_status), first_hint
    return None, status, hint


def _end_others(started: Sequence[subprocess.Popen[bytes]], first: int | None) -> None:
    """Kill the processes started by this one, once the first failed process has printed its error.

    They write no files, and a signal that can be handled would not reach a process that waits for its GPU.
    """
    place = -1 if first is None else first - dist.get_rank() - 1
    if 0 <= place < len(started):
        with suppress(subprocess.TimeoutExpired):
            started[place].wait(GRACE_PERIOD)
    for process in started:
        process.kill()
