"""`medunlearn confuse`: swap labels of two classes, train, unlearn them, and count what is still confused."""

from argparse import RawDescriptionHelpFormatter

from medunlearn.cli.parser import CommandParser
from medunlearn.cli.screen import show
from medunlearn.cli.studies import Outcomes, add_study_options, study_plan
from medunlearn.errors import InputError
from medunlearn.files import output_folder, write_whole, writing_to

EPILOG = """The configs, or a plan, name an original, a Retrain and methods. Every stage runs on data in which images of
two classes have each other's label; those images are the forget set, whatever the configs forget. Other options go to
every stage. If it is interrupted, the same command continues. docs/audits/confusion.md says how to read the table.

examples:
  medunlearn confuse demo --classes 0 1 --out runs/confusion_demo
  medunlearn confuse train_ours.yaml retrain_ours.yaml salun_ours.yaml --classes 2 5 --data.file ours.npz
"""


def confuse(argv: list[str]) -> int:
    """Run `medunlearn confuse CONFIG... --classes A B` and return its exit status: 0 where every stage is measured.

    Args:
        argv: The configs or a plan, the options of the study, and those that go to every stage.

    Raises:
        InputError: If the study cannot be run, before anything is.
    """
    parser = _parser()
    parsed, plan = study_plan(argv, parser, "`medunlearn confuse demo --classes 0 1`")
    if parsed.classes is None:
        raise InputError("confuse: no classes given; name some, as in `medunlearn confuse demo --classes 0 1`")
    from medunlearn.confusion.study import Study, table  # imports torch, which `--help` avoids
    from medunlearn.confusion.swap import Folder, Swap

    folder, outcomes = Folder(output_folder(parsed.out)), Outcomes()
    study = Study(folder, Swap(tuple(parsed.classes), parsed.share, parsed.seed))
    with outcomes.runner(parsed.engine, parser) as runner:
        found = study.run(plan, runner)
    if found:
        text = table(found)
        with writing_to(folder.path):
            write_whole(folder.table, f"{text}\n".encode())
        show(f"\n{text}\nWritten to {folder.table}")
    return outcomes.status()


def _parser() -> CommandParser:
    parser = CommandParser(
        "medunlearn confuse CONFIG...",
        description="Swap labels of two classes, train, unlearn the swapped images, and count on test images what is "
        "still confused.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--classes", nargs=2, type=int, metavar=("A", "B"), help="numbers of the two classes")
    parser.add_argument("--share", type=float, default=0.5, metavar="S", help="share of the smaller class (0.5)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the draw (0)")
    add_study_options(parser, "runs/confusion", retrain_seeds="Retrains differ by their seed alone")
    return parser
