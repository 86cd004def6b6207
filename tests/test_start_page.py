"""docs/start.md: its commands are those that CI runs, and it says of the demo what the configs say."""

import re
from pathlib import Path

import pytest
import yaml
from helpers.backbones import WITH_TINY
from helpers.runs import QUIET
from helpers.studies import here

from medunlearn.__main__ import main
from medunlearn.data.breast28 import breast28_data
from medunlearn.files.configs import read_config, shipped_configs, shipped_plan
from medunlearn.plans import engines

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
    (row,) = re.findall(rf"^\| {config['model']['class_path']} \| \d+ \|.*", PAGE, re.M)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    arguments = config["model"]["init_args"]
    assert cells[1:4] == [
        str(config["trainer"]["max_epochs"]),
        str(arguments["lr"]),
        arguments.get("lr_schedule", "its own"),
    ]


def test_demo_ends_with_the_table_and_the_report(monkeypatch, capsys):
    monkeypatch.setattr(engines, "run_process", here)
    assert main(["reproduce", "demo", WITH_TINY, "--trainer.max_epochs=1", *QUIET]) == 0
    said = capsys.readouterr().out
    beginning = " ".join(said.partition("stage 1 of 4: runs/demo/train")[0].split())
    assert beginning.startswith(f"{' '.join(PLAN['description'].split())} 4 of 4 stages to run, about 3 min on two CPU")
    assert beginning in WORDS
    table = said.rpartition("training images forgotten")[2]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| runs/demo/")]
    assert [row[1].split("[")[0].strip() for row in rows] == [
        "Train, untouched",
        "Retrain",
        "SalUn",
        "KernelTranspose",
    ]
    shares = [re.search(r"\(\d[\d.]* %\)", row[7]) is not None for row in rows]
    assert shares == [False, False, True, True], "unlearning's share of Retrain's time"
    page = Path("runs/demo/report/report.html")
    assert said.endswith(f"Report: {page}; open it with\n  python -m webbrowser {page.absolute().as_uri()}\n")
    assert "KernelTranspose" in page.read_text()
