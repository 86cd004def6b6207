"""The watch over started processes. (Real runs: `faults/test_failing.py`.)"""

import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from medunlearn.errors import Killed
from medunlearn.training.watching import killed, watching


def started(code):
    return subprocess.Popen([sys.executable, "-c", code])


KILLED = "import os; os.kill(os.getpid(), 9)"


def test_killed_process_is_found_with_its_place_and_signal():
    processes = [started("pass"), started(KILLED)]
    assert killed(processes, seconds=20) == (1, 9)


def test_killed_process_is_none_where_all_ended_by_themselves():
    process = started("raise SystemExit(3)")
    process.wait()
    assert killed([process]) is None
    assert killed([]) is None


@pytest.fixture
def interruptible():
    """Let SIGINT interrupt, which a shell has its background processes ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_watching_interrupts_once_a_started_process_has_failed_and_ends_lightnings_own_watch(interruptible):
    processes = launched = [started(KILLED)]
    launcher = SimpleNamespace(procs=launched)
    with pytest.raises(KeyboardInterrupt), watching(launcher, str):
        processes[0].wait()
        subprocess.run([sys.executable, "-c", "import time; time.sleep(20)"], check=False)
    assert launched == [], "Lightning's watch, which holds this list, has nothing to watch"
    assert len(launcher.procs) == 1


class LookedAt:
    """A failed process whose status takes a moment to read."""

    def __init__(self):
        self.looked = threading.Event()

    def poll(self):
        self.looked.set()
        time.sleep(0.3)
        return -9


def test_watching_never_interrupts_after_its_block_has_failed_by_itself(interruptible):
    """The connection to a killed process breaks at about the time at which its end is seen."""
    process = LookedAt()
    with pytest.raises(RuntimeError, match="closed by peer"), watching(SimpleNamespace(procs=[process]), str):
        process.looked.wait()
        raise RuntimeError("closed by peer")
    time.sleep(0.6)


def test_watching_passes_over_a_launcher_that_starts_nothing():
    with watching(None, str):
        pass


@pytest.mark.parametrize(
    ("number", "process", "says"),
    [
        (9, 1, "process 1 was killed by SIGKILL, as the system does when memory runs out; go on"),
        (11, 2, "process 2 was killed by SIGSEGV; go on"),
        (None, 0, "process 0 has ended without a message, as the system does when memory runs out; go on"),
    ],
)
def test_killed_names_process_signal_and_hint(number, process, says):
    error = Killed(number, "go on", process)
    assert str(error) == says
    assert error.status == 128 + (number or 9)
    assert str(error.with_hint("again")) == says.replace("go on", "again")
