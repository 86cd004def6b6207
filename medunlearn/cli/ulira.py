"""`medunlearn ulira`: attack a method by shadow models, each of which has learned and forgotten other images."""

import argparse
import json
from pathlib import Path

from medunlearn.cli.parser import CommandParser
from medunlearn.cli.stages import FitCommand, Outcomes, announce, before_options, own_options_meant, separated
from medunlearn.errors import InputError
from medunlearn.files import expanded, write_whole
from medunlearn.plans.engines import find_engine
from medunlearn.plans.options import overrides_from_argv
from medunlearn.plans.plan import read_plan
from medunlearn.plans.variations import Selection
from medunlearn.plugins import names as plugin_names

EPILOG = """The configs, or a plan, name an original, methods that start from it, and perhaps a Retrain, which shows
what is found where nothing is to be found. Each shadow original is trained on a random half of the training set, and
from it each method unlearns D forget sets of T images, whatever its config forgets. Other options, such as
`--data.file F.npz` or `--trainer.max_epochs 3`, go to every stage: there are N (1 + D M) for M methods and Retrains.
Killed and called again, the command goes on; called with a larger N, it adds shadows. docs/audits/ulira.md says how to
read the table.

examples:
  medunlearn ulira demo --originals 8 --draws 2 --targets 10 --out runs/ulira_demo
  medunlearn ulira train_ours.yaml salun_ours.yaml --originals 64 --draws 10 --targets 100 --out runs/ulira
"""

HELP = "`medunlearn ulira --help` lists the options"


def ulira(argv: list[str]) -> int:
    """Run `medunlearn ulira CONFIG... [options]` and return its exit status: 0 where every stage is finished, else 1.

    Args:
        argv: The configs or a plan, the options of the study, and those that go to every stage.

    Raises:
        InputError: If the study cannot be run, before anything is.
    """
    names, options = before_options(argv)
    own, others = separated(options, _parser())
    parsed = _parser().parse_args(own)
    if not names:
        raise InputError("ulira: no config given; name some or a plan, as in `medunlearn ulira demo`")
    plan = read_plan(names).stages(Selection(overrides=overrides_from_argv(others)))
    from medunlearn.ulira.folder import Folder  # imports torch, for which `--help` does not wait
    from medunlearn.ulira.study import Study
    from medunlearn.ulira.table import table

    folder = Folder(expanded(parsed.out, "out"))
    study = Study(folder, parsed.originals, parsed.draws, parsed.targets, parsed.seed)
    outcomes = Outcomes()
    with own_options_meant(_parser(), HELP):
        if parsed.dry_run:
            shadows, _ = study.planned(plan, FitCommand())
            print("\n".join(stage.command for stage in shadows.all()))
            return 0
        rows = study.run(plan, FitCommand(), find_engine(parsed.engine), announce, outcomes.ended)
    if rows:
        text = table(rows)
        write_whole(folder.table, f"{text}\n".encode())
        write_whole(folder.figures, (json.dumps({**study.described(), "rows": rows}, indent=2) + "\n").encode())
        print(f"\n{text}\nWritten to {folder.path}: {folder.table.name}, {folder.figures.name}")
    return outcomes.status()


def _parser() -> CommandParser:
    parser = CommandParser(
        "medunlearn ulira CONFIG...",
        description="Train shadow models on halves of the training set, unlearn images from each, and attack: can "
        "forgotten images be told from ones never seen (U-LiRA)?",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=Path("runs/ulira"), metavar="DIR", help="the folder of the study")
    parser.add_argument("--originals", type=int, default=16, metavar="N", help="shadow originals, an even number")
    parser.add_argument("--draws", type=int, default=4, metavar="D", help="forget sets of each original")
    parser.add_argument("--targets", type=int, default=50, metavar="T", help="images in each forget set")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of who learns and forgets which image")
    parser.add_argument("--engine", choices=plugin_names("engines"), default="local", help="where stages run")
    parser.add_argument("--dry_run", action="store_true", help="print the commands in order, one a line, and stop")
    return parser
