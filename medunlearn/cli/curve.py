"""`medunlearn curve`: makes an original's learning curve, which predicts the loss of a Retrain for the proxy gap."""

from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from medunlearn.cli.parser import BOOLEAN, CommandParser
from medunlearn.cli.screen import show
from medunlearn.cli.stages import FitCommand, announce
from medunlearn.errors import InputError
from medunlearn.plans.engines import find_engine
from medunlearn.plugins import names as plugin_names
from medunlearn.runs import RunDir

if TYPE_CHECKING:
    from medunlearn.metrics import LearningCurve

EPILOG = """ways:
  parts   the original's whole schedule on an eighth and a quarter of its training set: 3/8 of its own training
  short   a few epochs with a cosine on a quarter, a half and all of it
  epochs  the validation accuracy that the original has logged by epoch, against the images seen: costs nothing

`learning_curve.json` and the figure are written beside the original's files, the runs below `learning_curve/` there.
If it is interrupted, the same command continues. From then on, runs that unlearn from this original compute the proxy
gap against the moved targets.

examples:
  medunlearn curve runs/train_blood
  medunlearn curve runs/train_blood --way short --epochs 5 --fractions 0.25 0.5 1
"""
RATES = (0.1, 0.5)


def curve(argv: list[str]) -> int:
    """Run `medunlearn curve ORIGINAL [options]` and return its exit status.

    Args:
        argv: The original's run directory, and options.

    Raises:
        InputError: If the curve cannot be made.
    """
    given = _parser().parse_args(argv)
    if given.original is None:
        raise InputError("curve: no run given; name a trained original, as in `medunlearn curve runs/train_blood`")
    from medunlearn.runs.learning_curve import curve_of
    from medunlearn.tuning.learning_curve import (  # imports matplotlib, which `--help` avoids
        Plan,
        make_curve,
    )

    options = (given.way, tuple(given.fractions), given.epochs, given.reading, given.move_attack, given.seed)
    original = RunDir.given(given.original, "original")
    made = make_curve(original, FitCommand(), Plan(*options), find_engine(given.engine), announce)
    show(_table(made.content))
    found = curve_of(made.content)
    print(_predicted(found))
    if made.content["way"] != "epochs" and _rises(found):
        print(
            "The error on unseen images rises somewhere with the size of a part: a run may have ended in a bad optimum"
        )
    written = ", ".join(path.name for path in (original.curve, *made.figures))
    print(f"Cost: {made.content['epochs']:.1f} epochs over the training set, {made.content['seconds']:.0f} s")
    print(f"Written to {original}: {written}")
    return 0


def _table(content: dict[str, Any]) -> str:
    from medunlearn.report.markdown import aligned  # imports pandas, which `--help` avoids

    heads = ("images", "epochs", "val_error", "unseen_error", "train_error", "attack", "seconds")
    rows = [[_number(point.get(name)) for name in heads] for point in content["points"]]
    return aligned(heads, rows)


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}"


def _predicted(found: "LearningCurve") -> str:
    images, lines = found.original.images, []
    for rate in RATES:
        loss = found.loss(images, images * (1 - rate))
        attack = "" if loss.attack is None else f", MIA {loss.attack:+.2f}"
        text = f"validation accuracy {0 - loss.val:+.2f}, RA {0 - loss.train:+.2f}{attack}"
        lines.append(f"Predicted for a Retrain without {100 * rate:.0f} % of the images: {text} points")
    return "\n".join(lines)


def _rises(found: "LearningCurve") -> bool:
    errors = [error for _, error in found.known("val_error")]
    return errors != sorted(errors, reverse=True)


def _parser() -> CommandParser:
    from medunlearn.metrics.learning_curve import Reading
    from medunlearn.runs.curve_schema import Way

    parser = CommandParser(
        "medunlearn curve ORIGINAL",
        description="Predict what a Retrain loses for lack of images, from models trained on parts of the training "
        "set; the targets of the proxy gap then move by that much. No Retrain and no test image is used.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("original", nargs="?", type=Path, help="run directory of the trained original")
    parser.add_argument("--way", choices=get_args(Way), default="parts", help="how the curve is made (parts)")
    parser.add_argument("--fractions", nargs="+", type=float, default=[], metavar="F", help="parts of the training set")
    parser.add_argument("--epochs", type=int, metavar="N", help="of short runs (an eighth of the original's)")
    parser.add_argument(
        "--reading",
        choices=get_args(Reading),
        help="predict the curve's own level (parts), or the original moved by the curve's differences (epochs) or "
        "ratios (short)",
    )
    moved = "move the target of MIA too (true for parts)"
    parser.add_argument("--move_attack", help=moved, **{**BOOLEAN, "default": None})
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the parts (0)")
    parser.add_argument("--engine", choices=plugin_names("engines"), default="local", help="where runs are made")
    return parser
