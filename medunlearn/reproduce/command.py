import shlex
import subprocess
import sys
import time

from medunlearn.errors import InputError
from medunlearn.reproduce.plan import PLANS, Stage, read_plan
from medunlearn.runs import RunDir

HELP = """usage: medunlearn reproduce PLAN [fit options]

Run the stages of a plan in the order in which they need each other, skip what is finished, go on with what is not, and
print the comparison.

PLAN is {plans}, or any list of config files. Options after it, such as `--data.file F.npz` or `--trainer.max_epochs 3`,
go to every stage.

examples:
  medunlearn reproduce demo
  medunlearn reproduce configs/train_blood.yaml configs/retrain_blood_10.yaml configs/salun_blood_10.yaml
"""


def reproduce(words: list[str]) -> int:
    """Run `medunlearn reproduce PLAN [fit options]` and return its exit status, that of the stage that failed if any.

    Args:
        words: The plan, and the options that go to every stage.

    Raises:
        InputError: If the plan cannot be run, before anything is.
    """
    first_option = next((place for place, word in enumerate(words) if word.startswith("-")), len(words))
    names, options = words[:first_option], words[first_option:]
    if {"-h", "--help"} & set(options):
        print(HELP.format(plans=" or ".join(f"`{name}`" for name in PLANS)), end="")
        return 0
    if not names:
        raise InputError(f"reproduce: no plan given; name {', '.join(PLANS)} or config files")
    _check_options(options)
    stages = read_plan(names)
    for stage in stages:
        _check_finished_as_asked(stage, options)
    for number, stage in enumerate(stages, 1):
        status = _run(stage, options, f"stage {number} of {len(stages)}: {stage.run}")
        if status:
            print(f"medunlearn: {stage.run} failed; the same command goes on from there", file=sys.stderr)
            return status
    return _compare([stage.run for stage in stages])


def _check_options(options: list[str]) -> None:
    for word in options:
        if word.partition("=")[0] in ("--run_dir", "--resume", "--overwrite", "-c", "--config"):
            raise InputError(f"{word}: does not go to every stage of a plan; set it in the config files")


def _check_finished_as_asked(stage: Stage, options: list[str]) -> None:
    """Refuse to take a finished run for the one that is asked for, if that has other settings."""
    if stage.run.finished:
        from medunlearn.cli import check_same_run  # heavy, and only needed here

        check_same_run(stage.run, _fit(stage, options))


def _run(stage: Stage, options: list[str], title: str) -> int:
    """Run one stage in a process of its own, so that each starts afresh and may be run by any strategy."""
    if stage.run.finished:
        print(f"{title}: finished before, skipped", flush=True)
        return 0
    words = _fit(stage, options) + (["--resume", "true"] if stage.run.started else [])
    print(f"{title}\n  medunlearn {shlex.join(words)}", flush=True)
    start = time.perf_counter()
    status = subprocess.run([sys.executable, "-m", "medunlearn", *words]).returncode
    print(f"{title}: {'failed' if status else 'done'} after {time.perf_counter() - start:.0f} s", flush=True)
    return status


def _fit(stage: Stage, options: list[str]) -> list[str]:
    return ["fit", "--config", str(stage.config), *options]


def _compare(runs: list[RunDir]) -> int:
    from medunlearn.report.table import comparison

    print(f"\n{comparison(runs)}")
    return 0
