"""Stages: the commands that they print, letter for letter those in commands.txt, and their order."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from helpers.plans import dry, model, write
from helpers.runs import write_npz

from medunlearn.plans.plan import read_plan

RECORD = Path(__file__).with_name("commands.txt")
"""Blocks of `$ medunlearn reproduce ...` and the lines that it prints."""


def recorded():
    blocks = [block.splitlines() for block in re.split(r"^\$ ", RECORD.read_text(), flags=re.M)[1:]]
    return {command: lines for command, *lines in blocks}


def write_inputs():
    """Write a data file, three experiments with spaces in their paths, and plan files with every kind of option."""
    for folder in ("my plans", "my data"):
        Path(folder).mkdir()
    write_npz(Path("my data/tiny images.npz"))
    write_npz(Path("tiny.npz"))
    data = {"file": "my data/tiny images.npz", "batch_size": 8}
    forget = data | {"forget": {"rate": 0.25}, "augmentation": "NoAug"}
    write("my plans/t 1.yaml", run_dir="my runs/t", data=data, model=model("Train"), seed_everything=3)
    write("my plans/r 1.yaml", run_dir="my runs/r", data=forget, model=model("Retrain"))
    write(
        "my plans/s 1.yaml",
        run_dir="my runs/s's",
        data=forget,
        model=model("SalUn", "my runs/t"),
        reference="my runs/r",
    )
    configs = ["s 1.yaml", "r 1.yaml", "t 1.yaml"]
    options = {
        "scalars": {"trainer.max_epochs": 3, "data.as_rgb": True, "data.num_classes": None, "trainer.precision": "32"},
        "mappings": {"data.forget": {"rate": 0.5, "stratified": True}, "data": {"file": "tiny.npz"}},
        "lists": {"model.init_args.milestones": [1, 2], "data.forget.classes": [0], "data.forget.rate": None},
        "texts": {"data.file": "my data/tiny images.npz", "trainer.accelerator": "it's a $GPU"},
    }
    for name, values in options.items():
        text = yaml.safe_dump({"configs": configs, "seeds": [0, 7], "options": values}, sort_keys=False)
        Path(f"my plans/{name}.yaml").write_text(text)


@pytest.mark.parametrize("command", recorded())
def test_commands_stay_letter_for_letter(capsys, command):
    write_inputs()
    _, _, *argv, last = shlex.split(command)
    assert last == "--dry_run"
    assert dry(capsys, *argv) == recorded()[command]


def test_stages_come_after_those_they_read_from():
    files = [
        write("s.yaml", run_dir="r/s", reference="r/r", model=model("SalUn", "r/t")),
        write("r.yaml", run_dir="r/r", model=model("Retrain")),
        write("t.yaml", run_dir="r/t", model=model("Train")),
    ]
    order = [stage.config.name for stage in read_plan(files).stages()]
    assert sorted(order) == ["r.yaml", "s.yaml", "t.yaml"]
    assert order[-1] == "s.yaml"
