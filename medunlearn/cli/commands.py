"""The built-in commands by name; each imports what it needs when it runs, for Lightning alone takes seconds.

A command takes the options after its name and returns an exit status. Its docstring's first line is its help text.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def fit(options: list[str]) -> int:
    """Train, retrain or unlearn, measure it, and write a run directory."""
    return _lightning("fit", options)


def validate(options: list[str]) -> int:
    """Measure a finished run's model on the validation set."""
    return _lightning("validate", options)


def test(options: list[str]) -> int:
    """Measure a finished run's model on the test set."""
    return _lightning("test", options)


def predict(options: list[str]) -> int:
    """Write a finished run's class probabilities for a test set."""
    return _lightning("predict", options)


def import_images(options: list[str]) -> int:
    """Write a folder of images, PNG to DICOM, as a data file with a table of its patients."""
    from medunlearn.cli.importing import import_images

    return import_images(options)


def reproduce(options: list[str]) -> int:
    """Run a whole plan of stages in order and print the comparison."""
    with _importing():
        from medunlearn.cli.reproduce import reproduce

    return reproduce(options)


def tune(options: list[str]) -> int:
    """Choose the settings of unlearning by the proxy gap, without a Retrain."""
    with _importing():
        from medunlearn.cli.tune import tune

    return tune(options)


def curve(options: list[str]) -> int:
    """Foretell from a learning curve what a Retrain loses for want of images."""
    with _importing():
        from medunlearn.cli.curve import curve

    return curve(options)


def poison(options: list[str]) -> int:
    """Add noise to images, unlearn them, and test whether models still depend on it."""
    with _importing():
        from medunlearn.cli.poison import poison

    return poison(options)


def ulira(options: list[str]) -> int:
    """Unlearn from shadow models, and try to tell forgotten images from ones never seen."""
    with _importing():
        from medunlearn.cli.ulira import ulira

    return ulira(options)


def receipt(options: list[str]) -> int:
    """Write a signed receipt of what was removed from a model, or verify one."""
    from medunlearn.cli.receipt import receipt

    return receipt(options)


def report(options: list[str]) -> int:
    """Compare run directories: a table, or a whole report with figures."""
    with _importing():
        from medunlearn.cli.report import report

    return report(options)


def audit(options: list[str]) -> int:
    """Ask of run directories whether images were forgotten: attacks, distances to Retrains, verdicts."""
    with _importing():
        from medunlearn.cli.audit import audit

    return audit(options)


def forget(options: list[str]) -> int:
    """Answer a deletion request: unlearn patients' images, audit, and say how near to never seen they look."""
    with _importing():
        from medunlearn.cli.forget import forget

    return forget(options)


def relearn(options: list[str]) -> int:
    """Count the steps until models know the forgotten images again."""
    with _importing():
        from medunlearn.cli.relearn import relearn

    return relearn(options)


def export(options: list[str]) -> int:
    """Write a finished run's model as safetensors, ONNX, torch.export or a MONAI bundle, with a model card."""
    from medunlearn.cli.export import export

    return export(options)


def confuse(options: list[str]) -> int:
    """Swap labels of two classes, unlearn them, and count what models still confuse."""
    with _importing():
        from medunlearn.cli.confuse import confuse

    return confuse(options)


def strata(options: list[str]) -> int:
    """Write forget sets of images that are little, somewhat and much memorised."""
    with _importing():
        from medunlearn.cli.strata import strata

    return strata(options)


def dashboard(options: list[str]) -> int:
    """Lay out a Weights & Biases workspace for the runs of a project."""
    with _importing():
        from medunlearn.cli.dashboard import dashboard

    return dashboard(options)


def list_names(options: list[str]) -> int:
    """List methods, backbones, data sets, plans, metrics, engines and commands, those of plug-ins included."""
    with _importing():
        from medunlearn.cli.list import list_names

    return list_names(options)


FIT = """fit: nothing is given; name a method, images and a run directory, or a config:
  medunlearn fit --model Train --data.dataset bloodmnist --run_dir runs/train_blood
  medunlearn fit --config configs/train_blood.yaml
`medunlearn list` has the methods and data sets, `medunlearn fit --help` the options."""

MEASURE = """{0}: nothing is given; name a finished run by its config:
  medunlearn {0} --config runs/train_blood/config.yaml
`medunlearn {0} --help` lists the options."""


def _lightning(command: str, options: list[str]) -> int:
    if not options:
        print(f"medunlearn: error: {FIT if command == 'fit' else MEASURE.format(command)}", file=sys.stderr)
        return 2
    with _importing():
        from medunlearn.cli.fit import run

    return run([command, *options])


@contextmanager
def _importing() -> Iterator[None]:
    """Import with the garbage collector off, and leave what is imported, which stays, out of its later searches.

    Its searches while modules come in and when the process ends take a third of the time of a short run.
    """
    enabled, known = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > known:  # or a second command in one process would keep what the first one has left
            gc.freeze()
        if enabled:
            gc.enable()
