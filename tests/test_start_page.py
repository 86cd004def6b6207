"""docs/start.md: its commands are those that CI runs, and it says of the demo what the configs say."""

import re
from pathlib import Path

import pytest
import yaml

from medunlearn.data.breast28 import breast28_data
from medunlearn.files.configs import read_config, shipped_configs, shipped_plan

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "start.md").read_text()
WORDS = " ".join(PAGE.split())
CI = (ROOT / ".ci" / "run").read_text()
PLAN = read_config(shipped_plan("demo"))
CONFIGS = {name: yaml.safe_load((shipped_configs() / name).read_text()) for name in PLAN["configs"]}


def test_commands_are_those_that_ci_runs():
    blocks = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    assert blocks[:2] == ["pip install -e .\n", "medunlearn reproduce demo\n"]
    assert "medunlearn reproduce demo" in CI
    assert all(line.startswith(("pip install ", "medunlearn ")) for block in blocks for line in block.splitlines())


def test_images_are_counted_as_they_are():
    data = breast28_data()
    assert f"{len(data.train)} for training, {len(data.val)} for validation and {len(data.test)} for the test" in WORDS
    assert "`malignant` and `normal, benign`" in WORDS
    assert data.class_names == ("malignant", "normal, benign")


def test_demo_forgets_the_same_images_in_every_stage_and_compares_with_one_retrain():
    train, *others = CONFIGS.values()
    shared = {name: value for name, value in train["data"].items() if name != "forget"}
    assert all(config["data"] == {**shared, "forget": {"rate": 0.1}} for config in others)
    assert all(config["reference"] == "runs/demo/retrain" for config in others[1:])
    assert all(config["model"]["init_args"]["original"] == "runs/demo/train" for config in others[1:])
    assert len(others) == 3


def test_demos_originals_are_trained_alike():
    train, retrain = (CONFIGS[f"demo_{name}.yaml"] for name in ("train", "retrain"))
    assert train["model"]["init_args"] == retrain["model"]["init_args"]
    assert train["trainer"] == retrain["trainer"]


@pytest.mark.parametrize("name", PLAN["configs"])
def test_settings_stand_on_the_page(name):
    config = CONFIGS[name]
    (row,) = re.findall(rf"^\| {config['model']['class_path']} \|.*", PAGE, re.M)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    arguments = config["model"]["init_args"]
    assert cells[1:4] == [
        str(config["trainer"]["max_epochs"]),
        str(arguments["lr"]),
        arguments.get("lr_schedule", "its own"),
    ]
