"""Small plans for tests, and stages that only pretend to run."""

import json
from pathlib import Path

import yaml

import medunlearn.plans.engines as execution
from medunlearn.__main__ import main


def write(name, **content):
    Path(name).write_text(yaml.safe_dump(content))
    return name


def model(method, original=None):
    arguments = {} if original is None else {"init_args": {"original": original}}
    return {"class_path": method} | arguments


def runner(monkeypatch, statuses):
    """Let stages end with these statuses, by run directory; those with 0 leave a finished run."""
    calls = []

    def run(argv, environment):
        stage = next(Path(path) for path in calls_run_dirs(argv))
        calls.append(str(stage))
        status = statuses.get(str(stage), 0)
        if status == 0:
            stage.mkdir(parents=True, exist_ok=True)
            (stage / "metrics.json").write_text(json.dumps({"runtime": {"training": 60.0}}))
        return status

    monkeypatch.setattr(execution, "run_process", run)
    monkeypatch.setattr("medunlearn.report.table.comparison", lambda runs, **options: "THE TABLE")
    settings = {"trainer": {"max_epochs": None}}
    monkeypatch.setattr("medunlearn.cli.reproduce.check_settings", lambda stages, fit: [settings] * len(stages))
    return calls


def calls_run_dirs(argv):
    if "--run_dir" in argv:
        return [argv[argv.index("--run_dir") + 1]]
    return [yaml.safe_load(Path(argv[argv.index("--config") + 1]).read_text())["run_dir"]]


def two_chains():
    files = []
    for name in "ab":
        train = {"run_dir": f"r/{name}_train", "model": model("Train"), "data": {"dataset": f"{name}mnist"}}
        forget = {"dataset": f"{name}mnist", "forget": {"rate": 0.1}}
        files.append(write(f"{name}_train.yaml", **train))
        salun = {"run_dir": f"r/{name}_salun", "model": model("SalUn", f"r/{name}_train"), "data": forget}
        files.append(write(f"{name}_salun.yaml", **salun))
    return files


def dry(capsys, *argv):
    assert main(["reproduce", *argv, "--dry_run"]) == 0
    return capsys.readouterr().out.splitlines()
