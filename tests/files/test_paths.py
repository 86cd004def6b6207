"""Paths with `~` and environment variables: in options, in YAML and from Python, and what is recorded of them."""

import json
from pathlib import Path

import pytest
import yaml
from helpers.backbones import TINY, WITH_TINY
from helpers.runs import QUIET, refused, write_npz
from lightning import seed_everything

import medunlearn
from medunlearn.__main__ import main
from medunlearn.cli.settings import resolved_settings
from medunlearn.errors import InputError
from medunlearn.files import expanded
from medunlearn.plans.plan import read_plan
from medunlearn.report import load


@pytest.fixture
def home(monkeypatch, tmp_path):
    """Return a home, which holds images, with a variable beside it that leads there."""
    folder = tmp_path / "it's my home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("PLACE", str(folder))
    monkeypatch.delenv("NOWHERE", raising=False)
    write_npz(folder / "images.npz")
    return folder


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("~/a.npz", "{home}/a.npz"),
        ("~", "{home}"),
        ("$PLACE/a.npz", "{home}/a.npz"),
        ("${PLACE}/a.npz", "{home}/a.npz"),
        ("x/$PLACE", "x/{home}"),
        ("${PLACE}.npz", "{home}.npz"),
        ("a/~b", "a/~b"),
        ("~no_such_user_/a", "~no_such_user_/a"),
        ("costs $1, 10 %", "costs $1, 10 %"),
        ("a$", "a$"),
        ("${", "${"),
        ("plain/a.npz", "plain/a.npz"),
    ],
)
def test_path_is_expanded_as_a_shell_does(home, written, meant):
    assert expanded(written, "file") == Path(meant.replace("{home}", str(home)))
    assert expanded(Path(written), "file") == Path(meant.replace("{home}", str(home)))
    assert expanded(expanded(written, "file"), "file") == expanded(written, "file")


def test_path_through_a_variable_that_begins_with_a_tilde_leads_home(home, monkeypatch):
    monkeypatch.setenv("DATA", "~/images")
    assert expanded("$DATA/a.npz", "file") == home / "images" / "a.npz"


@pytest.mark.parametrize("name", ["~images.npz", "~", "a$PLACE.npz", "$NOWHERE", "${NOWHERE}.npz"])
def test_file_that_is_called_so_is_meant_as_it_is_written(home, name):
    Path(name).touch()
    for written in (name, f"./{name}", Path(name).absolute()):
        assert expanded(written, "file").samefile(name)


def test_variable_that_is_not_set_is_named(home):
    remedy = "the environment variable NOWHERE is not set; set it, or write the path out"
    with pytest.raises(InputError) as caught:
        expanded("${NOWHERE}/a.npz", "file", "data")
    assert str(caught.value) == f"file=${{NOWHERE}}/a.npz: {remedy}"
    assert caught.value.for_command_line.startswith("data.file=$")


PATHS = ("run_dir", "reference", "data.file", "data.root", "data.forget.indices", "model.init_args.original")


def found(settings, name):
    for key in name.split("."):
        settings = settings[key]
    return settings


@pytest.mark.parametrize("name", PATHS)
def test_every_path_option_is_expanded_on_the_command_line_and_in_yaml(home, capsys, name):
    words = ["fit", "--model=SalUn", "--data.dataset=synthetic", "--run_dir=r", "--model.init_args.original=t"]
    assert found(resolved_settings([*words, f"--{name}=~/a b.csv"]), name) == f"{home}/a b.csv"
    content = "${PLACE}/a b.csv"
    for key in reversed(name.split(".")):
        content = {key: content}
    if name.startswith("model"):
        content["model"]["class_path"] = "SalUn"
    (home / "own.yaml").write_text(yaml.safe_dump(content))
    given = [*words[:4], *words[4:][: not name.startswith("model")], "--config=$PLACE/own.yaml"]
    given = [word for word in given if not word.startswith(f"--{name}=")]
    assert found(resolved_settings(given), name) == f"{home}/a b.csv"
    line = refused(capsys, *words, f"--{name}=$NOWHERE/a")
    assert line == f"{name}=$NOWHERE/a: the environment variable NOWHERE is not set; set it, or write the path out"


def test_config_of_a_variable_that_is_not_set_is_one_line(home, capsys):
    for words in (["fit", "--config=$NOWHERE/a.yaml"], ["reproduce", "$NOWHERE/a.yaml"], ["fit", "-c", "$NOWHERE/a"]):
        assert "the environment variable NOWHERE is not set; set it" in refused(capsys, *words)
    assert refused(capsys, "report", "$NOWHERE/r").startswith("report=$NOWHERE/r: the environment variable NOWHERE")


def test_runs_with_paths_from_home_are_recorded_where_they_lie_and_reported(home, capsys):
    (home / "forget.csv").write_text("index,patient\n3,17\n5,17\n")
    common = ["--data.file=~/images.npz", "--data.batch_size=8", "--trainer.max_epochs=1", WITH_TINY, *QUIET]
    forget = "--data.forget.indices=$HOME/forget.csv:index"
    assert main(["fit", "--model=Train", "--run_dir=~/runs/t", *common]) == 0
    assert main(["fit", "--model=Retrain", "--run_dir=${PLACE}/runs/r", forget, *common]) == 0
    unlearns = ["--model.init_args.original=~/runs/t", "--reference=$PLACE/runs/r", forget]
    assert main(["fit", "--model=SalUn", "--run_dir=~/runs/s", *unlearns, *common]) == 0
    assert sorted(path.name for path in Path().iterdir()) == [home.name], "nothing lies in a folder called ~"
    config = yaml.safe_load((home / "runs/s/config.yaml").read_text())
    for name, path in {
        "run_dir": "runs/s",
        "reference": "runs/r",
        "data.file": "images.npz",
        "data.forget.indices": "forget.csv:index",
        "model.init_args.original": "runs/t",
    }.items():
        assert found(config, name) == str(home / path)
    metrics = json.loads((home / "runs/s/metrics.json").read_text())
    assert metrics["AG"] is not None
    assert metrics["original"] == str(home / "runs/t")
    capsys.readouterr()
    assert main(["report", "~/runs/t", "$PLACE/runs/r", "~/runs/s", "--out=~/the report"]) == 0
    assert capsys.readouterr().out.startswith(f"Written to {home}/the report/report.html")
    assert (home / "the report/report.html").is_file()
    assert {"Retrain", "SalUn"} <= set(load(["~/runs"])["method"])
    assert main(["test", "--run_dir=~/runs/t"]) == 0
    assert medunlearn.load_model("~/runs/s", backbone=TINY) is not None


def test_run_from_python_takes_paths_from_home_and_records_them_resolved(home):
    seed_everything(0)
    data = medunlearn.MedMNISTDataModule(
        file="~/images.npz", root="$PLACE/data", batch_size=8, forget=medunlearn.ForgetSpec(rate=0.25)
    )
    method = medunlearn.Retrain(num_classes=data.num_classes, backbone=TINY)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    medunlearn.fit(method, data, "~/r", reference="$PLACE/none", max_epochs=1, **quiet)
    text = (home / "r/config.yaml").read_text()
    assert not text.startswith("#"), text
    config = yaml.safe_load(text)
    assert (config["run_dir"], config["reference"]) == (str(home / "r"), str(home / "none"))
    assert (config["data"]["file"], config["data"]["root"]) == (str(home / "images.npz"), str(home / "data"))
    with pytest.raises(InputError, match=r"^run_dir=\$NOWHERE/r: the environment variable NOWHERE is not set"):
        medunlearn.fit(method, data, "$NOWHERE/r")
    with pytest.raises(InputError, match=r"^file=\$NOWHERE: the environment variable NOWHERE is not set"):
        medunlearn.MedMNISTDataModule(file="$NOWHERE")
    with pytest.raises(InputError, match=r"^original=\$NOWHERE: the environment variable NOWHERE is not set"):
        medunlearn.SalUn(num_classes=4, original="$NOWHERE")
    with pytest.raises(InputError, match=r"^indices=\$NOWHERE: the environment variable NOWHERE is not set"):
        medunlearn.ForgetSpec(indices="$NOWHERE")


def test_plan_with_paths_from_home_needs_and_makes_the_same_runs(home, capsys):
    settings = {"data": {"file": "~/images.npz"}, "run_dir": "$PLACE/runs/t", "model": "Train"}
    (home / "train.yaml").write_text(yaml.safe_dump(settings))
    model = {"class_path": "SalUn", "init_args": {"original": "~/runs/t"}}
    settings |= {"run_dir": "~/runs/s", "model": model}
    (home / "salun.yaml").write_text(yaml.safe_dump(settings))
    (home / "plan.yaml").write_text(yaml.safe_dump({"configs": ["~/salun.yaml", "${PLACE}/train.yaml"], "seeds": [1]}))
    train, salun = read_plan(["~/plan.yaml"]).stages()
    assert salun.needs == {"model.init_args.original": train.run.path}
    assert train.run.path == home / "runs/t_seed1"
    assert main(["reproduce", "$HOME/plan.yaml", "--dry_run"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
