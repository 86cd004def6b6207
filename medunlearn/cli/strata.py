"""`medunlearn strata`: writes forget sets of images with low, medium and high memorisation."""

from argparse import RawDescriptionHelpFormatter
from pathlib import Path

from medunlearn.cli.parser import CommandParser
from medunlearn.errors import InputError
from medunlearn.files import output_folder, writing_to

EPILOG = """The memorisation of an image is how much better the original, which was trained on it, predicts it than
models trained without it: Retrains of any forget set, or the parts of a learning curve. Nothing is trained.

Give the files to `--data.forget.indices` of Retrain and methods. On the low set an audit must find nothing; what it
finds there, it would find on any images. On the high set it must detect the untouched model. docs/audits/strata.md has
the rest.

examples:
  medunlearn curve runs/train_blood
  medunlearn strata runs/train_blood --out_of runs/train_blood/learning_curve --count 300 --out strata
"""


def strata(argv: list[str]) -> int:
    """Run `medunlearn strata ORIGINAL --out_of RETRAIN... --count N` and return its exit status.

    Args:
        argv: The original's run directory, and options.

    Raises:
        InputError: If memorisation cannot be computed from the runs.
    """
    given = _parser().parse_args(argv)
    if given.original is None:
        raise InputError("strata: no run given; name an original, as in `medunlearn strata runs/train --out_of runs/r`")
    from medunlearn.audit.strata import (  # imports NumPy, which `--help` avoids
        mean_of,
        memorisation,
        write_strata,
    )

    out, found = output_folder(given.out), memorisation(given.original, given.out_of)
    sets = found.strata(given.count)
    with writing_to(out):
        files = write_strata(found, sets, out)
    for file, (name, rows) in zip(files, sets.items(), strict=True):
        print(f"{name:6}  mean memorisation {mean_of(found, rows):+.3f}  {file}")
    print(f"Of {len(found.rows)} images that were left out by a model; written to {out}, with strata.csv")
    return 0


def _parser() -> CommandParser:
    parser = CommandParser(
        "medunlearn strata ORIGINAL",
        description="Write three forget sets: images with low, medium and high memorisation.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("original", nargs="?", type=Path, help="run directory of the trained original")
    parser.add_argument("--out_of", nargs="+", default=[], metavar="RETRAIN", help="models that left images out")
    parser.add_argument("--count", type=int, default=100, metavar="N", help="images of each forget set (100)")
    parser.add_argument("--out", type=Path, default=Path("strata"), metavar="DIR", help="where they are written")
    return parser
