import json
from pathlib import Path

import pytest
import yaml
from conftest import QUIET

import medunlearn.reproduce.command as command
from medunlearn.__main__ import main
from medunlearn.errors import InputError
from medunlearn.reproduce.configs import command_for, find_config, resolve_configs, shipped_configs
from medunlearn.reproduce.plan import read_plan


def write(name, **content):
    Path(name).write_text(yaml.safe_dump(content))
    return name


def model(method, original=None):
    arguments = {} if original is None else {"init_args": {"original": original}}
    return {"class_path": method} | arguments


def test_stages_come_after_those_they_read_from():
    files = [
        write("s.yaml", run_dir="r/s", reference="r/r", model=model("SalUn", "r/t")),
        write("r.yaml", run_dir="r/r", model=model("Retrain")),
        write("t.yaml", run_dir="r/t", model=model("Train")),
    ]
    order = [stage.config.name for stage in read_plan(files)]
    assert sorted(order) == ["r.yaml", "s.yaml", "t.yaml"]
    assert order[-1] == "s.yaml"


def test_the_papers_blood_block_is_a_plan():
    names = [f"configs/{name}_blood{rate}.yaml" for name, rate in (("salun", "_10"), ("retrain", "_10"), ("train", ""))]
    assert [str(stage.run) for stage in read_plan(names)][-1] == "runs/salun_blood_10"


def test_plans_that_cannot_be_run_are_refused():
    a = write("a.yaml", run_dir="r/a", model=model("SalUn", "r/b"))
    b = write("b.yaml", run_dir="r/b", model=model("SalUn", "r/a"))
    with pytest.raises(InputError, match="needs its own result"):
        read_plan([a, b])
    with pytest.raises(InputError, match=r"config=c.yaml: writes run_dir=r/a as a.yaml does"):
        read_plan([a, write("c.yaml", run_dir="r/a")])
    with pytest.raises(InputError, match="names no run_dir"):
        read_plan([write("d.yaml", model=model("Train"))])
    Path("e.yaml").write_text("a: [1")
    with pytest.raises(InputError, match="cannot be read as YAML"):
        read_plan(["e.yaml"])


def test_configs_are_found_in_the_folder_first_and_then_among_those_shipped():
    assert find_config("configs/train_blood.yaml") == shipped_configs() / "train_blood.yaml"
    write("train_blood.yaml", run_dir="mine")
    assert find_config("train_blood.yaml") == Path("train_blood.yaml")
    words = resolve_configs(["fit", "-c", "configs/train_path.yaml", "--config=configs/train_path.yaml", "--x", "y"])
    shipped = str(shipped_configs() / "train_path.yaml")
    assert words == ["fit", "-c", shipped, f"--config={shipped}", "--x", "y"]


def test_the_command_that_makes_a_run_is_named():
    assert command_for(Path("runs/train_organa")) == "medunlearn fit --config configs/train_organa.yaml"
    assert command_for(Path("runs/train_organa"), Path("f.npz")).endswith("train_organa.yaml --data.file f.npz")


def test_a_plan_skips_what_is_finished_goes_on_with_the_rest_and_compares(npz, capsys, monkeypatch):
    """In this process: that `fit` runs in another one is subprocess's business."""
    calls = []

    def here(words):
        calls.append(words[3:])
        return type("Done", (), {"returncode": main(words[3:])})

    monkeypatch.setattr(command.subprocess, "run", here)
    data = {"file": str(npz), "batch_size": 8}
    forget = data | {"forget": {"rate": 0.25}}
    files = [
        write("t.yaml", run_dir="r/t", data=data, model=model("Train")),
        write("r.yaml", run_dir="r/r", data=forget, model=model("Retrain")),
        write("s.yaml", run_dir="r/s", reference="r/r", data=forget, model=model("SalUn", "r/t")),
    ]
    options = ["--trainer.max_epochs=1", *QUIET]
    assert main(["reproduce", *files, *options]) == 0
    table = capsys.readouterr().out.split("\n\n")[-1]
    assert [line.split("|")[2].strip() for line in table.splitlines() if line.startswith("| r/")] == [
        "Train",
        "Retrain",
        "SalUn",
    ]
    Path("r/s/metrics.json").unlink()
    calls.clear()
    assert main(["reproduce", *files, *options]) == 0
    assert len(calls) == 1
    assert calls[0][-2:] == ["--resume", "true"]
    assert capsys.readouterr().out.count("finished before, skipped") == 2
    assert json.loads(Path("r/s/metrics.json").read_text())["AG"] is not None

    calls.clear()
    assert main(["reproduce", *files, "--trainer.max_epochs=2", *QUIET]) == 2
    assert "trainer.max_epochs=2: the finished run in r/t was made with 1" in capsys.readouterr().err
    assert not calls


def test_a_stage_that_fails_ends_the_plan_with_its_status(npz, monkeypatch, capsys):
    monkeypatch.setattr(command.subprocess, "run", lambda words: type("Done", (), {"returncode": 3}))
    assert main(["reproduce", write("t.yaml", run_dir="r/t", model=model("Train"))]) == 3
    assert "r/t failed" in capsys.readouterr().err
