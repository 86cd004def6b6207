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
    assert len(lines) == 4


def test_the_original_of_a_seed_follows_where_an_option_names_it(capsys):
    train = write("t.yaml", run_dir="r/t", model=model("Train"))
    salun = write("s.yaml", run_dir="r/s", model=model("SalUn", "r/t"), reference="r/r")
    retrain = write("r.yaml", run_dir="r/r", model=model("Retrain"))
    lines = dry(capsys, train, salun, retrain, "--seeds", "1")
    assert lines[-1].endswith("--run_dir r/s_seed1 --model.init_args.original r/t_seed1 --reference r/r_seed1")


def retrained():
    """A plan's Train, Retrain and SalUn, the second named as the third's reference."""
    forget = {"forget": {"rate": 0.1}}
    return [
        write("t.yaml", run_dir="r/t", model=model("Train")),
        write("r.yaml", run_dir="r/r", model=model("Anything"), data=forget),
        write("s.yaml", run_dir="r/s", model=model("SalUn", "r/t"), data=forget, reference="r/r"),
    ]


def test_retrain_seeds_repeat_what_others_name_as_reference_with_another_seed_alone(capsys):
    lines = dry(capsys, *retrained(), "--retrain_seeds", "1", "2", "1")
    assert lines == [
        "medunlearn fit --config t.yaml",
        "medunlearn fit --config r.yaml",
        "medunlearn fit --config r.yaml --seed_everything 1 --run_dir r/r_retrain1 --reference r/r",
        "medunlearn fit --config r.yaml --seed_everything 2 --run_dir r/r_retrain2 --reference r/r",
        "medunlearn fit --config s.yaml",
    ]
    assert dry(capsys, write("plan.yaml", configs=["t.yaml", "r.yaml", "s.yaml"], retrain_seeds=[1, 2])) == lines


def test_retrain_seeds_keep_the_forget_set_of_each_variation(capsys):
    argv = [*retrained(), "--seeds", "0", "1", "--augmentations", "NoAug", "--retrain_seeds", "7"]
    found = [line for line in dry(capsys, *argv) if "_retrain7" in line]
    start = "medunlearn fit --config r.yaml --data.augmentation NoAug"
    assert found == [
        f"{start} --run_dir r/r_NoAug --seed_everything 7 --run_dir r/r_NoAug_retrain7 --reference r/r_NoAug",
        f"{start} --seed_everything 1 --data.forget.seed 1 --run_dir r/r_NoAug_seed1 --seed_everything 7 "
        "--run_dir r/r_NoAug_seed1_retrain7 --reference r/r_NoAug_seed1",
    ]


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        (["0"], "retrain_seeds=0: is the seed of r/r itself"),
        (["x"], "retrain_seeds=x: not a seed"),
        (["1", "--seeds", "0", "1"], "retrain_seeds=1: is the seed of r/r_seed1 itself"),
    ],
)
def test_retrain_seeds_that_make_no_other_model_are_refused(capsys, seeds, message):
    assert main(["reproduce", *retrained(), "--dry_run", "--retrain_seeds", *seeds]) == 2
    assert message in capsys.readouterr().err
