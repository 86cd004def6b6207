"""What the commands share that run stages."""

from pathlib import Path

import pytest

from medunlearn.cli.reproduce import _parser
from medunlearn.cli.stages import FitCommand, separated
from medunlearn.errors import InputError


def test_own_options_and_those_of_stages_are_separated_with_their_values():
    argv = [
        "--seeds",
        "0",
        "1",
        "--trainer.max_epochs",
        "3",
        "--dry_run",
        "--data.file=a.npz",
        "--rates=10",
        "--x",
        "-1",
    ]
    own, others = separated(argv, _parser())
    assert own == ["--seeds", "0", "1", "--dry_run", "--rates=10"]
    assert others == ["--trainer.max_epochs", "3", "--data.file=a.npz", "--x", "-1"]


def test_split_of_official_data_that_is_not_there_is_unknown(npz):
    data = {"file": None, "dataset": "bloodmnist", "forget": {"rate": 0.1, "indices": None}}
    assert FitCommand().split(data) is None
    data |= {"file": str(npz), "dataset": None}
    split = FitCommand().split(data)
    assert split is not None
    assert (len(split["indices"]), split["train_size"]) == (3, 32)
    assert FitCommand().split(data | {"file": "nowhere.npz"}) is None


def test_check_data_reads_indices_against_the_file(npz):
    Path("list.txt").write_text("0\n31\n")
    FitCommand().check_data(npz, None, Path("list.txt"))
    FitCommand().check_data(None, None, Path("list.txt"))
    Path("list.txt").write_text("0\n32\n")
    with pytest.raises(InputError, match="32"):
        FitCommand().check_data(npz, None, Path("list.txt"))
    FitCommand().check_data(None, None, Path("list.txt"))
    FitCommand().check_data(None, None, None)
