"""Python processes without the seconds that importing takes, and those of Lightning's that run beside them.

Each is forked from the server of `children`, which has imported everything, and otherwise set up as a new one: folder,
environment, arguments, `__main__`. The processes that Lightning would start for the other ranks are forked beforehand,
as children of the first, and wait for their command.
"""

import atexit
import fcntl
import math
import os
import pickle
import runpy
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import SimpleNamespace

from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.strategies.launchers import subprocess_script

from helpers.children import FORKS

MOST = 3  # processes of a run


def run(folder, command, environment, seconds):
    """Run `python COMMAND` in `folder` to its end, and return it with what it printed."""
    out, error = folder / "out.txt", folder / "error.txt"
    for file in (out, error):
        file.write_text("")
    process = FORKS.Process(target=_first, args=(str(folder), list(command), environment, str(out), str(error)))
    process.start()
    process.join(seconds)
    if process.exitcode is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
        raise subprocess.TimeoutExpired(command, seconds)
    with out.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # once the other processes have ended too
    return subprocess.CompletedProcess(command, process.exitcode, out.read_text(), error.read_text())


class Forked:
    """A forked process in place of a `subprocess.Popen`."""

    def __init__(self, pid, args=None):
        self.pid, self.args, self.returncode = pid, args, None

    def poll(self):
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout=None):
        until = math.inf if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(0.02)
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def terminate(self):
        self.send_signal(signal.SIGTERM)


class Waiting(Forked):
    """A process that waits for the command it is to run."""

    def __init__(self, others):
        read, self._write = os.pipe()
        super().__init__(os.fork())
        if self.pid == 0:
            for each in (*others, self):
                os.close(each._write)
            with os.fdopen(read, "rb") as pipe:
                given = pipe.read()
            if given:
                _run(*pickle.loads(given))
            os._exit(0)
        os.close(read)

    def begin(self, command, environment):
        self.args = command
        with os.fdopen(self._write, "wb") as pipe:
            pickle.dump((command[1:], dict(environment)), pipe)
        return self


def popen(command, env, process_group, preexec_fn):
    """Start a stage of a plan as `subprocess.Popen` would, from a process that has imported everything."""
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, process_group)
        preexec_fn()
        _run(command[1:], env)
    return Forked(pid, command)


def _first(folder, command, environment, out, error):
    os.setsid()
    os.chdir(folder)
    for number, file in ((1, out), (2, error)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND), number)
    fcntl.flock(1, fcntl.LOCK_SH)  # of this process and those that are forked from it
    waiting = []
    for _ in range(MOST - 1):
        waiting.append(Waiting(waiting))
    given = iter(waiting)
    starter = SimpleNamespace(Popen=lambda command, env, cwd: next(given).begin(command, env))
    subprocess_script.subprocess = starter
    _run(command, environment)


def _run(arguments, environment):
    """Do what a new Python would with these arguments, and end."""
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    arguments = [each for each in arguments if each != "-P"]
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    rank_zero_only.rank = int(environment.get("LOCAL_RANK", 0))  # which Lightning sets when it is imported
    status = 0
    try:
        if arguments[0] == "-m":
            sys.argv = arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = arguments
            sys.path.insert(0, str(Path(arguments[0]).absolute().parent))
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)
