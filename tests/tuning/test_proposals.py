"""What a study proposes, and in which order trials run, with trials that only pretend to."""

import json
import math
from pathlib import Path

import pytest
from helpers.studies import write_config

from medunlearn.plans.engines import Outcome
from medunlearn.plans.options import overrides_from_argv
from medunlearn.plans.stages import read_stage
from medunlearn.tuning.space import Parameter
from medunlearn.tuning.study import Study
from medunlearn.tuning.trials import Place, Recipe

LR = Parameter("model.init_args.lr", "log", (1e-4, 1.0), 0.01)
RATIO = Parameter("model.init_args.mask_ratio", "choice", (0.1, 0.5, 0.9), 0.5)
EPOCHS = Parameter("trainer.max_epochs", "integer", (1, 5), 5)


def recipe(name="a", parameters=(LR, RATIO, EPOCHS), argv=()):
    settings = {
        "data": {},
        "model": {"class_path": "m.SalUn", "init_args": {"original": "t"}},
        "evaluation": {"feature": "confidence", "seed": 0, "solver": "interior_point"},
        "seed_everything": 0,
        "reference": None,
        "trainer": {},
    }
    stage = read_stage(Path(write_config(f"{name}.yaml", "SalUn")), overrides_from_argv(argv))
    return Recipe(stage, settings, parameters)


class Pretended:
    """An engine whose trials end at once: the nearer lr is to 0.1, the less their gap."""

    def __init__(self, failing=()):
        self.batches, self.failing = [], failing

    def __call__(self, stages, announce):
        self.batches.append([stage.run.path.name for stage in stages])
        for stage in stages:
            announce(stage)
            if stage.run.path.name in self.failing:
                yield Outcome(stage, "failed", 1.0, "exit status 1")
                continue
            lr = stage.settings["model"]["init_args"].get("lr", 0.01)
            stage.run.path.mkdir(parents=True, exist_ok=True)
            stage.run.metrics.write_text(json.dumps({"proxy": {"gap": 1 + abs(math.log10(lr / 0.1))}}))
            yield Outcome(stage, "done", 1.0)


def study(out="o", recipes=None, seed=0, **place):
    return Study(Place(Path(out), **place), recipes or [recipe()], seed)


def run(study, total, engine=None, at_once=1):
    return list(study.run(total, engine or Pretended(), at_once, lambda stage: None))


def values(study):
    return [study.values(trial) for trial in study.trials()]


def test_proposals_lie_inside_and_are_those_of_the_seed_whatever_the_interruptions():
    whole = study("whole")
    run(whole, 12)
    found = values(whole)
    assert found[0] == {}, "the recipe as it is"
    for each in found[1:]:
        assert 1e-4 <= each[LR.name] <= 1 and each[RATIO.name] in RATIO.bounds and 1 <= each[EPOCHS.name] <= 5
        assert each[LR.name] == float(f"{each[LR.name]:.4g}")
    assert len({each[LR.name] for each in found[1:6]}) == 5, "the first ones are drawn, each again"
    for total in (3, 7, 12):
        run(study("parts"), total)
    assert values(study("parts")) == found
    other = study("other", seed=1)
    run(other, 4)
    assert values(other)[1:4] != found[1:4]


def test_proposals_go_where_the_gap_is_less():
    searched = study()
    run(searched, 40)
    distances = [abs(math.log10(each[LR.name] / 0.1)) for each in values(searched)[1:]]
    assert sum(distances[-15:]) / 15 < sum(distances[:10]) / 10


def test_a_trial_that_was_begun_comes_first_and_a_half_proposed_one_is_proposed_to_its_end():
    run(whole := study("whole"), 3)
    begun = study("begun")
    run(begun, 2)
    begun.optuna.ask()  # and then it was killed
    engine = Pretended()
    run(again := study("begun"), 3, engine)
    assert engine.batches == [["trial_002"]]
    assert values(again) == values(whole)


def test_several_trials_at_a_time_are_proposed_together():
    engine = Pretended()
    run(study(), 6, engine, at_once=4)
    assert engine.batches == [[f"trial_{n:03}" for n in range(4)], ["trial_004", "trial_005"]]


def test_settings_of_several_configs_are_each_its_own():
    both = study(recipes=[recipe("a"), recipe("b", (LR,))])
    run(both, 10)
    of = [trial.user_attrs["config"] for trial in both.trials()]
    assert of[:2] == ["a", "b"] and {*of[2:]} == {"a", "b"}
    assert all(set(each) == {LR.name} for each, config in zip(values(both)[2:], of[2:], strict=True) if config == "b")


def test_failed_proposals_count_and_the_study_goes_on():
    engine = Pretended(failing=("trial_001",))
    run(failing := study(), 3, engine)
    assert [trial.state.name for trial in failing.trials()] == ["COMPLETE", "FAIL", "COMPLETE"]


def test_a_trial_needs_neither_reference_nor_test_images_and_logs_what_the_user_asks_for():
    stage = study().place.stage(recipe(), {LR.name: 0.5}, 7)
    assert stage.settings["data"]["test"] is False and stage.settings["reference"] is None
    assert (stage.settings["trainer"]["logger"], stage.run.path) == (False, Path("o/trial_007"))
    assert stage.environment == (("WANDB_RUN_GROUP", "o"),)
    assert stage.argv[-3:] == [
        "--trainer.callbacks+=medunlearn.tuning.reporting.ReportProxyGap",
        "--trainer.callbacks.file=o/study.jsonl",
        "--trainer.callbacks.trial=7",
    ]
    logged = study().place.stage(recipe(argv=["--trainer.logger=true"]), {}, 0)
    assert logged.settings["trainer"]["logger"] is True


@pytest.mark.parametrize("select", ["proxy", "average_gap"])
def test_who_selects_by_the_average_gap_keeps_what_it_needs(select):
    stage = Place(Path("o"), select, halved=select == "proxy").stage(recipe(), {}, 0)
    needs = stage.settings["reference"], stage.settings["data"].get("test", True)
    assert needs == ((None, False) if select == "proxy" else ("r/nowhere", True))
    assert any("ReportProxyGap" in argument for argument in stage.argv) == (select == "proxy")
