"""A run that was made from something else than is asked for now is never silently used again."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from helpers.backbones import TINY
from helpers.runs import QUIET, refused, write_npz

import medunlearn.plans.engines as execution
from medunlearn.__main__ import main
from medunlearn.data.synthetic import synthetic_data


@pytest.fixture
def plan(npz, monkeypatch):
    """Run a plan of Train, Retrain and SalUn in this process; return what was called."""
    calls = []

    def here(argv, environment):
        calls.append(argv[4:])
        return main(argv[4:])

    monkeypatch.setattr(execution, "run_process", here)
    data = {"file": str(npz), "batch_size": 8}
    forget = data | {"forget": {"rate": 0.25}}
    tiny = {"backbone": TINY}
    salun = {"class_path": "SalUn", "init_args": {"original": "r/t", **tiny}}
    contents = {
        "t": {"data": data, "model": {"class_path": "Train", "init_args": tiny}},
        "r": {"data": forget, "model": {"class_path": "Retrain", "init_args": tiny}},
        "s": {"data": forget, "model": salun, "reference": "r/r"},
    }
    for name, content in contents.items():
        Path(f"{name}.yaml").write_text(yaml.safe_dump({"run_dir": f"r/{name}", **content}))

    def reproduce(*options, status):
        calls.clear()
        argv = ["reproduce", "t.yaml", "r.yaml", "s.yaml", "--trainer.max_epochs=1", *QUIET, *options]
        assert main(argv) == status
        return [Path(call[call.index("--config") + 1]).stem for call in calls]

    assert reproduce(status=0) == ["t", "r", "s"]
    return reproduce


def test_an_unfinished_run_is_not_resumed_under_other_settings(plan, capsys):
    Path("r/s/metrics.json").unlink()
    assert plan("--trainer.max_epochs=2", status=2) == []
    printed = capsys.readouterr().err
    assert "trainer.max_epochs=2: the finished run in r/t was made with 1" in printed
    shutil.rmtree("r/t")
    shutil.rmtree("r/r")
    assert plan("--trainer.max_epochs=2", status=2) == []
    assert "trainer.max_epochs=2: the unfinished run in r/s was made with 1" in capsys.readouterr().err


def test_settings_of_display_alone_are_no_other_settings(plan):
    assert plan("--trainer.enable_progress_bar=true", status=0) == []


def test_a_data_file_that_holds_something_else_is_noticed(plan, npz, capsys):
    other = synthetic_data(size=8, seed=1, counts={"train": 32, "val": 8, "test": 12})
    write_npz(npz, train_images=other.train.images)
    assert plan(status=2) == []
    assert f"run_dir=r/t: {npz} has changed since that run was begun" in capsys.readouterr().err
    npz.unlink()
    assert plan(status=0) == [], "finished runs need no data"


def test_a_list_of_indices_that_holds_something_else_is_noticed(plan, capsys):
    Path("forget.txt").write_text("1\n2\n3\n")
    for name in "rs":
        content = yaml.safe_load(Path(f"{name}.yaml").read_text())
        content["data"]["forget"] = {"indices": "forget.txt"}
        content |= {"run_dir": f"i/{name}"} | ({"reference": "i/r"} if name == "s" else {})
        Path(f"{name}.yaml").write_text(yaml.safe_dump(content))
    assert plan(status=0) == ["r", "s"]
    Path("forget.txt").write_text("1\n2\n4\n")
    assert plan(status=2) == []
    assert "forget.txt has changed since that run was begun" in capsys.readouterr().err


def test_an_original_that_was_made_anew_under_other_settings_is_noticed(plan, capsys):
    shutil.rmtree("r/t")
    Path("t.yaml").write_text(Path("t.yaml").read_text() + "seed_everything: 5\n")
    capsys.readouterr()
    assert plan(status=1) == ["t"]
    printed = capsys.readouterr()
    assert "r/s failed: it started from another model than r/t holds now; delete it" in printed.err
    assert "| r/s" not in printed.out.rpartition("finished before")[2]
    shutil.rmtree("r/s")
    assert plan(status=0) == ["s"]
    assert json.loads(Path("r/s/metrics.json").read_text())["original"] == "r/t"


FIXED = '''
from pathlib import Path
import medunlearn

class Fixed(medunlearn.SalUn):
    """SalUn without milestones."""

    def __init__(self, num_classes: int, original: Path, in_channels: int = 3, image_size: int | None = None):
        super().__init__(num_classes, in_channels, original=original, image_size=image_size)
'''


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--dry-run", "--dry-run: no such option"),
        ("--model.init_args.milestones=[1]", "s.yaml: model.init_args.milestones"),
    ],
)
def test_an_option_that_a_later_stage_refuses_is_refused_before_the_first(plan, capsys, monkeypatch, option, message):
    shutil.rmtree("r")
    monkeypatch.syspath_prepend(str(Path.cwd()))
    Path("fixed.py").write_text(FIXED)
    content = yaml.safe_load(Path("s.yaml").read_text())
    content["model"] = {"class_path": "fixed.Fixed", "init_args": {"original": "r/t"}}
    Path("s.yaml").write_text(yaml.safe_dump(content))
    capsys.readouterr()
    assert plan(option, status=2) == []
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


@pytest.fixture
def stage(npz):
    """Return a function that writes a config of one SalUn stage with changes to its data and model."""

    def write(data=(), **changes):
        data = {"file": str(npz), "batch_size": 8, "forget": {"rate": 0.25}} | dict(data)
        model = {"class_path": "Retrain"}
        Path("s.yaml").write_text(yaml.safe_dump({"run_dir": "r/s", "data": data, "model": model} | changes))
        return "s.yaml"

    return write


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"file": "nowhere.npz"}, "data.file=nowhere.npz: no such file; give the path of a .npz file"),
        ({"file": "text.npz"}, "data.file=text.npz: not an .npz file; save the arrays"),
        ({"file": "part.npz"}, "data.file=part.npz: "),
        ({"forget": {"indices": "nowhere.txt"}}, "data.forget.indices=nowhere.txt: no such file; give the path"),
        ({"forget": {"indices": "far.txt"}}, "data.forget.indices=far.txt: index 99 is out of range"),
    ],
)
def test_wrong_data_files_are_refused_before_the_first_stage_with_the_message_of_fit(stage, capsys, npz, data, message):
    Path("text.npz").write_text("no archive")
    Path("part.npz").write_bytes(npz.read_bytes()[:5000])
    Path("far.txt").write_text("1\n99\n")
    config = stage(data)
    of_fit = refused(capsys, "fit", "--config", config, *QUIET)
    assert of_fit.startswith(message)
    assert refused(capsys, "reproduce", config, "--dry_run") == f"s.yaml: {of_fit}"
    assert refused(capsys, "reproduce", config, *QUIET) == f"s.yaml: {of_fit}"


def test_a_data_file_given_for_every_stage_is_looked_at(stage, capsys):
    for argv in (["--data.file", "gone.npz"], ["--data.file=gone.npz"], ["--data", "{file: gone.npz}"]):
        message = refused(capsys, "reproduce", stage(), *argv, "--dry_run")
        assert message.startswith("s.yaml: data.file=gone.npz: no such file")


def test_an_original_that_nothing_makes_is_refused_with_the_message_of_fit(stage, capsys):
    model = {"class_path": "SalUn", "init_args": {"original": "r/no t"}}
    config = stage(model=model)
    of_fit = refused(capsys, "fit", "--config", config, *QUIET)
    assert of_fit.startswith("model.init_args.original=r/no t: no run there; make it with `medunlearn fit --config")
    start, _, command = of_fit.partition(" --data.file")
    for argv in (["--dry_run"], QUIET):
        assert refused(capsys, "reproduce", config, *argv) == f"s.yaml: {start} --data.file{command}"


def test_a_reference_that_nothing_makes_is_refused(stage, capsys, npz):
    config = stage(reference="r/no r")
    for argv in (["--dry_run"], QUIET):
        assert refused(capsys, "reproduce", config, *argv) == (
            "s.yaml: reference=r/no r: no run there; make it with `medunlearn fit --config configs/NAME.yaml "
            f"--data.file {npz} --data.forget.rate 0.25 --run_dir 'r/no r'`"
        )


def test_official_data_that_is_not_downloaded_is_no_fault(stage, capsys):
    config = stage({"file": None, "dataset": "bloodmnist"})
    assert main(["reproduce", config, "--dry_run"]) == 0
    assert capsys.readouterr().out == "medunlearn fit --config s.yaml\n"
    assert not Path("data").exists()


def test_dry_run_of_a_finished_plan_needs_no_data(plan, npz, capsys):
    npz.unlink()
    assert plan("--dry_run", status=0) == []
