"""Watches the processes that this one has started, and reports which of them was killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from medunlearn.errors import Killed

PERIOD = 0.2  # seconds between two checks

GRACE_PERIOD = 15.0
"""Grace period in seconds for a failed process to print its error, before rank 0 kills the others."""


@contextmanager
def watching(launcher: Any, go_on: Callable[[], str]) -> Iterator[None]:
    """Interrupt the main thread of a `with` block once a started process has failed, and not after the block's end.

    Lightning's own monitor also kills this process, before it can report the reason.

    Args:
        launcher: The strategy's launcher, which has the processes it has started in `procs`; None where it starts none.
        go_on: Returns the hint for resuming.
    """
    ended, signalling = threading.Event(), threading.Lock()
    if hasattr(launcher, "procs"):
        threading.Thread(target=_watch, args=(launcher, ended, signalling, go_on), daemon=True).start()
    try:
        yield
    finally:
        try:
            with signalling:  # a signal that arrived while the block's own error is handled would hide that error
                ended.set()
        finally:
            ended.set()  # also where the signal has come while this waited for the lock


def killed(started: Sequence[subprocess.Popen[bytes]], seconds: float = 0) -> tuple[int, int] | None:
    """Return index and signal number of a started process that a signal has ended; None if there is none.

    Args:
        started: The processes.
        seconds: How long to wait for one: its connection may break before the system reports its end.
    """
    until = time.monotonic() + seconds
    while True:
        for place, process in enumerate(started):
            if (status := process.poll() or 0) < 0:
                return place, -status
        if time.monotonic() >= until:
            return None
        time.sleep(PERIOD / 4)


def _watch(launcher: Any, ended: threading.Event, signalling: threading.Lock, go_on: Callable[[], str]) -> None:
    watched: list[subprocess.Popen[bytes]] | None = None
    main = cast(int, threading.main_thread().ident)
    while not ended.wait(PERIOD):
        if launcher.procs and launcher.procs is not watched:
            watched = list(launcher.procs)
            launcher.procs.clear()  # an empty list ends Lightning's own monitor, which shares it
            launcher.procs = watched
        if any(process.poll() for process in watched or ()):
            with signalling:
                if ended.is_set():
                    return
                signal.pthread_kill(main, signal.SIGINT)  # a real signal, which also interrupts a blocking wait
            if not ended.wait(GRACE_PERIOD):  # blocked in code that no signal interrupts, waiting for a dead process
                _give_up(watched or (), go_on)
            return


def _give_up(started: Sequence[subprocess.Popen[bytes]], go_on: Callable[[], str]) -> None:
    found = killed(started)
    for process in started:
        process.kill()
    if found:
        print(f"medunlearn: {Killed(found[1], go_on(), found[0] + 1)}", file=sys.stderr, flush=True)
    os._exit(128 + (found[1] if found else signal.SIGKILL))
