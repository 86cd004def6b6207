"""Every YAML file in configs/: read by the command that it is for."""

import shlex
from pathlib import Path

import pytest
import yaml
from helpers.plans import write

from medunlearn.cli.settings import resolved_settings
from medunlearn.files.configs import find_config, resolve_configs, shipped_configs, shipped_plans
from medunlearn.plans.plan import read_plan

FILES = {str(path.relative_to(shipped_configs())): path for path in sorted(shipped_configs().rglob("*.y*ml"))}
PLANS = [name for name in FILES if name.startswith("plans/")]
SWEEPS = [name for name in FILES if name.startswith("sweeps/")]
EXPERIMENTS = [name for name in FILES if name not in (*PLANS, *SWEEPS)]


def leaves(content, name=""):
    """Return the settings of nested mappings by dotted name."""
    if not isinstance(content, dict):
        return {name: content}
    return {key: value for k, v in content.items() for key, value in leaves(v, f"{name}.{k}" if name else k).items()}


def extremes(parameter):
    """Return the values of a sweep's parameter at which the parser is most likely to stumble."""
    if "values" in parameter:
        return parameter["values"]
    return [parameter["value"]] if "value" in parameter else [parameter["min"], parameter["max"]]


def swept_config(sweep):
    """Return the arguments of `medunlearn` in a sweep's shell line, without those that W&B fills in."""
    line = next(part for part in sweep["command"] if "medunlearn fit" in part)
    argv = shlex.split(line)
    return argv[argv.index("medunlearn") + 1 : argv.index("$@")]


def test_folders_of_configs_are_known():
    assert {Path(name).parts[0] for name in FILES if "/" in name} <= {"plans", "sweeps", "tuned", "methods"}
    assert EXPERIMENTS and PLANS and SWEEPS


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_resolves_to_what_it_says(name):
    written = leaves(yaml.safe_load(FILES[name].read_text()))
    resolved = leaves(resolved_settings(["fit", "--config", str(FILES[name])]))
    class_path = written.pop("model.class_path")
    assert resolved["model.class_path"].rpartition(".")[2] == class_path.rpartition(".")[2]
    assert {key: resolved[key] for key in written} == written


@pytest.mark.parametrize("name", PLANS)
def test_plan_produces_a_stage_for_each_config(name):
    stages = read_plan([str(FILES[name])]).stages()
    content = yaml.safe_load(FILES[name].read_text())
    assert Path(name).stem in shipped_plans()
    assert len(stages) == len(content["configs"]) * max(1, len(content.get("augmentations", [])))
    assert {stage.config.name for stage in stages} == set(content["configs"])
    made = {stage.run.path for stage in stages}
    assert all(need in made for stage in stages for need in stage.needs.values()), "a shipped plan makes all it needs"


@pytest.mark.parametrize("name", SWEEPS)
def test_sweep_sends_settings_that_the_method_has(name):
    sweep = yaml.safe_load(FILES[name].read_text())
    argv = swept_config(sweep)
    config = argv[argv.index("--config") + 1]
    assert find_config(config).is_file()
    assert sweep["metric"]["name"].startswith("validation/"), "the test set chooses nothing"
    known = leaves(resolved_settings(argv))
    for parameter, content in sweep["parameters"].items():
        assert parameter in known, f"{name}: {config} has no {parameter}"
        for value in extremes(content):
            resolved = leaves(resolved_settings([*argv, f"--{parameter}={value}"]))
            assert resolved[parameter] == value


def test_find_config_looks_in_the_folder_first_and_then_among_those_shipped():
    assert find_config("configs/train_blood.yaml") == shipped_configs() / "train_blood.yaml"
    write("train_blood.yaml", run_dir="r")
    assert find_config("train_blood.yaml") == Path("train_blood.yaml")
    argv = resolve_configs(["fit", "-c", "configs/train_path.yaml", "--config=configs/train_path.yaml", "--x", "y"])
    shipped = str(shipped_configs() / "train_path.yaml")
    assert argv == ["fit", "-c", shipped, f"--config={shipped}", "--x", "y"]
