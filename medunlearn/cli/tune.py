"""`medunlearn tune`: choose the settings of unlearning by the proxy gap, without a Retrain and without test images."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from medunlearn.cli.comparison import terminal_width
from medunlearn.cli.parser import CommandParser
from medunlearn.cli.screen import show
from medunlearn.cli.stages import FitCommand, announce, before_options, for_every_stage, own_options_meant, separated
from medunlearn.errors import InputError, check_least
from medunlearn.files import expanded
from medunlearn.files.configs import find_config
from medunlearn.plans.engines import Engine, Outcome, find_engine
from medunlearn.plans.options import Override, setting
from medunlearn.plans.reuse import check_inputs
from medunlearn.plans.stages import Stage, read_stage
from medunlearn.plugins import names as plugin_names
from medunlearn.runs import RunDir
from medunlearn.runs.curve_schema import Way

EPILOG = """Other options, such as `--data.file F.npz` or `--trainer.max_epochs 3`, go to every trial. The config
with these options is the recipe: trial 0 runs it unchanged, the others vary it.

A space file names settings and their bounds:

  model.init_args.lr: {times: [0.1, 10]}               # from a tenth of the recipe's to ten times it, logarithmic
  model.init_args.mask_ratio: {choice: [0.1, 0.5, 0.9]}
  model.init_args.weight_decay: {log: [1.0e-5, 1.0e-2]}
  trainer.max_epochs: {integer: [1, 5]}                # and {uniform: [LOW, HIGH]}

The folder gets a run directory for each trial, study.jsonl, trials.csv, tuned.yaml for `medunlearn fit --config`, and
figures. If it is interrupted, the same command continues; with more `--trials` it
adds trials.

examples:
  medunlearn tune configs/demo_salun.yaml --trials 8
  medunlearn tune configs/methods/fine_tune.yaml configs/methods/scrub.yaml --trials 30 --out runs/tune_blood
  medunlearn fit --config runs/tune/tuned.yaml
"""

HELP = "`medunlearn tune --help` lists the options"


def tune(argv: list[str]) -> int:
    """Run `medunlearn tune CONFIG... [options]` and return its exit status: 0 where a trial has been chosen, else 1.

    Args:
        argv: The configs, the options of the search, and those that go to every trial.

    Raises:
        InputError: If the study cannot be run, before anything is.
    """
    configs, options = before_options(argv)
    own, others = separated(options, _parser())
    parsed = _parser().parse_args(own)
    if not configs:
        raise InputError("tune: no config given; name one or several, as in `medunlearn tune configs/demo_salun.yaml`")
    _check_numbers(parsed, len(configs))
    return _run(parsed, _recipes(configs, for_every_stage(others, _parser(), HELP), parsed))


def _run(parsed: argparse.Namespace, recipes: Sequence[Any]) -> int:
    from medunlearn.tuning.study import Study
    from medunlearn.tuning.trials import Place, check_recipes

    check_recipes(recipes, parsed.select)
    out = expanded(parsed.out, "out")
    engine = find_engine(parsed.engine)
    place = Place(out, parsed.select, not parsed.no_halving and parsed.select == "proxy")
    check_inputs([place.stage(each, {}, 0) for each in recipes], FitCommand())
    if parsed.curve is not None:
        _make_curve(recipes[0].original, parsed.curve, engine)
    study = Study(place, recipes, parsed.seed)
    for outcome in study.run(parsed.trials, engine, parsed.parallel, lambda stage: begin(stage, parsed.trials)):
        print(_line(outcome), flush=True)
    return _conclude(study)


def begin(stage: Stage, total: int) -> None:
    """Announce a trial with its place among all: trial 0 is the first."""
    place = 1 + int(stage.run.path.name.rpartition("_")[2])
    announce(stage, f"{stage.run} ({place} of {total})")


def _make_curve(original: RunDir, way: Way, engine: Engine) -> None:
    """Make the learning curve of an original if it has none, before any trial, so that all have the same targets."""
    from medunlearn.tuning.learning_curve import Plan, curve_beside

    content = curve_beside(original, FitCommand(), Plan(way), engine, announce)
    print(
        f"{original.curve}: took {content['seconds'] / 60:.1f} min, in addition to the search; later studies share it"
    )


def _recipes(configs: Sequence[str], options: tuple[Override, ...], parsed: argparse.Namespace) -> list[Any]:
    """Return the configs as recipes: their resolved settings and the parameters to vary."""
    from medunlearn.tuning.space import read_space
    from medunlearn.tuning.trials import Recipe

    spaces: list[Path | None] = [expanded(each, "space") for each in parsed.space] or [None]
    if len(spaces) not in (1, len(configs)):
        raise InputError(f"space={' '.join(map(str, parsed.space))}: give one file for all configs, or one for each")
    recipes, fit = [], FitCommand()
    for at, config in enumerate(configs):
        stage = read_stage(find_config(config), options)
        with own_options_meant(_parser(), HELP):
            settings = fit.settings(stage.argv)
        method = str(setting(settings, "model.class_path"))
        space = read_space(spaces[at % len(spaces)], method.rpartition(".")[2], settings)
        recipes.append(Recipe(stage, settings, space, _reads_validation(method)))
    return recipes


def _reads_validation(path: str) -> bool:
    from medunlearn.cli.methods import method_class

    return method_class(path).reads_validation


def _conclude(study: Any) -> int:
    """Write the output of the study, and print the table and the choice."""
    from medunlearn.tuning.results import summary, table, write_all
    from medunlearn.tuning.rows import chosen, rows_of

    rows = rows_of(study)
    files = write_all(study, rows)
    learned = any(each.reads_validation for each in study.recipes)
    show(f"\n{table(rows, study.place.select)}\n")
    for text in summary(rows, study.place, learned):
        print(f"{_wrapped(text)}\n")
    print(f"Written to {study.place.folder}: {', '.join(each.name for each in files)}")
    if chosen(rows, study.place.select) is None:
        print("medunlearn: no trial has finished, so nothing is chosen", file=sys.stderr)
        return 1
    return 0


def _wrapped(text: str) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, terminal_width(), break_long_words=False, break_on_hyphens=False))


def _line(outcome: Outcome) -> str:
    run = outcome.stage.run
    state = "stopped" if run.was_stopped else outcome.state
    why = f" ({outcome.reason})" if outcome.reason and state != "stopped" else ""
    return f"{run}: {state} after {outcome.seconds:.0f} s{why}" if outcome.seconds else f"{run}: {state}{why}"


def _check_numbers(parsed: argparse.Namespace, configs: int) -> None:
    for name, value, least in (("trials", parsed.trials, configs), ("parallel", parsed.parallel, 1)):
        if value < least:
            each = ", one for each config as it is" if name == "trials" else ""
            raise InputError(f"{name}={value}: give a whole number of {least} or more{each}")
    check_least("seed", parsed.seed)


def _parser() -> CommandParser:
    parser = CommandParser(
        "medunlearn tune CONFIG...",
        description="Try settings of unlearning and choose the nearest to a Retrain, by the proxy gap on validation "
        "images alone: no Retrain and no test image is needed or read.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--trials", type=int, default=20, metavar="N", help="how many in all, stopped ones included")
    parser.add_argument(
        "--space", nargs="+", default=[], type=Path, metavar="FILE", help="what is varied; else the method's own space"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/tune"), metavar="DIR", help="the folder of the study")
    parser.add_argument(
        "--select",
        choices=("proxy", "average_gap"),
        default="proxy",
        help="average_gap: by the gap to a Retrain on the test set, for research only; every trial runs to its end",
    )
    parser.add_argument("--no_halving", action="store_true", help="run each trial to its end")
    parser.add_argument(
        "--curve",
        choices=get_args(Way),
        help="make the original's learning curve first, where it has none; see `medunlearn curve --help`",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the proposals")
    parser.add_argument("--engine", choices=plugin_names("engines"), default="local", help="where trials run")
    parser.add_argument(
        "--parallel", type=int, default=1, metavar="K", help="how many are proposed at a time, for `--engine ray`"
    )
    return parser
