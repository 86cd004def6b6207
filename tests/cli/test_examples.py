"""The examples that each command's `--help` ends with."""

import importlib
import shlex

import pytest

from medunlearn.__main__ import main
from medunlearn.cli.settings import ResolvedSettings
from medunlearn.cli.stages import before_options
from medunlearn.errors import InputError
from medunlearn.plugins import BUILT_IN

LIGHTNING = ("fit", "validate", "test", "predict")
MODULES = {"import": "importing"}


def examples(capsys, command):
    """Return the examples of a command, each as its arguments."""
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    before, _, last = capsys.readouterr().out.rpartition("\nexamples:\n")
    assert before, "no examples"
    lines = last.splitlines()
    assert all(line.startswith("  medunlearn ") for line in lines), "they come last"
    return [shlex.split(line)[1:] for line in lines]


@pytest.fixture(scope="module")
def of_fit():
    """Return the options of `medunlearn fit`."""
    found = ResolvedSettings(["fit", "--model=Train", "--data.dataset=synthetic", "--run_dir=r"]).parser
    return found._subcommands_action._name_parser_map["fit"]


def taken(argv, parser, of_fit):
    """Parse the arguments of a command of this project's own; options of stages go to `medunlearn fit`."""
    _, others = parser.parse_known_args(argv)
    options = before_options(others)[1]
    if options:
        of_fit.parse_args(["--data.dataset=synthetic", "--run_dir=r", "--model=medunlearn.Train", *options])


@pytest.mark.parametrize("command", [name for name in BUILT_IN["commands"] if name not in LIGHTNING])
def test_help_ends_with_examples_whose_options_parse(capsys, of_fit, command):
    found = examples(capsys, command)
    assert any(name == command for name, *_ in found)
    for name, *argv in found:
        if name == "fit":
            of_fit.parse_args(["--data.dataset=synthetic", "--run_dir=r", "--model=medunlearn.Train"])
            continue
        parser = importlib.import_module(f"medunlearn.cli.{MODULES.get(name, name)}")._parser()
        taken(argv, parser, of_fit)


def test_help_of_fit_ends_with_examples_that_resolve(capsys):
    found = examples(capsys, "fit")
    assert len(found) >= 2
    for argv in found:
        assert ResolvedSettings(argv).settings.run_dir


@pytest.mark.parametrize("command", LIGHTNING[1:])
def test_help_of_what_measures_ends_with_examples_that_lack_only_the_run(capsys, command):
    for argv in examples(capsys, command):
        with pytest.raises(InputError, match=r"runs/train_blood.*(no run there|no such file)"):
            ResolvedSettings(argv)
