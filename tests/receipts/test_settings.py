"""Which settings a receipt shows."""

from medunlearn.receipts.settings import shown_settings


def test_numbers_and_known_words_are_shown_and_nothing_else():
    config = {
        "seed_everything": 3,
        "run_dir": "runs/P0017",
        "model": {
            "class_path": "medunlearn.methods.SalUn",
            "init_args": {"lr": 0.1, "original": "P0017", "note": "P0017", "milestones": [1, 2], "backbone": "a/P0017"},
        },
        "data": {
            "file": "P0017.npz",
            "dataset": "bloodmnist",
            "size": 64,
            "batch_size": 8,
            "groups": "P0017.csv",
            "forget": {"rate": None, "groups": [17]},
        },
        "trainer": {
            "max_epochs": 2,
            "precision": "bf16-mixed",
            "logger": {"init_args": {"name": "P0017"}},
            "x": "P0017",
        },
        "evaluation": "P0017",
    }
    assert shown_settings(config) == {
        "seed_everything": 3,
        "model.class_path": "medunlearn.methods.SalUn",
        "model.init_args.lr": 0.1,
        "model.init_args.milestones": [1, 2],
        "data.batch_size": 8,
        "trainer.max_epochs": 2,
        "trainer.precision": "bf16-mixed",
    }


def test_public_set_is_shown():
    config = {"data": {"file": None, "dataset": "bloodmnist", "size": 64}}
    assert shown_settings(config) == {"data.dataset": "bloodmnist", "data.size": 64}


def test_broken_configuration_shows_nothing():
    assert shown_settings({"model": [1], "trainer": None}) == {}
