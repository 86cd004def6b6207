"""Variations of a plan: presets and seeds in run directories of their own, each with its own chain."""

import pytest
from helpers.plans import dry, model, two_chains, write

from medunlearn.__main__ import main


def test_figure_2_adds_two_presets_in_directories_of_their_own(capsys):
    lines = dry(capsys, "figure2", "--datasets", "blood", "--rates", "10")
    assert len(lines) == 9
    last = "medunlearn fit --config configs/salun_blood_10.yaml --data.augmentation Default+RandAugment"
    last += " --run_dir runs/salun_blood_10_Default+RandAugment"
    last += " --model.init_args.original runs/train_blood_Default+RandAugment"
    last += " --reference runs/retrain_blood_10_Default+RandAugment"
    assert lines[-1] == last
    assert "medunlearn fit --config configs/salun_blood_10.yaml" in lines, "Default is what the config says"


def test_a_seed_has_its_own_chain_and_split(capsys):
    lines = dry(capsys, "paper", "--datasets", "bloodmnist", "--rates", "0.5", "--seeds", "0", "1", "--data.size=28")
    assert len(lines) == 6
    assert lines[3] == (
        "medunlearn fit --config configs/train_blood.yaml --data.size=28 "
        "--seed_everything 1 --run_dir runs/train_blood_seed1"
    )
    salun = next(line for line in lines if "salun_blood_50.yaml" in line and "seed1" in line)
    assert "--seed_everything 1 --data.forget.seed 1 --run_dir runs/salun_blood_50_seed1" in salun
    assert "--model.init_args.original runs/train_blood_seed1 --reference runs/retrain_blood_50_seed1" in salun


@pytest.mark.parametrize("options", [{"data.forget.rate": 0.1}, {"data.forget": {"rate": 0.1}}, {}])
def test_a_seed_draws_its_own_forget_set_wherever_that_is_asked_for(capsys, options):
    retrain = write("r.yaml", run_dir="r/r", model=model("Retrain"))
    plan = write("plan.yaml", configs=[retrain], seeds=[0, 1], options=options)
    argv = [] if options else ["--data", "{forget: {rate: 0.1}}"]
    first, second = dry(capsys, plan, *argv)
    assert "seed" not in first
    assert second.endswith("--seed_everything 1 --data.forget.seed 1 --run_dir r/r_seed1")


def test_a_seed_named_twice_is_run_once(capsys):
    configs = two_chains()
    assert main(["reproduce", *configs, "--seeds", "0", "1", "--dry_run"]) == 0
    once = capsys.readouterr().out
    assert main(["reproduce", *configs, "--seeds", "0", "1", "0", "--dry_run"]) == 0
    assert capsys.readouterr().out == once


def test_an_option_with_a_space_is_not_taken_for_a_seed(capsys):
    lines = dry(capsys, "demo", "--seeds", "1", "--data.forget.classes=[1, 2]", "--data.forget.rate=null")
    assert lines[1].startswith(
        "medunlearn fit --config configs/demo_retrain.yaml '--data.forget.classes=[1, 2]' --data"
    )
    assert len(lines) == 3


def test_the_original_of_a_seed_follows_where_an_option_names_it(capsys):
    train = write("t.yaml", run_dir="r/t", model=model("Train"))
    salun = write("s.yaml", run_dir="r/s", model=model("SalUn", "r/t"), reference="r/r")
    retrain = write("r.yaml", run_dir="r/r", model=model("Retrain"))
    lines = dry(capsys, train, salun, retrain, "--seeds", "1")
    assert lines[-1].endswith("--run_dir r/s_seed1 --model.init_args.original r/t_seed1 --reference r/r_seed1")
