"""`medunlearn reproduce`: run the stages of a plan and print the comparison."""

import argparse
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from medunlearn.cli.comparison import terminal_comparison, terminal_width, written_report
from medunlearn.cli.parser import CommandParser
from medunlearn.cli.screen import show
from medunlearn.cli.stages import FitCommand, announce, before_options, for_every_stage, own_options_meant, separated
from medunlearn.errors import InputError
from medunlearn.files.configs import shipped_plans
from medunlearn.plans.engines import Outcome, find_engine
from medunlearn.plans.options import check_augmentations, check_seeds
from medunlearn.plans.plan import Plan, read_plan
from medunlearn.plans.reuse import check_inputs, check_settings
from medunlearn.plans.schedule import TimeLeft
from medunlearn.plans.stages import Stage
from medunlearn.plans.variations import Selection
from medunlearn.plugins import names as plugin_names

EPILOG = """Other options, such as `--data.file F.npz` or `--trainer.max_epochs 3`, go to every stage.

A plan is one of {plans}, a plan file, or any list of config files. A plan file holds

  configs: [train_ours.yaml, retrain_ours.yaml, salun_ours.yaml]
  description: Our images, three seeds.  # the rest is optional; this is printed before the first stage
  minutes: 90                            # how long its stages take, about, on two CPU cores
  augmentations: [NoAug, Default]
  seeds: [0, 1, 2]
  retrain_seeds: [101, 102]              # two more Retrains each, to see how far Retrains differ
  options:
    data.file: ours.npz
  report: runs/ours/report               # a folder for the report page, written at the end

examples:
  medunlearn reproduce demo
  medunlearn reproduce paper --datasets blood --rates 10 --seeds 0 1 2
  medunlearn reproduce paper --dry_run
"""

HELP = "`medunlearn reproduce --help` lists the options"


def reproduce(argv: list[str]) -> int:
    """Run `medunlearn reproduce PLAN [options]` and return its exit status: 0 where every stage is finished, else 1.

    Args:
        argv: The plan, options that select or repeat its stages, and options for every stage.

    Raises:
        InputError: If the plan cannot be run, before anything is.
    """
    names, options = before_options(argv)
    own, others = separated(options, _parser())
    parsed = _parser().parse_args(own)
    if not names:
        raise InputError(f"reproduce: no plan given; name {', '.join(shipped_plans())}, a plan file or config files")
    overrides = for_every_stage(others, _parser(), HELP)
    check_augmentations(parsed.augmentations)
    check_seeds(parsed.seeds)
    check_seeds(parsed.retrain_seeds, "retrain_seeds")
    selection = Selection(
        tuple(parsed.datasets),
        tuple(parsed.rates),
        tuple(parsed.augmentations),
        tuple(parsed.seeds),
        overrides,
        tuple(parsed.retrain_seeds),
    )
    plan = read_plan(names)
    stages = plan.stages(selection)
    return _dry_run(stages) if parsed.dry_run else _run(plan, stages, parsed.engine)


def _settings(stages: Sequence[Stage]) -> list[dict[str, Any]]:
    with own_options_meant(_parser(), HELP):
        return check_settings(stages, FitCommand())


def _seed(argument: str) -> int | str:
    number = argument.removeprefix("-").isdecimal() and len(argument) < 20
    return int(argument) if number else argument  # rejected by check_seeds


def _parser() -> CommandParser:
    parser = CommandParser(
        "medunlearn reproduce PLAN",
        description="Run the stages of a plan, each after those that it needs, skip what is finished, resume what is "
        "not, and print the comparison.",
        epilog=EPILOG.format(plans=", ".join(f"`{name}`" for name in shipped_plans())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--datasets", nargs="+", default=[], metavar="NAME", help="only these, such as blood")
    parser.add_argument(
        "--rates", nargs="+", default=[], type=float, metavar="R", help="only these: 10 or 0.1 for 10 %%"
    )
    parser.add_argument("--augmentations", nargs="+", default=[], metavar="PRESET", help="under these presets")
    parser.add_argument("--seeds", nargs="+", default=[], type=_seed, metavar="S", help="once for each of these seeds")
    parser.add_argument(
        "--retrain_seeds",
        nargs="+",
        default=[],
        type=_seed,
        metavar="S",
        help="train each Retrain once more under each of these seeds, on the same forget set: the noise floor",
    )
    parser.add_argument("--engine", choices=plugin_names("engines"), default="local", help="where stages run")
    parser.add_argument("--dry_run", action="store_true", help="print the commands in order, one per line, and stop")
    return parser


def _dry_run(stages: Sequence[Stage]) -> int:
    check_inputs(stages, FitCommand())
    print("\n".join(stage.command for stage in stages))
    return 0


def _run(plan: Plan, stages: Sequence[Stage], engine: str) -> int:
    settings = _settings(stages)
    check_inputs(stages, FitCommand())
    clock = TimeLeft(stages, [each["trainer"]["max_epochs"] for each in settings], plan.minutes_of(stages))
    if clock.waiting and (plan.description or plan.minutes):
        said = textwrap.fill(plan.description, terminal_width())
        print("\n".join(filter(None, (said, clock.beginning()))), flush=True)
    return _conclude(stages, _outcomes(stages, clock, engine), plan.report)


def _outcomes(stages: Sequence[Stage], clock: TimeLeft, engine: str) -> list[Outcome]:
    outcomes = []
    for outcome in find_engine(engine)(stages, lambda stage: announce(stage, clock.title(stage))):
        clock.count(outcome)
        print(clock.line(outcome), flush=True)
        outcomes.append(outcome)
    return outcomes


def _conclude(stages: Sequence[Stage], outcomes: Sequence[Outcome], report: Path | None) -> int:
    """Print the comparison of finished runs, write the report, then print unfinished stages with reasons."""
    broken = [outcome for outcome in outcomes if outcome.state in ("failed", "left out")]
    missing = {outcome.stage.run.path for outcome in broken}
    wrong = [f"{outcome.stage.run} {outcome.state}: {outcome.reason}" for outcome in broken]
    if finished := [stage.run for stage in stages if stage.run.finished and stage.run.path not in missing]:
        wrong += _shown("comparison", lambda: terminal_comparison(finished))
    if report and not wrong:
        wrong += _shown("report", lambda: written_report(finished, report))
    for line in wrong:
        print(f"medunlearn: {line}", file=sys.stderr)
    if broken:
        print("medunlearn: the same command goes on from there", file=sys.stderr)
    return 1 if wrong else 0


def _shown(what: str, make: Callable[[], str]) -> list[str]:
    """Print a text below an empty line; return a list with the error if it cannot be made, else an empty one."""
    try:
        show(f"\n{make()}")
    except InputError as error:  # the outcomes of the stages must still be printed
        return [f"no {what}: {error.for_command_line}"]
    return []
