import json
from pathlib import Path

import pytest
from helpers.plans import dry, model, runner, two_chains, write
from helpers.runs import QUIET

import medunlearn.plans.engines as execution
from medunlearn.__main__ import main
from medunlearn.errors import InputError
from medunlearn.files.configs import find_config, resolve_configs, shipped_configs
from medunlearn.plans.options import nested, overrides_from_argv
from medunlearn.plans.plan import read_plan


def test_the_papers_blood_block_is_a_plan():
    names = [f"configs/{name}_blood{rate}.yaml" for name, rate in (("salun", "_10"), ("retrain", "_10"), ("train", ""))]
    assert [str(stage.run) for stage in read_plan(names).stages()][-1] == "runs/salun_blood_10"


def test_plans_that_cannot_be_run_are_refused():
    a = write("a.yaml", run_dir="r/a", model=model("SalUn", "r/b"))
    b = write("b.yaml", run_dir="r/b", model=model("SalUn", "r/a"))
    with pytest.raises(InputError, match="needs its own result"):
        read_plan([a, b]).stages()
    with pytest.raises(InputError, match=r"config=c.yaml: writes run_dir=r/a as a.yaml does"):
        read_plan([a, write("c.yaml", run_dir="r/a")]).stages()
    with pytest.raises(InputError, match="names no run_dir"):
        read_plan([write("d.yaml", model=model("Train"))]).stages()
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


def test_a_plan_skips_what_is_finished_goes_on_with_the_rest_and_compares(npz, capsys, monkeypatch):
    """In this process: that `fit` runs in another one is subprocess's business."""
    calls = []

    def here(words):
        calls.append(words[4:])
        return main(words[4:])

    monkeypatch.setattr(execution, "_run_process", here)
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
    assert capsys.readouterr().out.count("finished before") == 2
    assert json.loads(Path("r/s/metrics.json").read_text())["AG"] is not None

    calls.clear()
    assert main(["reproduce", *files, "--trainer.max_epochs=2", *QUIET]) == 2
    assert "trainer.max_epochs=2: the finished run in r/t was made with 1" in capsys.readouterr().err
    assert not calls


def test_a_failure_leaves_out_what_depends_on_it_and_nothing_else(monkeypatch, capsys):
    calls = runner(monkeypatch, {"r/a_train": 3})
    files = two_chains()
    assert main(["reproduce", *files]) == 1
    assert calls == ["r/a_train", "r/b_train", "r/b_salun"]
    told = capsys.readouterr()
    assert "medunlearn: r/a_train failed: exit status 3" in told.err
    assert "medunlearn: r/a_salun left out: it needs r/a_train" in told.err
    assert "THE TABLE" in told.out

    calls = runner(monkeypatch, {})
    assert main(["reproduce", *files]) == 0
    assert calls == ["r/a_train", "r/a_salun"]
    assert capsys.readouterr().out.count("finished before") == 2


def test_a_killed_stage_is_said_to_be(monkeypatch, capsys):
    runner(monkeypatch, {"r/a_train": -9})
    assert main(["reproduce", two_chains()[0]]) == 1
    assert "r/a_train failed: signal 9" in capsys.readouterr().err


def test_what_a_plan_lacks_is_said_before_hours_are_lost(monkeypatch, capsys):
    calls = runner(monkeypatch, {})
    salun = two_chains()[1]
    for dry_run in ([], ["--dry_run"]):
        assert main(["reproduce", salun, *dry_run]) == 2
        printed = capsys.readouterr()
        assert printed.err == (
            "medunlearn: error: a_salun.yaml: model.init_args.original=r/a_train: no run there; make it with "
            "`medunlearn fit --config configs/NAME.yaml --run_dir r/a_train`\n"
        )
        assert not printed.out
    assert not calls


def test_time_left_is_printed_once_a_stage_is_finished(monkeypatch, capsys):
    runner(monkeypatch, {})
    clock = iter(range(0, 10_000, 100))
    monkeypatch.setattr(execution.time, "perf_counter", lambda: next(clock))
    assert main(["reproduce", *two_chains()]) == 0
    titles = [line for line in capsys.readouterr().out.splitlines() if line.startswith("stage") and ": r/" in line]
    assert titles[0] == "stage 1 of 4: r/a_train (time left: unknown until a stage is finished)"
    assert titles[1] == "stage 1 of 4: r/a_train: done after 2 min"
    assert titles[2] == "stage 2 of 4: r/a_salun [#####...............] 25 %, 7 min elapsed, 5 min left"
    assert titles[-2].endswith("[###############.....] 75 %, 17 min elapsed, 2 min left")


def test_the_estimate_counts_epochs_and_the_images_that_are_left():
    from medunlearn.plans.schedule import TimeLeft

    train = write("t.yaml", run_dir="r/t", model=model("Train"), data={"dataset": "a"})
    half = {"dataset": "a", "forget": {"rate": 0.5}}
    retrain = write("r.yaml", run_dir="r/r", model=model("Retrain"), data=half)
    salun = write("s.yaml", run_dir="r/s", model=model("SalUn", "r/t"), data=half, reference="r/r")
    stages = read_plan([train, retrain, salun]).stages()
    clock = TimeLeft(stages, [200, 200, 10])
    assert clock.seconds_left() is None
    clock.count(execution.Outcome(stages[0], "done", 400.0))
    assert clock.seconds_left() == pytest.approx(200 + 20)


def test_the_papers_plan_in_order_one_command_a_line(capsys):
    lines = dry(capsys, "paper")
    assert len(lines) == 15
    assert lines[0] == "medunlearn fit --config configs/train_path.yaml"
    for data in ("path", "organa", "blood"):
        places = [
            lines.index(f"medunlearn fit --config configs/{name}.yaml")
            for name in (
                f"train_{data}",
                f"retrain_{data}_10",
                f"salun_{data}_10",
                f"retrain_{data}_50",
                f"salun_{data}_50",
            )
        ]
        assert places[0] < places[2]
        assert places[1] < places[2]
        assert max(places[0], places[3]) < places[4]


def test_a_plan_file_of_ones_own(capsys):
    files = two_chains()[:2]
    Path("plans").mkdir()
    options = {"trainer.max_epochs": 3, "data.num_classes": None, "data.as_rgb": True}
    plan = {"configs": [f"../{file}" for file in files], "seeds": [0, 7], "options": options}
    write("plans/mine.yaml", **plan)
    lines = dry(capsys, "plans/mine.yaml")
    assert len(lines) == 4
    assert all("--data.as_rgb=true --data.num_classes=null --trainer.max_epochs=3" in line for line in lines)
    assert sum("_seed7" in line for line in lines) == 2
    assert len(dry(capsys, "plans/mine.yaml", "--seeds", "1", "2", "3")) == 6


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["paper", "--datasets", "lung"],
            "datasets=lung: not in this plan; choose from bloodmnist, organamnist, pathmnist",
        ),
        (["paper", "--rates", "20"], "rates=20: not in this plan; choose from 0.1, 0.5"),
        (["paper", "--augmentations", "Heavy"], "augmentations=Heavy: unknown preset; choose from NoAug"),
        (["paper", "--run_dir=x"], "--run_dir: does not go to every stage"),
        (["a_train.yaml", "b_salun.yaml", "--datasets", "a", "--rates", "10"], "no stage of this plan has both"),
        (["run_dirs.yaml"], "--run_dir: does not go to every stage"),
        (["plan.yaml"], "plan=plan.yaml: has no setting epochs"),
        (["seeds.yaml"], "plan=seeds.yaml: seeds=3; give a list of numbers"),
        (["seeds.yaml", "configs/train_blood.yaml"], "plan=seeds.yaml: is a plan; give it alone"),
        (["nowhere.yaml"], "config=nowhere.yaml: no such file"),
        ([], "reproduce: no plan given; name demo, figure2, paper, a plan file or config files"),
    ],
)
def test_wrong_plans_are_refused_in_one_line(capsys, words, message):
    write("plan.yaml", configs=["configs/train_blood.yaml"], epochs=3)
    write("seeds.yaml", configs=["configs/train_blood.yaml"], seeds=3)
    write("run_dirs.yaml", configs=["configs/train_blood.yaml"], options={"run_dir": "one/for/all"})
    two_chains()
    assert main(["reproduce", *words]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_engines(monkeypatch):
    from medunlearn.plans.engines import _devices, _resources

    stage = read_plan(["configs/train_blood.yaml"]).stages()[0]
    nodes = [{"Alive": True, "Resources": {"CPU": 8.0, "GPU": 2.0}}, {"Alive": True, "Resources": {"CPU": 4.0}}]
    assert _resources(nodes, stage) == {"num_gpus": 1, "num_cpus": 4.0}
    assert _resources(nodes[1:], stage) == {"num_cpus": 4.0}
    for argv, devices in (
        (["--trainer.devices=4"], 4),
        (["--trainer.devices", "2", "--trainer.devices", "3"], 3),
        (["--trainer", "{devices: 5}"], 5),
        (["--trainer.devices", "auto"], 1),
        ([], 1),
    ):
        assert _devices(nested(overrides_from_argv(argv))) == devices
