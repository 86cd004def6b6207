"""Shared by the commands of studies: plan, options, running of stages, and their outcomes."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from medunlearn.cli.parser import CommandParser
from medunlearn.cli.stages import FitCommand, announce, before_options, for_every_stage, own_options_meant, separated
from medunlearn.errors import InputError
from medunlearn.plans.engines import Outcome, find_engine
from medunlearn.plans.options import check_seeds
from medunlearn.plans.plan import read_plan
from medunlearn.plans.stages import Stage
from medunlearn.plans.studies import Runner
from medunlearn.plans.variations import Selection
from medunlearn.plugins import names as plugin_names


class Outcomes:
    """Outcomes of the stages of a study: printed as they end, and collected for the exit status."""

    def __init__(self) -> None:
        self.broken: list[Outcome] = []

    def ended(self, outcome: Outcome) -> None:
        """Print the outcome of a stage, and keep it if the stage has not finished."""
        after = f" after {outcome.seconds:.0f} s" if outcome.seconds else ""
        print(f"{outcome.stage.run}: {outcome.state}{after}", flush=True)
        if outcome.state in ("failed", "left out"):
            self.broken.append(outcome)

    def status(self) -> int:
        """Print the stages that have not finished and return the exit status: 1 if there are any."""
        for outcome in self.broken:
            print(f"medunlearn: {outcome.stage.run} {outcome.state}: {outcome.reason}", file=sys.stderr)
        if self.broken:
            print("medunlearn: the same command goes on from there", file=sys.stderr)
        return 1 if self.broken else 0

    @contextmanager
    def runner(self, engine: str, parser: CommandParser) -> Iterator[Runner]:
        """Yield a function that runs stages on an engine and records outcomes; clarify errors on unknown options."""
        command = parser.prog.split()[1]
        with own_options_meant(parser, f"`medunlearn {command} --help` lists the options"):
            yield Runner(FitCommand(), find_engine(engine), announce, self.ended)


def study_plan(argv: Sequence[str], parser: CommandParser, example: str) -> tuple[argparse.Namespace, list[Stage]]:
    """Return the parsed options of a study's command, and the stages that its configs or its plan name.

    Args:
        argv: The configs or a plan, the options of the study, and those that go to every stage.
        parser: The command's parser.
        example: A correct example command, in backticks.

    Raises:
        InputError: If no config is given, or one cannot be read.
    """
    names, options = before_options(argv)
    own, others = separated(options, parser)
    parsed, command = parser.parse_args(own), parser.prog.split()[1]
    if not names:
        raise InputError(f"{command}: no config given; name some or a plan, as in {example}")
    seeds = getattr(parsed, "retrain_seeds", [])
    check_seeds(seeds, "retrain_seeds")
    overrides = for_every_stage(others, parser, f"`medunlearn {command} --help` lists the options")
    selection = Selection(overrides=overrides, retrain_seeds=tuple(seeds))
    return parsed, read_plan(names).stages(selection)


def add_study_options(parser: CommandParser, out: str, retrain_seeds: str = "") -> None:
    """Add the options shared by the commands of studies.

    Args:
        parser: The command's parser.
        out: Default folder of the study.
        retrain_seeds: Purpose of further Retrains, for the help text; if empty, the option is not added.
    """
    parser.add_argument("--out", type=Path, default=Path(out), metavar="DIR", help="the folder of the study")
    parser.add_argument("--engine", choices=plugin_names("engines"), default="local", help="where stages run")
    if retrain_seeds:
        text = f"train each Retrain once more under each of these seeds: {retrain_seeds}"
        parser.add_argument("--retrain_seeds", nargs="+", default=[], type=int, metavar="N", help=text)
