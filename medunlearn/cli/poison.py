"""`medunlearn poison`: unlearn images that noise was added to, and ask each model whether it still shows the noise."""

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

EPILOG = """The configs, or a plan, name an original, a Retrain and methods of one forget set. Noise is added to the
forget set, every stage runs on the poisoned data in a run directory below the folder, and each finished run gets
`poison.json`: the exact test of Pawelczyk et al. (2025), which needs no Retrain and no further model. Other options,
such as `--data.file F.npz` or `--trainer.max_epochs 3`, go to every stage. Killed and called again, the command goes
on. docs/audits/poison.md says how to read the table.

examples:
  medunlearn poison demo --out runs/poison_demo
  medunlearn poison train_ours.yaml retrain_ours.yaml salun_ours.yaml --data.file ours.npz --data.augmentation NoAug
"""

HELP = "`medunlearn poison --help` lists the options"


def poison(argv: list[str]) -> int:
    """Run `medunlearn poison CONFIG... [options]` and return its exit status: 0 where every stage is measured, else 1.

    Args:
        argv: The configs or a plan, the options of the study, and those that go to every stage.

    Raises:
        InputError: If the study cannot be run, before anything is.
    """
    names, options = before_options(argv)
    own, others = separated(options, _parser())
    parsed = _parser().parse_args(own)
    if not names:
        raise InputError("poison: no config given; name some or a plan, as in `medunlearn poison demo`")
    check_seeds(parsed.retrain_seeds, "retrain_seeds")
    selection = Selection(overrides=overrides_from_argv(others), retrain_seeds=tuple(parsed.retrain_seeds))
    plan = read_plan(names).stages(selection)
    from medunlearn.poisoning.poison import Folder  # imports torch, for which `--help` does not wait
    from medunlearn.poisoning.study import Study
    from medunlearn.poisoning.table import table

    folder = Folder(expanded(parsed.out, "out"))
    study = Study(folder, parsed.scale, parsed.seed, parsed.draws)
    outcomes = Outcomes()
    with own_options_meant(_parser(), HELP):
        found = study.run(plan, FitCommand(), find_engine(parsed.engine), announce, outcomes.ended)
    if found:
        text = table(found)
        write_whole(folder.table, f"{text}\n".encode())
        print(f"\n{text}\nWritten to {folder.path}: {folder.table.name}, and poison.json in each run directory")
    return outcomes.status()


def _parser() -> CommandParser:
    parser = CommandParser(
        "medunlearn poison CONFIG...",
        description="Add noise to the images of a forget set, train and unlearn, and test whether each model still "
        "depends on that noise: an exact p value from one model.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=Path("runs/poison"), metavar="DIR", help="the folder of the study")
    parser.add_argument(
        "--scale", type=float, default=0.1, metavar="S", help="standard deviation of the noise; 1 is black to white"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the noise")
    parser.add_argument("--draws", type=int, default=199, metavar="R", help="fresh draws for the test by draws")
    parser.add_argument(
        "--retrain_seeds",
        nargs="+",
        default=[],
        type=int,
        metavar="N",
        help="train each Retrain once more under each of these seeds: none may show the noise",
    )
    parser.add_argument("--engine", choices=plugin_names("engines"), default="local", help="where stages run")
    return parser
