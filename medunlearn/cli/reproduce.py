"""`medunlearn reproduce`: run the stages of a plan and print the comparison."""

import argparse
import difflib
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from medunlearn.cli.comparison import terminal_comparison
from medunlearn.cli.parser import CommandParser
from medunlearn.errors import InputError
from medunlearn.files.configs import shipped_plans
from medunlearn.plans.engines import Outcome, find_engine
from medunlearn.plans.options import check_augmentations, check_seeds, is_value, overrides_from_argv
from medunlearn.plans.plan import read_plan
from medunlearn.plans.reuse import check_inputs, check_settings
from medunlearn.plans.schedule import TimeLeft
from medunlearn.plans.stages import Stage
from medunlearn.plans.variations import Selection
from medunlearn.plugins import names as plugin_names
from medunlearn.runs import RunDir

EPILOG = """Other options, such as `--data.file F.npz` or `--trainer.max_epochs 3`, go to every stage.

A plan is one of {plans}, a plan file, or any list of config files. A plan file says

  configs: [train_ours.yaml, retrain_ours.yaml, salun_ours.yaml]
  augmentations: [NoAug, Default]        # the rest is optional
  seeds: [0, 1, 2]
  retrain_seeds: [101, 102]              # two more Retrains each, to see how far two are apart
  options:
    data.file: ours.npz

examples:
  medunlearn reproduce demo
  medunlearn reproduce paper --datasets blood --rates 10 --seeds 0 1 2
  medunlearn reproduce paper --dry_run
"""

HELP = "`medunlearn reproduce --help` lists the options"


def reproduce(argv: list[str]) -> int:
    """Run `medunlearn reproduce PLAN [options]` and return its exit status: 0 where every stage is finished, else 1.

    Args:
        argv: The plan, what narrows or widens it, and the options that go to every stage.

    Raises:
        InputError: If the plan cannot be run, before anything is.
    """
    first_option = next((place for place, argument in enumerate(argv) if argument.startswith("-")), len(argv))
    names = argv[:first_option]
    own, others = separated(argv[first_option:], _parser())
    parsed = _parser().parse_args(own)
    if not names:
        raise InputError(f"reproduce: no plan given; name {', '.join(shipped_plans())}, a plan file or config files")
    overrides = overrides_from_argv(others)
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
    stages = read_plan(names).stages(selection)
    return _dry_run(stages) if parsed.dry_run else _run(stages, parsed.engine)


class FitCommand:
    """What plans need to know of `medunlearn fit`; imports it, and with it Lightning, when first asked."""

    def settings(self, argv: list[str]) -> dict[str, Any]:
        """Return the resolved settings of a command."""
        from medunlearn.cli.settings import resolved_settings

        return resolved_settings(argv)

    def check_same_run(self, run: RunDir, settings: dict[str, Any]) -> None:
        """Refuse a run that was made under other settings."""
        from medunlearn.runs.starting import check_same_run

        check_same_run(run, settings)

    def split(self, data: dict[str, Any]) -> dict[str, Any] | None:
        """Return what `split.json` would hold with the user's files as they are now; None where there are none."""
        from medunlearn.data import MedMNISTDataModule
        from medunlearn.data.index_files import index_file

        indices = data["forget"]["indices"] and Path(data["forget"]["indices"])
        files = [Path(data["file"])] if data["file"] else []
        files += [index_file(indices)[0]] if indices else []
        if not files or not all(file.is_file() for file in files):
            return None
        try:
            changed = {"download": False, "forget": {**data["forget"], "indices": indices}}
            return MedMNISTDataModule(**{**data, **changed}).split_record()
        except InputError:
            if data["file"] is None:  # MedMNIST's file is not there yet
                return None
            raise

    def check_data(self, file: Path | None, num_classes: int | None, indices: Path | None, test: bool = True) -> None:
        """Refuse a data file or a list of indices that is missing or cannot be read."""
        if file is None and indices is None:
            return
        from medunlearn.data.index_files import read_indices
        from medunlearn.data.npz import read_npz

        count = None if file is None else len(read_npz(file, num_classes, test=test).train)
        if indices is not None:
            read_indices(indices, count)


def separated(argv: Iterable[str], parser: CommandParser) -> tuple[list[str], list[str]]:
    """Return the arguments that are a command's own, and those that go to every stage."""
    own, others = list[str](), list[str]()
    names = {"-h", "--help", *(f"--{name}" for name in vars(parser.parse_args([])))}
    group = others
    for argument in argv:
        if not is_value(argument):
            group = own if argument.partition("=")[0] in names else others
        group.append(argument)
    return own, others


def _settings(stages: Sequence[Stage]) -> list[dict[str, Any]]:
    with own_options_meant(_parser(), HELP):
        return check_settings(stages, FitCommand())


@contextmanager
def own_options_meant(parser: CommandParser, lists: str) -> Iterator[None]:
    """Name a command's own options beside those of stages in the error of an option that no stage takes.

    Args:
        parser: The command's own parser.
        lists: What lists its options.
    """
    try:
        yield
    except InputError as error:
        unknown = re.search(r"(--[\w-]+)\S*( .*)?: no such option; ", error.for_command_line)
        if unknown is None:
            raise
        own = [f"--{name}" for name in vars(parser.parse_args([]))]
        close = difflib.get_close_matches(unknown[1], own, n=1, cutoff=0.8)
        hint = f"did you mean {close[0]}? " if close else ""
        raise InputError(
            f"{error.for_command_line[: unknown.end()]}{hint}{lists}, `medunlearn fit --help` those of stages"
        ) from None


def _seed(argument: str) -> int | str:
    number = argument.removeprefix("-").isdecimal() and len(argument) < 20
    return int(argument) if number else argument  # which check_seeds refuses


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
    parser.add_argument(
        "--retrain_seeds",
        nargs="+",
        default=[],
        type=_seed,
        metavar="S",
        help="train each Retrain once more under each of these seeds, on the same forget set: the noise floor",
    )
    parser.add_argument("--engine", choices=plugin_names("engines"), default="local", help="where stages run")
    parser.add_argument("--dry_run", action="store_true", help="print the commands in order, one a line, and stop")
    return parser


def _dry_run(stages: Sequence[Stage]) -> int:
    check_inputs(stages, FitCommand())
    print("\n".join(stage.command for stage in stages))
    return 0


def _run(stages: Sequence[Stage], engine: str) -> int:
    settings = _settings(stages)
    check_inputs(stages, FitCommand())
    return _conclude(stages, _outcomes(stages, [each["trainer"]["max_epochs"] for each in settings], engine))


def _outcomes(stages: Sequence[Stage], epochs: Sequence[int | None], engine: str) -> list[Outcome]:
    clock = TimeLeft(stages, epochs)

    def announce(stage: Stage) -> None:
        print(f"{clock.title(stage)}\n  {stage.command}", flush=True)

    outcomes = []
    for outcome in find_engine(engine)(stages, announce):
        clock.count(outcome)
        print(clock.line(outcome), flush=True)
        outcomes.append(outcome)
    return outcomes


def _conclude(stages: Sequence[Stage], outcomes: Sequence[Outcome]) -> int:
    """Print the comparison of what is finished, then what is not and why."""
    broken = [outcome for outcome in outcomes if outcome.state in ("failed", "left out")]
    missing = {outcome.stage.run.path for outcome in broken}
    wrong = [f"{outcome.stage.run} {outcome.state}: {outcome.reason}" for outcome in broken]
    if finished := [stage.run for stage in stages if stage.run.finished and stage.run.path not in missing]:
        try:
            print(f"\n{terminal_comparison(finished)}")
        except InputError as error:  # the outcomes of the stages are still printed
            wrong.append(f"no comparison: {error.for_command_line}")
    for line in wrong:
        print(f"medunlearn: {line}", file=sys.stderr)
    if broken:
        print("medunlearn: the same command goes on from there", file=sys.stderr)
    return 1 if wrong else 0
