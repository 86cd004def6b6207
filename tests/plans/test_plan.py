from pathlib import Path

import pytest
from helpers.plans import dry, model, two_chains, write

from medunlearn.__main__ import main
from medunlearn.errors import InputError
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


def test_the_papers_plan_is_printed_in_order_one_command_a_line(capsys):
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


def test_a_plan_file_of_ones_own_has_configs_seeds_and_options(capsys):
    files = two_chains()[:2]
    Path("plans").mkdir()
    options = {"trainer.max_epochs": 3, "data.num_classes": None, "data.as_rgb": True}
    plan = {"configs": [f"../{file}" for file in files], "seeds": [0, 7], "options": options}
    write("plans/own.yaml", **plan)
    lines = dry(capsys, "plans/own.yaml")
    assert len(lines) == 4
    assert all("--data.as_rgb=true --data.num_classes=null --trainer.max_epochs=3" in line for line in lines)
    assert sum("_seed7" in line for line in lines) == 2
    assert len(dry(capsys, "plans/own.yaml", "--seeds", "1", "2", "3")) == 6


@pytest.mark.parametrize(
    ("argv", "message"),
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
        (["minutes.yaml"], "plan=minutes.yaml: minutes=soon; give a number above 0"),
        (["report.yaml"], "plan=report.yaml: report=3; give a text"),
        ([], "reproduce: no plan given; name blood28, demo, figure2, paper, a plan file or config files"),
    ],
)
def test_wrong_plans_are_refused_in_one_line(capsys, argv, message):
    write("plan.yaml", configs=["configs/train_blood.yaml"], epochs=3)
    write("seeds.yaml", configs=["configs/train_blood.yaml"], seeds=3)
    write("minutes.yaml", configs=["configs/train_blood.yaml"], minutes="soon")
    write("report.yaml", configs=["configs/train_blood.yaml"], report=3)
    write("run_dirs.yaml", configs=["configs/train_blood.yaml"], options={"run_dir": "one/for/all"})
    two_chains()
    assert main(["reproduce", *argv]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
