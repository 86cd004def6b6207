"""Every YAML file in configs/: read by the command that it is for."""

from pathlib import Path

import pytest
import yaml
from helpers.plans import write

from medunlearn.cli.settings import resolved_settings
from medunlearn.files.configs import find_config, resolve_configs, shipped_configs, shipped_plans
from medunlearn.plans.plan import read_plan

FILES = {str(path.relative_to(shipped_configs())): path for path in sorted(shipped_configs().rglob("*.y*ml"))}
PLANS = [name for name in FILES if name.startswith("plans/")]
SPACES = [name for name in FILES if name.startswith("spaces/")]
EXPECTED = [name for name in FILES if Path(name).name == "expected.yaml"]
EXPERIMENTS = [name for name in FILES if name not in (*PLANS, *SPACES, *EXPECTED)]


def leaves(content, name=""):
    """Return the settings of nested mappings by dotted name."""
    if not isinstance(content, dict):
        return {name: content}
    return {key: value for k, v in content.items() for key, value in leaves(v, f"{name}.{k}" if name else k).items()}


def test_folders_of_configs_are_known():
    assert {Path(name).parts[0] for name in FILES if "/" in name} <= {"plans", "spaces", "tuned", "methods"}
    assert EXPERIMENTS and PLANS and SPACES


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_resolves_to_what_it_says(name):
    written = leaves(yaml.safe_load(FILES[name].read_text()))
    resolved = leaves(resolved_settings(["fit", "--config", str(FILES[name])]))
    class_path = written.pop("model.class_path")
    assert resolved["model.class_path"].rpartition(".")[2] == class_path.rpartition(".")[2]
    assert {key: resolved[key] for key in written} == written


@pytest.mark.parametrize("name", EXPECTED)
def test_figures_are_expected_of_the_experiments_beside_them(name):
    runs = yaml.safe_load(FILES[name].read_text())["runs"]
    beside = [yaml.safe_load(path.read_text()) for path in FILES[name].parent.glob("*_*.yaml")]
    named = {(each["model"]["class_path"], f"{100 * each['data']['forget']['rate']:g} %") for each in beside}
    assert {(run["method"], run["forgotten"]) for run in runs} == named


@pytest.mark.parametrize("name", PLANS)
def test_plan_produces_a_stage_for_each_config(name):
    stages = read_plan([str(FILES[name])]).stages()
    content = yaml.safe_load(FILES[name].read_text())
    assert Path(name).stem in shipped_plans()
    assert len(stages) == len(content["configs"]) * max(1, len(content.get("augmentations", [])))
    assert {stage.config.name for stage in stages} == {Path(config).name for config in content["configs"]}
    made = {stage.run.path for stage in stages}
    assert all(need in made for stage in stages for need in stage.needs.values()), "a shipped plan makes all it needs"


def test_find_config_looks_in_the_folder_first_and_then_among_those_shipped():
    assert find_config("configs/train_blood.yaml") == shipped_configs() / "train_blood.yaml"
    write("train_blood.yaml", run_dir="r")
    assert find_config("train_blood.yaml") == Path("train_blood.yaml")
    argv = resolve_configs(["fit", "-c", "configs/train_path.yaml", "--config=configs/train_path.yaml", "--x", "y"])
    shipped = str(shipped_configs() / "train_path.yaml")
    assert argv == ["fit", "-c", shipped, f"--config={shipped}", "--x", "y"]
