import argparse
import difflib
import re
import sys
from collections.abc import Sequence
from typing import Any, get_args

from medunlearn.cli.parser import CommandParser
from medunlearn.errors import InputError
from medunlearn.files.configs import shipped_plans
from medunlearn.plans.engines import Engine, Outcome, run_locally, run_on_ray
from medunlearn.plans.options import check_augmentations, check_options, check_seeds
from medunlearn.plans.plan import Selection, Stage, read_plan
from medunlearn.plans.reuse import check_settings
from medunlearn.plans.schedule import TimeLeft

EPILOG = """Other options, such as `--data.file F.npz` or `--trainer.max_epochs 3`, go to every stage.

A plan is one of {plans}, a plan file, or any list of config files. A plan file says

  configs: [train_ours.yaml, retrain_ours.yaml, salun_ours.yaml]
  augmentations: [NoAug, Default]        # the rest is optional
  seeds: [0, 1, 2]
  options:
    data.file: ours.npz

examples:
  medunlearn reproduce demo
  medunlearn reproduce paper --datasets blood --rates 10 --seeds 0 1 2
  medunlearn reproduce paper --dry_run
"""

HELP = "`medunlearn reproduce --help` lists the options"


def reproduce(words: list[str]) -> int:
    """Run `medunlearn reproduce PLAN [options]` and return its exit status: 0 where every stage is finished, else 1.

    Args:
        words: The plan, what narrows or widens it, and the options that go to every stage.

    Raises:
        InputError: If the plan cannot be run, before anything is.
    """
    first_option = next((place for place, word in enumerate(words) if word.startswith("-")), len(words))
    names, given = words[:first_option], words[first_option:]
    parsed, options = _parser().parse_known_args(given)
    if not names:
        raise InputError(f"reproduce: no plan given; name {', '.join(shipped_plans())}, a plan file or config files")
    check_options(options)
    check_augmentations(parsed.augmentations)
    check_seeds(parsed.seeds)
    plan = read_plan(names)
    stages = plan.stages(_selection(parsed, options))
    if parsed.dry_run:
        print("\n".join(stage.command for stage in stages))
        return 0
    outcomes = _run(stages, _settings(stages), parsed.engine)
    return _conclude(stages, outcomes)


def _settings(stages: Sequence[Stage]) -> list[dict[str, Any]]:
    try:
        return check_settings(stages)
    except InputError as error:
        unknown = re.search(r"(--[\w-]+)\S*( .*)?: no such option; ", str(error))
        if unknown is None:
            raise
        own = [f"--{name}" for name in vars(_parser().parse_args([]))]
        close = difflib.get_close_matches(unknown[1], own, n=1, cutoff=0.8)
        hint = f"did you mean {close[0]}? " if close else ""
        raise InputError(
            f"{str(error)[: unknown.end()]}{hint}{HELP}, `medunlearn fit --help` those of stages"
        ) from None


def _seed(word: str) -> int | str:
    number = word.removeprefix("-").isdecimal() and len(word) < 20
    return int(word) if number else word  # which check_seeds refuses


def _parser() -> CommandParser:
    parser = CommandParser(
        "medunlearn reproduce PLAN",
        description="Run the stages of a plan in the order in which they need each other, skip what is finished, go on "
        "with what is not, and print the comparison.",
        epilog=EPILOG.format(plans=", ".join(f"`{name}`" for name in shipped_plans())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--datasets", nargs="+", default=[], metavar="NAME", help="only these, such as blood")
    parser.add_argument(
        "--rates", nargs="+", default=[], type=float, metavar="R", help="only these: 10 or 0.1 for 10 %%"
    )
    parser.add_argument("--augmentations", nargs="+", default=[], metavar="PRESET", help="under these presets")
    parser.add_argument("--seeds", nargs="+", default=[], type=_seed, metavar="S", help="once for each of these seeds")
    parser.add_argument("--engine", choices=get_args(Engine), default="local", help="where stages run")
    parser.add_argument("--dry_run", action="store_true", help="print the commands in order, one a line, and stop")
    return parser


def _selection(parsed: argparse.Namespace, options: list[str]) -> Selection:
    return Selection(
        tuple(parsed.datasets),
        tuple(parsed.rates),
        tuple(parsed.augmentations),
        tuple(parsed.seeds),
        tuple(options),
    )


def _run(stages: Sequence[Stage], settings: Sequence[dict[str, Any]], engine: Engine) -> list[Outcome]:
    clock = TimeLeft(stages, [each["trainer"]["max_epochs"] for each in settings])

    def announce(stage: Stage) -> None:
        print(f"{clock.title(stage)}\n  {stage.command}", flush=True)

    outcomes = []
    for outcome in {"local": run_locally, "ray": run_on_ray}[engine](stages, announce):
        clock.count(outcome)
        print(clock.line(outcome), flush=True)
        outcomes.append(outcome)
    return outcomes


def _conclude(stages: Sequence[Stage], outcomes: Sequence[Outcome]) -> int:
    """Print the comparison of what is finished, then what is not and why."""
    from medunlearn.report.table import comparison

    broken = [outcome for outcome in outcomes if outcome.state in ("failed", "left out")]
    missing = {outcome.stage.run.path for outcome in broken}
    wrong = [f"{outcome.stage.run} {outcome.state}: {outcome.reason}" for outcome in broken]
    if finished := [stage.run for stage in stages if stage.run.finished and stage.run.path not in missing]:
        try:
            print(f"\n{comparison(finished)}")
        except InputError as error:  # what became of the stages is still told
            wrong.append(f"no comparison: {error}")
    for line in wrong:
        print(f"medunlearn: {line}", file=sys.stderr)
    if broken:
        print("medunlearn: the same command goes on from there", file=sys.stderr)
    return 1 if wrong else 0
