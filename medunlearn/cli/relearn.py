"""`medunlearn relearn`: counts the training steps until a model classifies forgotten images again."""

import json
from argparse import RawDescriptionHelpFormatter
from dataclasses import asdict
from pathlib import Path

from medunlearn.cli.parser import CommandParser
from medunlearn.cli.screen import show
from medunlearn.errors import InputError
from medunlearn.files import output_folder, writable_folder, write_whole, writing_to

EPILOG = """The run, the model that it started from and its Retrains are trained on the forget set, each from its own
weights, with the same batches; the files of the runs stay as they are. docs/audits/relearn.md says how to read it.

examples:
  medunlearn relearn runs/salun_blood_10
  medunlearn relearn runs/salun_blood_10 --against runs/retrain_blood_10_1 --steps 100 --out relearn
"""


def relearn(argv: list[str]) -> int:
    """Run `medunlearn relearn RUN... [options]` and return its exit status.

    Args:
        argv: Run directories and options.

    Raises:
        InputError: If the runs cannot be trained again.
    """
    given = _parser().parse_args(argv)
    if not given.runs:
        raise InputError("relearn: no run given; name one that unlearned, as in `medunlearn relearn runs/salun`")
    from medunlearn.audit import read_subjects  # imports torch, which `--help` avoids
    from medunlearn.relearning.figure import write_figure
    from medunlearn.relearning.measuring import relearned, tables
    from medunlearn.relearning.training import Schedule

    out = None if given.out is None else output_folder(given.out)
    schedule = Schedule(given.steps, given.lr, given.batch_size, given.seed, given.every)
    subjects = read_subjects(given.runs, given.against)
    if out is not None:
        writable_folder(out)  # before models are trained
    found = [relearned(each, schedule, given.file, given.backbone) for each in subjects]
    text = tables(found)
    show(text)
    if out is not None:
        content = {**asdict(schedule), "runs": [each.content() for each in found]}
        with writing_to(out):
            write_whole(out / "relearn.json", f"{json.dumps(content, indent=2)}\n".encode())
            write_whole(out / "relearn.md", f"{text}\n".encode())
            for number, each in enumerate(found, start=1):
                write_figure(each, out / f"relearn_{number}")
        print(f"Written to {out}: relearn.md, relearn.json and figures")
    return 0


def _parser() -> CommandParser:
    parser = CommandParser(
        "medunlearn relearn RUN...",
        description="Train a run, its original and its Retrains on the forget set again, and count the steps: what is "
        "only covered comes back at once.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help="runs that unlearned")
    parser.add_argument("--against", nargs="+", default=[], metavar="RETRAIN", help="further Retrains")
    parser.add_argument("--file", type=Path, metavar="F", help="the runs' data file, where it has moved")
    parser.add_argument("--backbone", metavar="PATH", help="import path of the network, if it is your own")
    parser.add_argument("--steps", type=int, default=50, metavar="N", help="steps (50)")
    parser.add_argument("--lr", type=float, default=0.001, metavar="LR", help="learning rate (0.001)")
    parser.add_argument("--batch_size", type=int, default=32, metavar="B", help="images a step (32)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the batches (0)")
    parser.add_argument("--every", type=int, default=5, metavar="N", help="steps between two measurements (5)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where table, figures and relearn.json are written")
    return parser
