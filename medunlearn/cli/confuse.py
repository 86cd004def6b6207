"""`medunlearn confuse`: swap labels of two classes, train, unlearn them, and count what is still confused."""

import argparse
from pathlib import Path

from medunlearn.cli.parser import CommandParser
from medunlearn.cli.stages import FitCommand, Outcomes, announce, before_options, own_options_meant, separated
from medunlearn.errors import InputError
from medunlearn.files import expanded, write_whole
from medunlearn.plans.engines import find_engine
from medunlearn.plans.options import check_seeds, overrides_from_argv
from medunlearn.plans.plan import read_plan
from medunlearn.plans.variations import Selection
from medunlearn.plugins import names as plugin_names

EPILOG = """The configs, or a plan, name an original, a Retrain and methods. Every stage runs on data in which images of
two classes have each other's label; those images are the forget set, whatever the configs forget. Other options go to
every stage. Killed and called again, the command goes on. docs/audits/confusion.md says how to read the table.

examples:
  medunlearn confuse demo --classes 0 1 --out runs/confusion_demo
  medunlearn confuse train_ours.yaml retrain_ours.yaml salun_ours.yaml --classes 2 5 --data.file ours.npz
"""

HELP = "`medunlearn confuse --help` lists the options"


def confuse(argv: list[str]) -> int:
    """Run `medunlearn confuse CONFIG... --classes A B` and return its exit status: 0 where every stage is measured.

    Args:
        argv: The configs or a plan, the options of the study, and those that go to every stage.

    Raises:
        InputError: If the study cannot be run, before anything is.
    """
    names, options = before_options(argv)
    own, others = separated(options, _parser())
    parsed = _parser().parse_args(own)
    if not names or parsed.classes is None:
        missing = "config" if not names else "classes"
        raise InputError(f"confuse: no {missing} given; name some, as in `medunlearn confuse demo --classes 0 1`")
    check_seeds(parsed.retrain_seeds, "retrain_seeds")
    selection = Selection(overrides=overrides_from_argv(others), retrain_seeds=tuple(parsed.retrain_seeds))
    plan = read_plan(names).stages(selection)
    from medunlearn.confusion.study import Study, table  # imports torch, for which `--help` does not wait
    from medunlearn.confusion.swap import Folder, Swap

    folder, outcomes = Folder(expanded(parsed.out, "out")), Outcomes()
    study = Study(folder, Swap(tuple(parsed.classes), parsed.share, parsed.seed))
    with own_options_meant(_parser(), HELP):
        found = study.run(plan, FitCommand(), find_engine(parsed.engine), announce, outcomes.ended)
    if found:
        text = table(found)
        write_whole(folder.table, f"{text}\n".encode())
        print(f"\n{text}\nWritten to {folder.table}")
    return outcomes.status()


def _parser() -> CommandParser:
    parser = CommandParser(
        "medunlearn confuse CONFIG...",
        description="Swap labels of two classes, train, unlearn the swapped images, and count on test images what is "
        "still confused.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--classes", nargs=2, type=int, metavar=("A", "B"), help="numbers of the two classes")
    parser.add_argument("--share", type=float, default=0.5, metavar="S", help="share of the smaller class (0.5)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the draw (0)")
    parser.add_argument("--out", type=Path, default=Path("runs/confusion"), metavar="DIR", help="folder of the study")
    parser.add_argument(
        "--retrain_seeds",
        nargs="+",
        default=[],
        type=int,
        metavar="N",
        help="train each Retrain once more under each of these seeds: what lies between Retrains is the seed's",
    )
    parser.add_argument("--engine", choices=plugin_names("engines"), default="local", help="where stages run")
    return parser
