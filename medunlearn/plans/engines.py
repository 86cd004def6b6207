"""Engines that run the stages of a plan: one after another on this machine, or on a Ray cluster."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol

from medunlearn.errors import STAGE_OF_A_PLAN, InputError, Interrupted
from medunlearn.plans.options import setting
from medunlearn.plans.stages import Stage
from medunlearn.plugins import find, names
from medunlearn.runs import RunDir

PASSED_ON = (signal.SIGINT, signal.SIGTERM)

State = Literal["done", "finished before", "failed", "left out"]


class Outcome(NamedTuple):
    """The outcome of a stage."""

    stage: Stage
    state: State
    seconds: float = 0.0
    reason: str = ""


class Engine(Protocol):
    """Runs stages, each after those that it needs; a stage that needs a failed one is left out.

    It gets the stages in an order in which each comes after what it needs, calls `announce` with each stage before it
    runs, and yields an `Outcome` for every stage as soon as it is known. `run_stage` runs one.
    """

    def __call__(self, stages: Sequence[Stage], announce: Callable[[Stage], None]) -> Iterator[Outcome]:
        """Run the stages."""


def engine_names() -> list[str]:
    """Return the names of the available engines, including those of plug-ins."""
    return names("engines")


def find_engine(name: str) -> Engine:
    """Return the engine of a name, built in or of the entry-point group `medunlearn.engines`.

    Raises:
        InputError: If there is no such engine, or it is a plug-in that cannot be imported.
    """
    engine: Engine = find("engines", name)
    return engine


def run_locally(stages: Sequence[Stage], announce: Callable[[Stage], None]) -> Iterator[Outcome]:
    """Run stages one after another; after a failure, dependent stages are skipped and the others still run.

    Args:
        stages: In an order in which each comes after what it needs.
        announce: Called with each stage before it runs.
    """
    states: dict[Path, State] = {}
    for stage in stages:
        outcome = _decided(stage, states)
        if outcome is None:
            announce(stage)
            outcome = run_stage(stage)
        states[stage.run.path] = outcome.state
        yield outcome


def run_stage(stage: Stage) -> Outcome:
    """Run one stage in a separate process, from its last checkpoint if it was started before.

    The process ends with this one, however this one ends: two must never write one run directory.

    Raises:
        Interrupted: If a signal has ended the stage, whether sent to it or to this process.
    """
    argv = [*stage.argv, *(["--resume", "true"] if stage.run.started else [])]
    start = time.perf_counter()
    status = run_process(
        [sys.executable, "-P", "-m", "medunlearn", *argv], {STAGE_OF_A_PLAN: "1", **dict(stage.environment)}
    )
    seconds = time.perf_counter() - start
    number = status - 128 if status > 0 else -status  # negative before the stage has installed its handlers
    if number in PASSED_ON:
        raise Interrupted(number, "the same command goes on from there")
    if status:
        return Outcome(stage, "failed", seconds, f"exit status {status}" if status > 0 else f"signal {-status}")
    return Outcome(stage, "done", seconds)


def run_on_ray(stages: Sequence[Stage], announce: Callable[[Stage], None]) -> Iterator[Outcome]:
    """Run stages as tasks of a Ray cluster, each as soon as its inputs exist; outcomes are yielded on completion.

    A task takes the GPUs that its stage's `trainer.devices` names, one by default, and its share of the cores; in a
    cluster without GPUs the cores of one node. All nodes must see the working directory at the same path. A stage whose
    node is lost is run again on another, from its last checkpoint.

    Raises:
        InputError: If Ray is not installed, or no cluster can be reached.
    """
    try:
        import ray
    except ImportError as error:
        problem = "is not installed" if error.name == "ray" else f"cannot be imported ({error})"
        raise InputError(f"engine=ray: Ray {problem}; install it with `pip install 'medunlearn[ray]'`") from None
    _check_cluster(os.environ.get("RAY_ADDRESS", ""))
    ray.init(ignore_reinit_error=True, log_to_driver=True, configure_logging=False)
    folder = os.getcwd()  # noqa: PTH109
    tasks: dict[Path, Any] = {}
    for stage in stages:
        needs = [tasks[need] for need in stage.needs.values() if need in tasks]
        task = ray.remote(max_retries=5, **_resources(ray.nodes(), stage))(_on_node)
        tasks[stage.run.path] = task.remote(stage, folder, *needs)
        announce(stage)
    waiting = list(tasks.values())
    while waiting:
        (ready,), waiting = ray.wait(waiting, num_returns=1)
        yield ray.get(ready)


def _check_cluster(address: str) -> None:
    """Reject an address without a listening server, to which Ray would try to connect for minutes."""
    host, _, port = address.rpartition(":")
    if not port.isdigit() or "://" in address:  # `auto`, `local` and other addresses are checked by Ray
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise InputError(
            f"engine=ray: no cluster at RAY_ADDRESS={address} ({error.strerror or error}); start one with "
            "`ray start --head`"
        ) from None


def _on_node(stage: Stage, folder: str, *needs: Outcome) -> Outcome:
    """Run a stage on whichever node of a cluster this is."""
    os.chdir(folder)
    outcome = _decided(stage, {need.stage.run.path: need.state for need in needs})
    try:
        return run_stage(stage) if outcome is None else outcome
    except Interrupted as end:  # ends only this stage: others are on other nodes
        return Outcome(stage, "failed", reason=str(end))


def _resources(nodes: Iterable[dict[str, Any]], stage: Stage) -> dict[str, float]:
    """Return the GPUs and cores that a stage takes: its share of the smallest node that has what it needs."""
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    gpus = _devices(stage.settings) if any(node.get("GPU") for node in alive) else 0
    fitting = [node for node in alive if node.get("GPU", 0) >= gpus and node.get("CPU")] or alive
    if not gpus:
        return {"num_cpus": min(node.get("CPU", 1) for node in fitting)}
    return {"num_gpus": gpus, "num_cpus": min(max(1, node["CPU"] * gpus // node["GPU"]) for node in fitting)}


def _devices(settings: Mapping[str, Any]) -> int:
    """Return the number of GPUs that `trainer.devices` asks for, 1 where it names no number."""
    asked = str(setting(settings, "trainer.devices"))
    return int(asked) if asked.isdecimal() else 1


def _decided(stage: Stage, states: dict[Path, State]) -> Outcome | None:
    """Return the outcome of a stage that need not or cannot run; None if it must be run."""
    if stage.run.finished:
        reason = _unusable(stage.run)
        return Outcome(stage, "failed", reason=reason) if reason else Outcome(stage, "finished before")
    needs = stage.needs.values()
    broken = [need for need in needs if states.get(need) in ("failed", "left out")]
    missing = [need for need in needs if need not in states and not RunDir(need).finished]
    if broken:
        return Outcome(stage, "left out", reason=f"it needs {broken[0]}")
    if missing:
        return Outcome(stage, "left out", reason=f"it needs {missing[0]}, which is not there and not in this plan")
    return None


def _unusable(run: RunDir) -> str:
    """Return why a finished run cannot be reused; an empty string if it can."""
    try:
        original = run.remade_original("run_dir")
    except InputError as error:  # fails only this stage: the plan continues with the rest
        return error.for_command_line
    except OSError as error:
        return str(error)
    if not original:
        return ""
    return f"it started from another model than {original} holds now; delete it, and the same command makes it again"


def run_process(argv: Sequence[str], environment: Mapping[str, str] = MappingProxyType({})) -> int:
    """Run a command in a process that ends whenever this one ends, even if it is killed.

    Args:
        argv: The program and its arguments.
        environment: Variables in addition to those of this process.

    Returns:
        Its exit status; 128 + N if this process received signal N, -N if signal N ended the other process.
    """
    process = subprocess.Popen(
        argv,
        env={**os.environ, **environment},
        process_group=0,  # so that Ctrl-C reaches it only once, through this process
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,
    )
    with _passing_on(process) as passed:
        status = process.wait()
    return 128 + passed[0] if passed else status  # whatever exit status the stage returned


@contextmanager
def _passing_on(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Forward termination signals to `process`, so that it can end cleanly; yield the list of forwarded signals.

    Ctrl-C is forwarded as SIGTERM: a stage treats both alike once it trains; before that, while Python imports, SIGTERM
    ends it at once, whereas SIGINT would print a traceback.
    """
    passed: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # only the main thread receives signals
        yield passed
        return

    def pass_on(number: int, _: object) -> None:
        passed.append(number)
        process.send_signal(signal.SIGTERM)

    before = {number: signal.signal(number, pass_on) for number in PASSED_ON}
    try:
        yield passed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_with_parent() -> None:
    """Ask Linux to end this process when its parent ends."""
    set_parent_death_signal = 1  # <sys/prctl.h>
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
