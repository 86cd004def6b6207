"""Jobs side by side, each as soon as what it needs is there; what needs a failed one is left out."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from medunlearn.plans.engines import run_process, run_stage
from medunlearn.plans.stages import Stage


@dataclass(frozen=True)
class Job:
    """Something that makes a file or a run directory.

    Args:
        makes: What it makes, by which others name it.
        needs: What must be there before.
        finished: Whether it is there already.
        run: Makes it and returns what went wrong; an empty text if nothing did.
    """

    makes: Path
    needs: frozenset[Path]
    finished: Callable[[], bool]
    run: Callable[[], str]


def stage_job(stage: Stage, *needs: Path) -> Job:
    """Return the job that runs a stage of a plan, after what it names itself and `needs`."""

    def run() -> str:
        outcome = run_stage(stage)
        return "" if outcome.state == "done" else f"{outcome.state}: {outcome.reason}"

    return Job(stage.run.path, frozenset([*stage.needs.values(), *needs]), lambda: stage.run.finished, run)


def command_job(command: list[str], makes: Path, *needs: Path) -> Job:
    """Return the job that runs a command of `medunlearn`."""

    def run() -> str:
        status = run_process([sys.executable, "-P", "-m", "medunlearn", *command])
        return f"failed: exit status {status}" if status else ""

    return Job(makes, frozenset(needs), makes.exists, run)


def run_side_by_side(jobs: Iterable[Job], count: int) -> None:
    """Run jobs, `count` at a time, in their order but for those that must wait.

    Ctrl-C ends this process and with it the jobs' own; what a job needs and no other makes has to be there.
    """
    waiting = list({job.makes: job for job in jobs}.values())
    states: dict[Path, str] = {}
    known, changed = {job.makes for job in waiting}, threading.Condition()

    def next_job() -> Job | None:
        with changed:
            while waiting:
                for job in waiting:
                    if all(need in states for need in job.needs & known):
                        waiting.remove(job)
                        return job
                changed.wait()
        return None

    def work() -> None:
        while (job := next_job()) is not None:
            start = time.perf_counter()
            broken = sorted(need for need in job.needs if states.get(need))
            state = f"left out: it needs {broken[0]}" if broken else _outcome(job)
            seconds = time.perf_counter() - start
            print(f"{time.strftime('%H:%M:%S')} {job.makes}: {state or f'done {seconds:.0f} s'}", flush=True)
            with changed:
                states[job.makes] = state
                changed.notify_all()

    pool = ThreadPoolExecutor(count)
    try:
        for worker in [pool.submit(work) for _ in range(count)]:
            worker.result()
    except KeyboardInterrupt:  # the jobs end with this process; their last checkpoints stay
        print("the same command goes on from there", flush=True)
        os._exit(130)


def _outcome(job: Job) -> str:
    """Return what went wrong with a job that may run; an error is its own affair, and the others go on."""
    try:
        return "" if job.finished() else job.run()
    except Exception as error:
        return f"failed: {type(error).__name__}: {error}"
