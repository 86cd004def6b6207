"""What a command line resolves to, and what is printed of it."""

from pathlib import Path

import pytest
import yaml

from medunlearn.__main__ import main
from medunlearn.cli.settings import BUILT, resolved_settings
from medunlearn.data import ForgetSpec
from medunlearn.methods import SalUn

FIT = ["fit", "--data.dataset=synthetic", "--run_dir=r"]
SALUN = [*FIT, "--model=SalUn", "--model.init_args.original=t"]
LIMITS = ("limit_train_batches", "limit_val_batches", "limit_test_batches", "limit_predict_batches", "overfit_batches")


def printed(capsys, *argv):
    capsys.readouterr()
    with pytest.raises(SystemExit, match="0"):
        main(list(argv))
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "epochs"),
    [
        (SALUN, 10),
        ([*FIT, "--model=Train"], 200),
        ([*FIT, "--model=medunlearn.Retrain"], 200),
        ([*SALUN, "--trainer.max_epochs=3"], 3),
        ([*SALUN, "--trainer.max_epochs=null"], 10),
        ([*SALUN, "--trainer.max_epochs=None"], 10),
        ([*SALUN, "--trainer.max_steps=7"], None),
        ([*SALUN, "--trainer.max_steps=7", "--trainer.max_epochs=null"], None),
        (["fit", "--config=later.yaml", "--model=Train"], 200),
        (["fit", "--config=later.yaml"], 10),
    ],
)
def test_print_config_shows_the_epochs_that_will_run(capsys, argv, epochs):
    Path("later.yaml").write_text(
        "model: {class_path: medunlearn.SalUn, init_args: {original: t}}\ntrainer: {max_epochs: null}\n"
        "data: {dataset: synthetic}\nrun_dir: r\n"
    )
    assert yaml.safe_load(printed(capsys, *argv, "--print_config"))["trainer"]["max_epochs"] == epochs
    assert resolved_settings(argv)["trainer"]["max_epochs"] == epochs


def test_arguments_of_a_methods_own_trainer_are_defaults(monkeypatch):
    own = {"max_epochs": 4, "reload_dataloaders_every_n_epochs": 1}
    monkeypatch.setattr(SalUn, "trainer_arguments", own)
    found = resolved_settings(SALUN)["trainer"]
    assert {name: found[name] for name in own} == own
    assert resolved_settings([*SALUN, "--trainer.reload_dataloaders_every_n_epochs=0"])["trainer"]["max_epochs"] == 4


def test_help_of_a_method_leaves_out_what_comes_from_the_data(capsys):
    shown = printed(capsys, "fit", "--model.help=SalUn")
    assert "--model.init_args.original" in shown
    assert "--model.init_args.mask_ratio" in shown
    assert "num_classes" not in shown
    assert "in_channels" not in shown


def test_help_says_that_a_method_states_its_epochs_and_that_of_the_method_how_many(capsys):
    shown = " ".join(printed(capsys, "fit", "--help").split())
    assert "By default as many as the method states, which may be none." in shown
    assert "--trainer.max_epochs 10" in printed(capsys, "fit", "--model.help=SalUn")
    assert "max_epochs = 1000" not in shown
    assert len([line for line in shown.splitlines() if line.startswith("usage")]) == 1


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize(("value", "meant"), [("1", 1), ("1.0", 1.0), ("0.5", 0.5), ("3", 3)])
def test_a_whole_number_of_batches_stays_whole(name, value, meant):
    found = resolved_settings([*FIT, "--model=Train", f"--trainer.{name}={value}"])["trainer"][name]
    assert (found, type(found)) == (meant, type(meant))


def test_none_of_a_sweep_is_null():
    found = resolved_settings([*FIT, "--model=Train", "--data.forget.rate=None", "--trainer.limit_val_batches=None"])
    assert found["data"]["forget"]["rate"] is None
    assert found["trainer"]["limit_val_batches"] is None


def test_one_batch_is_one_batch_also_when_the_run_is_repeated(fit):
    run = fit("Train", "one", "--trainer.limit_train_batches=1", epochs=1)
    assert yaml.safe_load((run / "config.yaml").read_text())["trainer"]["limit_train_batches"] == 1
    assert "limit_train_batches: 1\n" in (run / "config.yaml").read_text()
    again = [f"--config={run}/config.yaml", "--run_dir=again"]
    assert main(["fit", *again]) == 0
    for path in (run, Path("again")):
        import torch

        state = torch.load(path / "checkpoints" / "last.ckpt", weights_only=True)
        assert state["global_step"] == 1


def test_one_callback_is_taken_as_a_list_of_one(fit):
    run = fit("Train", "one", "--trainer.callbacks=EMAWeightAveraging", epochs=1)
    assert main(["fit", f"--config={run}/config.yaml", "--run_dir=again"]) == 0


@pytest.mark.parametrize("null", ["null", "None"])
def test_none_is_null_wherever_it_is_written(null):
    own = f"data: {{dataset: synthetic, forget: {{rate: {null}, classes: [1]}}}}\nrun_dir: r\nreference: {null}\n"
    Path("own.yaml").write_text(f"{own}model: {{class_path: Train, init_args: {{lr_schedule: step}}}}\n")
    ways = [
        ["--data.forget.rate=0.5", f"--data.forget.rate={null}", f"--reference={null}"],
        ["--data.forget.rate=0.5", "--data.forget.rate", null, "--reference", null],
        [f"--data={{forget: {{rate: {null}}}}}"],
        ["--config=own.yaml"],
    ]
    for way in ways:
        found = resolved_settings([*FIT, "--model=Train", "--data.forget.classes=[1]", *way])
        assert found["data"]["forget"] == {
            "rate": None,
            "classes": [1],
            "indices": None,
            "seed": 0,
            "stratified": False,
            "groups": None,
            "group_by": "patient",
            "after": None,
        }
        assert found["reference"] is None


def test_names_of_patients_are_those_that_are_written():
    """On the command line as in a config, where YAML would take 0017 for 15."""
    Path("c.yaml").write_text("data:\n  forget:\n    groups: [0017, 17, 1e3, P1]\n")
    for given in ("--data.forget.groups=[0017,17,1e3,P1]", "--config=c.yaml"):
        settings = resolved_settings([*FIT, "--model=Retrain", given])
        assert ForgetSpec(groups=settings["data"]["forget"]["groups"]).groups == ["0017", "17", "1e3", "P1"]


def test_parsers_that_serve_a_further_stage_keep_nothing_of_the_one_before(capsys):
    """They are built once for a command: neither a method's epochs stay, nor an option, nor a request to print."""
    BUILT.clear()
    first = resolved_settings([*FIT, "--model=Train"])
    assert BUILT.keys() == {"fit"}
    unlearning = [*SALUN, "--trainer.gradient_clip_val=1"]
    other = resolved_settings(unlearning)
    assert other["trainer"]["max_epochs"] == SalUn.trainer_arguments["max_epochs"] != first["trainer"]["max_epochs"]
    assert main([*FIT, "--model=Train", "--print_config", "--trainer.max_epochs=many"]) == 2
    assert not BUILT, "a parser that has failed is not used again"
    capsys.readouterr()
    assert resolved_settings([*FIT, "--model=Train"]) == resolved_settings([*FIT, "--model=Train"]) == first
    assert capsys.readouterr().out == ""
