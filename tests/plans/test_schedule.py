"""Time left of a plan: from the pace of the finished stages most like the one that waits, never by a method's name."""

from pathlib import Path

import pytest
from helpers.plans import model, write

from medunlearn.plans.engines import Outcome
from medunlearn.plans.options import override
from medunlearn.plans.plan import read_plan
from medunlearn.plans.schedule import TimeLeft
from medunlearn.plans.stages import Stage


def stage(config, run, dataset="a", original=None, rate=None, method="own.Method", seed=0):
    model = {"class_path": method} | ({"init_args": {"original": original}} if original else {})
    data = {"dataset": dataset} | ({"forget": {"rate": rate}} if rate else {})
    content = {"run_dir": f"r/{run}", "data": data, "model": model}
    overrides = (override("seed_everything", seed), override("run_dir", f"r/{run}_{seed}")) if seed else ()
    return Stage(Path(config), content, overrides)


def left(finished, waiting, epochs):
    """Return the seconds left after stages, pairs with their seconds, are finished."""
    clock = TimeLeft([*(each for each, _ in finished), waiting], epochs)
    for each, seconds in finished:
        clock.count(Outcome(each, "done", seconds))
    return clock.seconds_left()


def test_images_that_are_left_count_whatever_the_method_is_called():
    train = stage("t.yaml", "t")
    retrain = stage("r.yaml", "r", rate=0.5, method="own.FromScratch")
    unlearn = stage("u.yaml", "u", rate=0.5, original="r/t")
    clock = TimeLeft([train, retrain, unlearn], [200, 200, 10])
    clock.count(Outcome(train, "done", 400.0))
    assert clock.seconds_left() == pytest.approx(200 + 20)


def test_pace_is_that_of_another_seed_of_the_same_config():
    slow, quick = stage("slow.yaml", "slow", original="r/t"), stage("quick.yaml", "quick", original="r/t")
    again = stage("slow.yaml", "slow", original="r/t", seed=1)
    assert left([(slow, 100.0), (quick, 10.0)], again, [10, 10, 10]) == pytest.approx(100.0)


def test_pace_is_that_of_the_same_start_on_the_same_data():
    train, unlearn = stage("t.yaml", "t"), stage("u.yaml", "u", original="r/t")
    other = stage("v.yaml", "v", original="r/t")
    assert left([(train, 10.0), (unlearn, 70.0)], other, [10, 10, 10]) == pytest.approx(70.0)


def test_stages_without_a_number_of_epochs_count_alike():
    train, unlearn = stage("t.yaml", "t"), stage("u.yaml", "u", original="r/t", rate=0.5)
    assert left([(train, 30.0)], unlearn, [None, 10]) == pytest.approx(30.0)


def test_the_estimate_counts_epochs_and_the_images_that_are_left():
    train = write("t.yaml", run_dir="r/t", model=model("Train"), data={"dataset": "a"})
    half = {"dataset": "a", "forget": {"rate": 0.5}}
    retrain = write("r.yaml", run_dir="r/r", model=model("Retrain"), data=half)
    salun = write("s.yaml", run_dir="r/s", model=model("SalUn", "r/t"), data=half, reference="r/r")
    stages = read_plan([train, retrain, salun]).stages()
    clock = TimeLeft(stages, [200, 200, 10])
    assert clock.seconds_left() is None
    clock.count(Outcome(stages[0], "done", 400.0))
    assert clock.seconds_left() == pytest.approx(200 + 20)


def test_what_the_plan_says_counts_until_a_stage_is_finished():
    train, unlearn = stage("t.yaml", "t"), stage("u.yaml", "u", original="r/t")
    clock = TimeLeft([train, unlearn], [9, 3], minutes=4)
    assert clock.seconds_left() == pytest.approx(240)
    assert clock.beginning() == "2 of 2 stages to run, about 4 min on two CPU cores that do nothing else."
    assert clock.title(train).endswith("[....................] 0 %, 0 s elapsed, 4 min left")
    clock.count(Outcome(train, "failed", 1.0))
    assert clock.seconds_left() == pytest.approx(60)
    clock.count(Outcome(unlearn, "done", 30.0))
    assert clock.seconds_left() == 0


def test_beginning_counts_what_is_left_and_predicts_it_from_what_an_earlier_command_finished():
    train, unlearn = stage("t.yaml", "t"), stage("u.yaml", "u", original="r/t")
    assert TimeLeft([train, unlearn], [9, 3]).beginning() == "2 of 2 stages to run."
    train.run.path.mkdir(parents=True)
    train.run.write_json(train.run.metrics, {"runtime": {"training": 60.0}})
    assert TimeLeft([train, unlearn], [9, 3], minutes=99).beginning() == "1 of 2 stages to run, about 20 s."
