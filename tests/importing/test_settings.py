"""What settings of an import may be. (Those that are refused: `tests/refusals/importing.py`.)"""

import argparse
from dataclasses import fields

from medunlearn.cli.importing import OPTIONS, _parser
from medunlearn.data import npz
from medunlearn.importing import Settings
from medunlearn.importing.entries import SPLITS
from medunlearn.importing.settings import SMALLEST


def test_options_of_the_command_are_the_settings_with_their_defaults():
    assert OPTIONS.keys() == {field.name for field in fields(Settings)}
    given = _parser().parse_args(["scans"])
    found = {field.name: getattr(given, field.name) for field in fields(Settings)}
    assert Settings(**{**found, "columns": tuple(found["columns"])}) == Settings()
    assert all(isinstance(each, argparse.Action) and each.help for each in _parser()._actions)


def test_sizes_and_splits_are_those_of_the_reader():
    assert (SMALLEST, SPLITS) == (npz.SMALLEST, npz.SPLITS)
