"""`medunlearn forget`: answers a deletion request, such as of a patient who withdraws consent, with one command."""

import argparse
from pathlib import Path
from typing import Any

from medunlearn.cli.parser import BOOLEAN, CommandParser
from medunlearn.cli.stages import FitCommand, announce, own_options_meant, separated
from medunlearn.errors import InputError, counted
from medunlearn.plugins import names as plugin_names
from medunlearn.runs import RunDir

EPILOG = """The run directory gets the unlearned run, request.yaml (the config that repeats it), trials/ and audit/.
If it is interrupted, the same command continues. A second request starts from the first: `--from runs/request_1`; what
that one forgot stays forgotten. Patients are named in the table that `medunlearn import` wrote beside the data file, or
in `--data.groups FILE`.

Other options, such as `--trainer.max_epochs 3`, go to the run and to every trial.

examples:
  medunlearn forget --from runs/clinic --groups P0017 --run_dir runs/request_1
  medunlearn forget --from runs/request_1 --groups P0023 P0031 --run_dir runs/request_2 --trials 12
  medunlearn forget --from weights.pt --backbone resnet18 --data.file clinic.npz --groups P0017 --run_dir runs/request_1
"""
HELP = "`medunlearn forget --help` lists the options"
EXAMPLE = "`medunlearn forget --from runs/clinic --groups P0017 --run_dir runs/request_1`"
DATA = "data."


def forget(argv: list[str]) -> int:
    """Run `medunlearn forget --from RUN --groups NAME... --run_dir DIR` and return its exit status.

    Args:
        argv: Options of the request, and those that go to the run.

    Raises:
        InputError: If the request cannot be answered.
    """
    parser = _parser()
    own, others = separated(argv, parser)
    given = parser.parse_args(own)
    for name in ("from", "run_dir"):  # `from` is a Python keyword, so it cannot be an attribute
        if vars(given)[name] is None:
            raise InputError(f"forget: no --{name} given; name it, as in {EXAMPLE}")
    if given.trials < 0:
        raise InputError(f"trials={given.trials}: give a whole number of 0 or more")
    with own_options_meant(parser, HELP):
        return _answer(given, others)


def _answer(given: argparse.Namespace, others: list[str]) -> int:
    from medunlearn.deletion.adopting import adopted
    from medunlearn.deletion.answer import answer_lines
    from medunlearn.deletion.answering import Means, carry_out, clear
    from medunlearn.deletion.images import asked
    from medunlearn.deletion.request import Request, write_request
    from medunlearn.plans.engines import find_engine
    from medunlearn.plans.stages import adopting_method

    data, options = _split(others)
    means = Means(FitCommand(), find_engine(given.engine), announce, _reads_validation)
    run, source = (RunDir.given(vars(given)[name], name) for name in ("run_dir", "from"))
    reference = None if given.reference is None else RunDir.given(given.reference, "reference")
    forget, weights = _forget(given), _weights(given, source.path)
    if weights is not None:
        if given.dry_run:
            name = adopting_method().rpartition(".")[2]
            raise InputError(
                f"from={source}: --dry_run needs a run; make one from the weights first with "
                f"`medunlearn fit --model {name}`"
            )
        source = adopted(weights, run, {**data, "forget": forget}, options, means, given.overwrite)
    request = Request(source, run, forget, data, reference)
    images = asked(request.data())
    config, epochs = _config(given, request, images)
    again = run.finished and not given.overwrite and not given.dry_run
    plan = f"{run} holds a finished answer, which is shown again" if again else _plan(given, config, epochs)
    if not given.dry_run:
        if given.overwrite and weights is None:
            clear(run)
        write_request(run, config)
    for line in [*images.lines(), plan]:
        print(line, flush=True)
    if given.dry_run:
        print("Nothing was done (--dry_run)")
        return 0
    answer = carry_out(request, options, given.trials, means)
    print()
    for line in answer_lines(answer):
        print(line)
    return 0


def _config(given: argparse.Namespace, request: Any, images: Any) -> tuple[dict[str, Any], int | None]:
    """Return the config of the answer and its epochs, which depend on the recipe and the number of images."""
    from medunlearn.deletion.recipes import epochs_for

    config: dict[str, Any] = request.config(_recipe(given, images.share))
    trainer = config.setdefault("trainer", {})
    epochs = trainer.get("max_epochs") or _own_epochs(config["model"]["class_path"])
    if epochs and given.config is None:
        epochs = epochs_for(epochs, images.steps, request.original.read_metrics("from").get("epochs"))
        trainer["max_epochs"] = epochs
    return config, epochs


def _plan(given: argparse.Namespace, config: dict[str, Any], epochs: int | None) -> str:
    method = config["model"]["class_path"]
    trials = f"{counted(given.trials, 'trial')} on validation images, then " if given.trials else ""
    return f"From {vars(given)['from']} by {method}, {counted(epochs or 0, 'epoch')}: {trials}the run and its audit"


def _split(others: list[str]) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """Return the given settings below `data`, and the other options of the run."""
    from medunlearn.plans.options import nested, overrides_from_argv

    overrides = overrides_from_argv(others)
    for each in overrides:
        if each.name.startswith("data.forget"):
            raise InputError(
                f"--{each.name}: the request names what is to be forgotten; give --groups, --indices, --classes or "
                "--rate"
            )
    data = [each for each in overrides if each.name.startswith(DATA)]
    return nested(data).get("data", {}), tuple(each for each in overrides if each not in data)


def _forget(given: argparse.Namespace) -> dict[str, Any]:
    named = {name: getattr(given, name) for name in ("groups", "indices", "classes", "rate")}
    found = {name: value for name, value in named.items() if value not in (None, [])}
    if not found:
        raise InputError(f"forget: nothing is named that is to be forgotten; give --groups, as in {EXAMPLE}")
    return {**found, **({"group_by": given.group_by} if "groups" in found else {})}


def _weights(given: argparse.Namespace, source: Path) -> Any:
    """Return the file of weights to turn into an original; None if a run is named."""
    from medunlearn.deletion.adopting import Weights

    network = {name: getattr(given, name) for name in ("backbone", "stem", "mean", "std")}
    if source.is_file():
        return Weights(source, **network)
    named = [name for name, value in network.items() if value is not None]
    if named:
        raise InputError(f"{named[0]}={network[named[0]]}: goes with a file of weights; a run knows its own network")
    return None


def _recipe(given: argparse.Namespace, share: float) -> Path:
    from medunlearn.deletion.recipes import recipe_for
    from medunlearn.files.configs import find_config

    if given.config is not None:
        return find_config(given.config)
    return recipe_for(share, given.method)


def _own_epochs(method: str) -> int | None:
    from medunlearn.cli.methods import method_class

    found: int | None = method_class(method).trainer_arguments.get("max_epochs")
    return found


def _reads_validation(path: str) -> bool:
    from medunlearn.cli.methods import method_class

    return method_class(path).reads_validation


def _parser() -> CommandParser:
    parser = CommandParser(
        "medunlearn forget",
        description="Answer a deletion request: unlearn the images of patients, choose the settings on validation "
        "images, audit, and report how close the model is to one that never saw them. No Retrain is needed.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--from", type=Path, metavar="RUN", help="the run that is to forget, or a file of weights")
    parser.add_argument("--backbone", metavar="NAME", help="the network of a file of weights (resnet18)")
    parser.add_argument("--stem", metavar="STEM", help="its first layer: cifar or imagenet")
    parser.add_argument("--mean", nargs="+", type=float, metavar="M", help="mean by which its images were normalised")
    parser.add_argument("--std", nargs="+", type=float, metavar="S", help="standard deviation, likewise (0.5)")
    parser.add_argument("--run_dir", type=Path, metavar="DIR", help="the run directory of the answer")
    parser.add_argument("--groups", nargs="+", default=[], metavar="NAME", help="patients, or a .txt with their names")
    parser.add_argument("--group_by", default="patient", metavar="COLUMN", help="patient, site or device (patient)")
    parser.add_argument("--indices", metavar="FILE", help="instead: a file of indices into the training set")
    parser.add_argument("--classes", nargs="+", default=[], metavar="CLASS", help="instead: whole classes")
    parser.add_argument("--rate", type=float, metavar="R", help="instead: a random share")
    parser.add_argument("--method", metavar="NAME", help="the method; by default chosen by the number of images")
    parser.add_argument("--config", metavar="FILE", help="instead: a recipe of your own")
    parser.add_argument("--trials", type=int, default=6, metavar="N", help="settings to try; 0 for the recipe's (6)")
    parser.add_argument("--reference", type=Path, metavar="RUN", help="a Retrain to compare with, if there is one")
    parser.add_argument("--dry_run", action="store_true", help="print what would be done, and stop")
    parser.add_argument("--overwrite", help="delete what is there first", **BOOLEAN)
    parser.add_argument("--engine", choices=plugin_names("engines"), default="local", help="where stages run")
    return parser
