"""What stands around the package: workflows, forms, hooks, the image, and the pages for those who carry it on."""

import re
import shlex
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WORKFLOWS = {path.name: path for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))}
FORMS = [path for path in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")) if path.stem != "config"]
PAGES = ("CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", ".github/pull_request_template.md")
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMMANDS = {"pip", "pre-commit", "ruff", "mypy", "pytest", "bash", "python", "medunlearn"}


def read(path):
    """Return what YAML reads; `on` is a boolean to it, and is named again."""
    content = yaml.safe_load(path.read_text())
    return {"on" if key is True else key: value for key, value in content.items()}


def extras(name):
    """Return the names of the packages of an extra."""
    return {Requirement(each).name for each in PYPROJECT["project"]["optional-dependencies"][name]}


def steps(workflow):
    """Return all steps of a workflow."""
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_say_when_they_run_and_when_they_have_hung(name):
    found = read(WORKFLOWS[name])
    assert {"name", "on", "jobs"} <= found.keys()
    for job in found["jobs"].values():
        assert 0 < job["timeout-minutes"] <= 60


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_pin_actions_to_a_major_version(name):
    for step in steps(read(WORKFLOWS[name])):
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|release/v\d+)", step["uses"])


def test_workflows_agree_on_the_versions_of_actions():
    used = {step["uses"] for path in WORKFLOWS.values() for step in steps(read(path)) if "uses" in step}
    assert len(used) == len({each.partition("@")[0] for each in used})


def test_workflows_put_nothing_of_a_stranger_into_a_shell():
    """A branch, tag or title could hold a command: they reach a script as variables alone."""
    for path in WORKFLOWS.values():
        for step in steps(read(path)):
            assert set(re.findall(r"\$\{\{ *([\w.]+)", step.get("run", ""))) <= {"matrix.base"}


def test_release_checks_before_it_publishes_without_a_password():
    release = read(WORKFLOWS["release.yml"])
    assert release["on"] == {"push": {"tags": ["v*"]}}
    assert release["permissions"] == {"contents": "read"}
    build, publish = release["jobs"]["build"], release["jobs"]["publish"]
    script = "\n".join(step.get("run", "") for step in build["steps"])
    for part in ("python -m build", "twine check --strict", "python -m venv fresh", "medunlearn --version"):
        assert part in script
    assert "permissions" not in build
    assert publish["needs"] == "build"
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["environment"] == "pypi"
    assert publish["steps"][-1]["uses"].startswith("pypa/gh-action-pypi-publish@")
    assert "secrets." not in WORKFLOWS["release.yml"].read_text()


def test_release_accepts_the_tag_of_this_version_alone():
    (step,) = [step for step in steps(read(WORKFLOWS["release.yml"])) if step.get("name") == "The tag is the version"]
    assert 'test "$TAG" = "v$version"' in step["run"]
    code = re.search(r'python -c "(.*?)"\)', step["run"])[1]
    printed = []
    exec(code, {"print": printed.append, "open": lambda name, mode: (ROOT / name).open(mode)})
    assert printed == [PYPROJECT["project"]["version"]]


def test_hooks_are_what_ci_runs_with_the_same_tools():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    (local,) = config["repos"]
    assert local["repo"] == "local"
    entries = [hook["entry"].removesuffix(" --force-exclude") for hook in local["hooks"]]
    assert entries == ["ruff format", "ruff check", "mypy"]
    assert {hook["language"] for hook in local["hooks"]} == {"system"}
    ci = (ROOT / ".ci" / "run").read_text().splitlines()
    assert {"ruff format --check .", "ruff check .", "mypy"} <= set(ci)
    assert {"ruff", "mypy"} <= extras("dev")


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms_ask_for_what_is_needed(path):
    form = read(path)
    assert {"name", "description", "body"} <= form.keys()
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    for field in fields:
        assert field["type"] in ("input", "textarea", "dropdown", "checkboxes")
        assert field["attributes"]["label"]
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_code_of_conduct_has_ten_points():
    text = (ROOT / "CODE_OF_CONDUCT.md").read_text()
    assert [int(number) for number in re.findall(r"^(\d+)\. ", text, re.MULTILINE)] == [*range(1, 11)]


@pytest.mark.parametrize("page", PAGES)
def test_pages_name_files_that_exist(page):
    text, folder = (ROOT / page).read_text(), (ROOT / page).parent
    linked = [folder / target for target in re.findall(r"\]\(([^)#:]+)\)", text)]
    quoted = re.findall(r"`((?:[\w.-]+/)+[\w.*-]*|[A-Z_]+\.md|pyproject\.toml)`", text)
    named = [ROOT / each for each in quoted if not re.search(r"your_method|YourMethod|NAME|/a/", each)]
    assert not [str(path) for path in linked + named if not list(ROOT.glob(str(path.resolve().relative_to(ROOT))))]


@pytest.mark.parametrize("page", PAGES)
def test_pages_name_commands_that_exist(page):
    for block in re.findall(r"```bash\n(.*?)```", (ROOT / page).read_text().replace("\\\n", " "), re.DOTALL):
        for line in re.split(r"\n|&&", block):
            words = [word for word in shlex.split(line) if not re.fullmatch(r"[A-Z]+=.*", word)]
            assert not words or words[0] in COMMANDS
            assert all(Path(ROOT, word).exists() for word in words if re.match(r"(tests|docs|\.ci)/", word))


def test_security_page_names_every_command_that_imports_what_a_configuration_names():
    text = (ROOT / "SECURITY.md").read_text().replace("\n", " ")
    commands = set(PYPROJECT["project"]["entry-points"]["medunlearn.commands"])
    named = set(re.findall(r"`(\w+)`", text[text.index("## Not guarded") : text.index("## What leaves")]))
    assert commands - named == {"import", "dashboard", "list"}, "say of each command whether it imports what it reads"


def test_image_runs_the_command_without_root():
    lines = [line for line in DOCKERFILE.splitlines() if re.match(r"[A-Z]+ ", line)]
    assert lines[0].startswith("ARG BASE=")
    assert lines[1] == "FROM ${BASE}"
    assert lines[-2:] == ['ENTRYPOINT ["medunlearn"]', 'CMD ["--help"]']
    (user,) = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert int(user) > 0
    assert f"useradd --create-home --uid {user} " in DOCKERFILE


def test_image_installs_extras_that_there_are():
    names = re.search(r"^ARG EXTRAS=(\S+)", DOCKERFILE, re.MULTILINE)[1].split(",")
    assert set(names) <= PYPROJECT["project"]["optional-dependencies"].keys()


def test_image_is_built_on_both_bases_that_it_names():
    (job,) = read(WORKFLOWS["docker.yml"])["jobs"].values()
    named = {re.search(r"^ARG BASE=(\S+)", DOCKERFILE, re.MULTILINE)[1], re.search(r"BASE=(nvidia\S+)", DOCKERFILE)[1]}
    assert set(job["strategy"]["matrix"]["base"]) == named


def test_image_is_given_what_the_package_is_built_from():
    let_through = re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    wheel = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    project = PYPROJECT["project"]
    needed = {"pyproject.toml", project["readme"], *(each.partition("/")[0] for each in project["license-files"])}
    needed |= {*wheel["packages"], *wheel["force-include"]}
    assert {each.partition("/")[0] for each in needed} <= set(let_through)


def test_source_distribution_holds_every_file_at_the_top():
    include = [each.strip("/") for each in PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]]
    top = [
        path.name for path in ROOT.iterdir() if path.suffix in (".md", ".cff") or path.name in ("Dockerfile", "docs")
    ]
    assert not [name for name in top if not any(fnmatch(name, pattern) for pattern in include)]
