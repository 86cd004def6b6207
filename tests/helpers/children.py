"""Runs of the command line in processes that may be killed, starved of disk or stripped of rights.

They are forked from a server that has imported everything, so each starts within milliseconds.
"""

import ctypes
import multiprocessing
import os
import resource
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["helpers.preloaded"])


def start(argv, folder, **arranged):
    """Start `medunlearn ARGV` in `folder`; its output goes to `output.txt` there."""
    process = FORKS.Process(target=_child, args=(argv, str(folder), dict(os.environ), arranged))
    process.start()
    return process


def run(argv, folder, **arranged):
    """Run `medunlearn ARGV` to its end and return the exit status (negative: the signal) and what it printed."""
    process = start(argv, folder, **arranged)
    process.join(120)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode, Path(folder, "output.txt").read_text()


def at_work(pid):
    """Return whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _child(argv, folder, environment, arranged):
    assert "helpers.preloaded" in sys.modules, "the server goes on without what it cannot import"
    multiprocessing.set_start_method(None, force=True)  # not that of this process, but that of one of a user's
    os.chdir(folder)
    os.environ.clear()  # which is that of the server, as it was when the first test asked for it
    os.environ.update(environment)
    output = os.open("output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ |= arranged.get("environment", {})
    if "kill_at" in arranged:
        _kill_at(*arranged["kill_at"])
    if "largest_file" in arranged:
        resource.setrlimit(resource.RLIMIT_FSIZE, (arranged["largest_file"],) * 2)
    if arranged.get("as_other"):
        _give_up_root_rights()
    if arranged.get("forked_stages"):
        from helpers import forked
        from medunlearn.plans import engines

        engines.subprocess = SimpleNamespace(Popen=forked.popen)
    from medunlearn.__main__ import main

    status = arranged.get("main", main)(argv)
    sys.stdout.flush()
    os._exit(status)


def _kill_at(owner, name, count, after=False):
    """Kill this process at the `count`-th call of `owner.name`, before or after what it does."""
    owner = _resolved(owner)
    call, calls = getattr(owner, name), []

    def killing(*args, **kwargs):
        calls.append(0)
        if len(calls) == count and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*args, **kwargs)
        if len(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, killing)


def _resolved(path):
    """Return a module, or an attribute of one, by its dotted name."""
    from importlib import import_module

    module, _, attribute = path.partition(":")
    found = import_module(module)
    return getattr(found, attribute) if attribute else found


def _give_up_root_rights():
    """Let permissions hold also where tests run as root: drop the capabilities to pass them over."""
    version, this = 0x20080522, 0
    header = (ctypes.c_uint32 * 2)(version, this)
    libc = ctypes.CDLL(None, use_errno=True)
    data = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, data) == 0
    for override in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        for number in (0, 1, 2):  # effective, permitted, inheritable
            data[number] &= ~(1 << override)
    assert libc.capset(header, data) == 0
