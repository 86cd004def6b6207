"""Experiments: which runs are its seeds, and their mean and deviation."""

from pathlib import Path

from helpers.fake_runs import chain, change, fake, write


def test_the_same_experiment_twice_is_refused(capsys):
    train, retrain, salun = chain()
    again = fake("runs/again", "SalUn", (1.0, 99, 96, 5), before=(1, 99, 96, 4), original=train)
    write(train, retrain, salun, again, status=2)
    assert "are the same experiment, seed 0; give one of them" in capsys.readouterr().err
    assert not Path("out").exists()


def test_seeds_of_other_settings_are_no_seeds_of_one_experiment(capsys):
    first = chain(seed=0)
    write(*first, *chain(seed=1)[:1], fake("runs/other", "Retrain", (9.0, 98, 95, 10), seed=1, lr=0.5), status=2)
    assert "would be seeds of one experiment, but lr is 0.1 and 0.5" in capsys.readouterr().err


def test_forget_sets_of_other_sizes_are_no_seeds_of_one_experiment(capsys):
    first, second = chain(seed=0), chain(seed=1)
    for run in second[1:]:
        change(run, n={"forget": 6, "retain": 34, "test": 12, "val": 8})
    write(*first, *second, status=2)
    assert "one experiment, but the number of forgotten images is 4 and 6" in capsys.readouterr().err
