"""The versions that are promised are the versions that are tried."""

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())


def lowest(requirement: Requirement) -> Version:
    """Return the lower bound of a requirement."""
    (bound,) = [Version(each.version) for each in requirement.specifier if each.operator == ">="]
    return bound


def test_the_oldest_releases_are_the_lower_bounds():
    promised = {each.name: lowest(each) for each in map(Requirement, PROJECT["dependencies"])}
    lines = (ROOT / ".github" / "oldest.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert {name: Version(version) for name, version in pinned.items()} == promised


def test_bounds_have_a_reason_or_are_of_a_package_that_the_project_is_built_on():
    text = (ROOT / "pyproject.toml").read_text()
    names = [Requirement(each).name for each in PROJECT["dependencies"]]
    plain = {name for name in names if not re.search(rf'^    "{name}[^"]*", +# ', text, re.MULTILINE)}
    assert plain <= {"torchmetrics", "wandb", "numpy", "tqdm"}


def test_the_workflow_tries_every_python_that_is_promised_and_the_oldest_releases():
    named = {each.rpartition(" ")[2] for each in PROJECT["classifiers"] if re.fullmatch(r".*Python :: 3\.\d+", each)}
    assert set(WORKFLOW["jobs"]["test"]["strategy"]["matrix"]["python"]) == named
    steps = " ".join(str(step.get("run", "")) for step in WORKFLOW["jobs"]["oldest"]["steps"])
    assert "-c .github/oldest.txt" in steps
    assert "pytest" in steps


def test_the_version_is_one():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == PROJECT["version"]
    heads = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heads[0] in ("Unreleased", PROJECT["version"])
