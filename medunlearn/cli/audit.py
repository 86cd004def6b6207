"""`medunlearn audit`: tests from run directories alone whether images were forgotten, against the band of Retrains."""

from argparse import RawDescriptionHelpFormatter
from pathlib import Path

from medunlearn.cli.parser import CommandParser
from medunlearn.cli.screen import show
from medunlearn.errors import InputError, counted
from medunlearn.files import writable_folder

EPILOG = """what is asked, and who asks:
  with the model alone         ROC of confidence, margin, loss, entropy and modified entropy, forgotten against unseen
  with the untouched one too   whose margin has fallen?
  with Retrains of their own   RMIA, offline LiRA
  with Retrains for comparison distance image by image, by class, on forgotten, retained and test images

Each answer is `inside` the band of Retrains, `outside` it, or `cannot tell`, where the same test would pass the
untouched model. A band takes two Retrains or more: `--against`, or `retrain_seeds` in a plan.

examples:
  medunlearn audit runs/salun_blood_10 --against runs/retrain_blood_10 runs/retrain_blood_10_1 --out audit
  medunlearn audit runs --out audit
"""


def audit(argv: list[str]) -> int:
    """Run `medunlearn audit RUN... [--against RETRAIN...] --out DIR` and return its exit status.

    Args:
        argv: Run directories and options.

    Raises:
        InputError: If the runs cannot be audited.
    """
    given = _parser().parse_args(argv)
    if not given.runs:
        raise InputError("audit: no run directories given; name some, as in `medunlearn audit runs/salun --out audit`")
    from medunlearn.audit import Settings, read_subjects  # imports matplotlib, which `--help` avoids
    from medunlearn.audit import audit as audited
    from medunlearn.audit.pages import terminal, write_audit

    settings = Settings(given.nonmembers, given.draws, given.seed)
    subjects = read_subjects(given.runs, given.against)
    if given.out is not None:
        writable_folder(given.out)  # before figures are computed
    found = audited(subjects, settings)
    for each in found:
        show(f"{terminal(each)}\n")
    if given.out is not None:
        written = write_audit(found, given.out)
        figures = sum(file.suffix == ".png" for file in written)
        print(
            f"Written to {given.out / 'audit.html'}, with audit.md, audit.json, audit.csv and "
            f"{counted(figures, 'figure')}"
        )
    return 0


def _parser() -> CommandParser:
    parser = CommandParser(
        "medunlearn audit RUN...",
        description="Was it forgotten? Attacks and distances to Retrains, computed from run directories: no model is "
        "loaded, nothing is trained.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help="runs that unlearned, or directories of runs")
    parser.add_argument("--against", nargs="+", default=[], metavar="RETRAIN", help="Retrains of the same forget set")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where page, tables and figures are written")
    parser.add_argument("--nonmembers", choices=("test", "val"), default="test", help="images never trained on (test)")
    parser.add_argument("--draws", type=int, default=1000, metavar="N", help="draws of the bootstrap (1000)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of bootstrap and samples (0)")
    return parser
