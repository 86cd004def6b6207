"""The first page of the documentation: its commands, its settings and its table are those of the demo."""

import re
from pathlib import Path

import pytest
from helpers.blocks import blocks, check_understood, commands

from medunlearn.data.breast28 import breast28_data
from medunlearn.files.configs import read_config, shipped_configs
from medunlearn.plans.plan import read_plan

PAGE = Path(__file__).parents[1] / "docs" / "start.md"
TEXT = PAGE.read_text()
PROSE = " ".join(TEXT.split())


def test_commands_are_understood(monkeypatch):
    for program, *argv in [each for code in blocks(PAGE, "bash") for each in commands(code)]:
        assert program in {"medunlearn", "pip", "python"}
        if program == "medunlearn":
            check_understood(argv, monkeypatch)


def test_figures_of_the_data_are_so():
    data = breast28_data()
    assert f"{len(data.train)} training, {len(data.val)} validation and {len(data.test)} test images" in PROSE
    assert read_plan(["demo"]).stages()[2].rate == 0.1


@pytest.mark.parametrize("stage", ["train", "retrain", "salun", "kernel_transpose"])
def test_settings_are_those_of_the_configs(stage):
    config = read_config(shipped_configs() / f"demo_{stage}.yaml")
    name, lr = config["model"]["class_path"], config["model"]["init_args"]["lr"]
    (row,) = re.findall(rf"^\| {name} \|(.*)\|$", TEXT.split("## How its settings were chosen")[1], re.MULTILINE)
    epochs, rate, *_ = (cell.strip() for cell in row.split("|"))
    assert (int(epochs), float(rate.split(",")[0])) == (config["trainer"]["max_epochs"], lr)
    assert f"batch size {config['data']['batch_size']}" in PROSE
