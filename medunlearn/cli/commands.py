"""The built-in commands by name; each imports its dependencies when it runs, since importing Lightning takes seconds.

A command takes the options after its name and returns an exit status. Its docstring's first line is its help text; its
decorator gives its group in `medunlearn --help` and the message after an interruption.
"""

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from medunlearn.cli.examples import nothing_given
from medunlearn.cli.screen import show_error

Command = Callable[[list[str]], int]

START = "start"
RESEARCH = "research"
REQUESTS = "deletion requests"

AGAIN = "what is finished is kept, and the same command goes on from there"
WHOLE = "the same command starts again"
NOTHING = "nothing was changed, and the same command starts again"


class About(NamedTuple):
    """Properties of a built-in command other than its help text.

    Args:
        group: Its heading in `medunlearn --help`.
        interrupted: The message after Ctrl-C: what is left and how to continue; used if no more specific message
            exists.
    """

    group: str
    interrupted: str


ABOUT: dict[str, About] = {}
"""The properties of each command by the name of its function, in the order of `medunlearn --help`."""


def _command(group: str, interrupted: str = NOTHING) -> Callable[[Command], Command]:
    def noted(function: Command) -> Command:
        ABOUT[function.__name__] = About(group, interrupted)
        return function

    return noted


@_command(START, AGAIN)
def reproduce(options: list[str]) -> int:
    """Run a whole plan of stages in order and print the comparison."""
    with _importing():
        from medunlearn.cli.reproduce import reproduce

    return reproduce(options)


@_command(START, "nothing was written, and the same command starts again")
def import_images(options: list[str]) -> int:
    """Write a folder of images, PNG to DICOM, as a data file with a table of its patients."""
    from medunlearn.cli.importing import import_images

    return import_images(options)


@_command(START, "the same command starts again, or says how to go on")
def fit(options: list[str]) -> int:
    """Train, retrain or unlearn, measure it, and write a run directory."""
    return _lightning("fit", options)


@_command(START, WHOLE)
def report(options: list[str]) -> int:
    """Compare run directories: a table, or a whole report with figures."""
    with _importing():
        from medunlearn.cli.report import report

    return report(options)


@_command(START)
def list_names(options: list[str]) -> int:
    """List methods, backbones, data sets, plans, metrics, engines and commands, those of plug-ins included."""
    with _importing():
        from medunlearn.cli.list import list_names

    return list_names(options)


@_command(RESEARCH, AGAIN)
def tune(options: list[str]) -> int:
    """Choose the settings of unlearning by the proxy gap, without a Retrain."""
    with _importing():
        from medunlearn.cli.tune import tune

    return tune(options)


@_command(RESEARCH, AGAIN)
def curve(options: list[str]) -> int:
    """Predict from a learning curve what a Retrain loses for lack of images."""
    with _importing():
        from medunlearn.cli.curve import curve

    return curve(options)


@_command(RESEARCH, WHOLE)
def audit(options: list[str]) -> int:
    """Test from run directories whether images were forgotten: attacks, distances to Retrains, verdicts."""
    with _importing():
        from medunlearn.cli.audit import audit

    return audit(options)


@_command(RESEARCH, AGAIN)
def poison(options: list[str]) -> int:
    """Add noise to images, unlearn them, and test whether models still depend on it."""
    with _importing():
        from medunlearn.cli.poison import poison

    return poison(options)


@_command(RESEARCH, AGAIN)
def ulira(options: list[str]) -> int:
    """Unlearn from shadow models, and try to tell forgotten images from ones never seen."""
    with _importing():
        from medunlearn.cli.ulira import ulira

    return ulira(options)


@_command(RESEARCH, WHOLE)
def relearn(options: list[str]) -> int:
    """Count the steps until models know the forgotten images again."""
    with _importing():
        from medunlearn.cli.relearn import relearn

    return relearn(options)


@_command(RESEARCH, AGAIN)
def confuse(options: list[str]) -> int:
    """Swap labels of two classes, unlearn them, and count what models still confuse."""
    with _importing():
        from medunlearn.cli.confuse import confuse

    return confuse(options)


@_command(RESEARCH, WHOLE)
def strata(options: list[str]) -> int:
    """Write forget sets of images with low, medium and high memorisation."""
    with _importing():
        from medunlearn.cli.strata import strata

    return strata(options)


@_command(RESEARCH)
def validate(options: list[str]) -> int:
    """Measure a finished run's model on the validation set."""
    return _lightning("validate", options)


@_command(RESEARCH)
def test(options: list[str]) -> int:
    """Measure a finished run's model on the test set."""
    return _lightning("test", options)


@_command(RESEARCH)
def predict(options: list[str]) -> int:
    """Write a finished run's class probabilities for a test set."""
    return _lightning("predict", options)


@_command(RESEARCH)
def dashboard(options: list[str]) -> int:
    """Lay out a Weights & Biases workspace for the runs of a project."""
    with _importing():
        from medunlearn.cli.dashboard import dashboard

    return dashboard(options)


@_command(REQUESTS, AGAIN)
def forget(options: list[str]) -> int:
    """Answer a deletion request: unlearn patients' images, audit, and compare with a model that never saw them."""
    with _importing():
        from medunlearn.cli.forget import forget

    return forget(options)


@_command(REQUESTS, WHOLE)
def receipt(options: list[str]) -> int:
    """Write a signed receipt of what was removed from a model, or verify one."""
    from medunlearn.cli.receipt import receipt

    return receipt(options)


@_command(REQUESTS, WHOLE)
def export(options: list[str]) -> int:
    """Write a finished run's model as safetensors, ONNX, torch.export or a MONAI bundle, with a model card."""
    from medunlearn.cli.export import export

    return export(options)


def _lightning(command: str, options: list[str]) -> int:
    if not options:
        show_error(nothing_given(command))
        return 2
    from medunlearn.files.configs import resolve_configs

    resolve_configs(options)  # wrong ones are refused at once: what follows imports for seconds
    with _importing():
        from medunlearn.cli.fit import run

    return run([command, *options])


@contextmanager
def _importing() -> Iterator[None]:
    """Import with the garbage collector off, and exclude the imported objects from later collections.

    Collections during imports and at exit take a third of the time of a short run.
    """
    enabled, known = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > known:  # otherwise a second command in one process would freeze the garbage of the first
            gc.freeze()
        if enabled:
            gc.enable()
