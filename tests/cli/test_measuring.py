"""What a finished run says of itself, and what the command line says of it, where it is measured."""

from pathlib import Path

import pytest
from helpers.runs import FORGET, QUIET, refused

from medunlearn.__main__ import main
from medunlearn.cli.given import given_settings
from medunlearn.cli.measuring import TRAINER, trainer_arguments, with_option_name, with_own_config


@pytest.mark.parametrize("command", ["validate", "test", "predict"])
def test_a_run_directory_alone_brings_its_configuration(fit, command):
    run = fit.original("a", epochs=1)
    options = ["--run_dir=a", *QUIET]
    assert with_own_config(command, options) == ["--config", str(run / "config.yaml"), *options]
    assert with_own_config("fit", options) == options


@pytest.mark.parametrize("command", ["validate", "test", "predict"])
def test_what_comes_first_is_the_run_directory(command):
    assert with_option_name(command, ["my run", "--overwrite=true"]) == ["--run_dir", "my run", "--overwrite=true"]
    assert with_option_name(command, ["--run_dir=a"]) == ["--run_dir=a"]
    assert with_option_name(command, []) == []


def test_a_run_directory_is_measured_without_an_options_name(fit, capsys):
    fit.original("a", epochs=1)
    assert main(["test", "a", *QUIET]) == 0
    assert "TA" in capsys.readouterr().out
    assert refused(capsys, "fit", "a") == (
        "a: is not the value of an option; the run there is finished, and `medunlearn test --run_dir a` measures it"
    )
    Path("a/metrics.json").unlink()
    assert refused(capsys, "fit", "a") == (
        "a: is not the value of an option; the run there is unfinished; go on with "
        "`medunlearn fit --config a/config.yaml --resume true`"
    )


@pytest.mark.parametrize("more", [["--config=a/config.yaml"], ["-c", "a/config.yaml"], ["--model=Train"], ["--help"]])
def test_a_run_directory_is_not_alone_beside_a_config_or_a_method(fit, more):
    fit.original("a", epochs=1)
    options = ["--run_dir=a", *more]
    assert with_own_config("test", options) == options


def test_a_run_directory_without_a_finished_run_is_refused_before_its_configuration_is_read(fit, capsys):
    run = fit.once("Train", "a", FORGET, epochs=1)
    (run / "config.yaml").write_text("trainer: 5\n")
    assert refused(capsys, "test", "--run_dir=a").startswith(
        "run_dir=a: config.yaml is not the file that the run wrote"
    )
    assert refused(capsys, "test", "--run_dir=b").startswith("run_dir=b: no run there; make it with ")
    assert refused(capsys, "test").startswith("test: nothing is given; name a finished run:")


@pytest.mark.parametrize(
    ("typed", "open_ones"),
    [
        ([], set(TRAINER)),
        (["--trainer.precision=bf16-mixed"], set(TRAINER) - {"precision"}),
        (["--trainer.precision", "bf16-mixed"], set(TRAINER) - {"precision"}),
        (["--trainer={precision: bf16-mixed}"], set(TRAINER) - {"precision"}),
        (["--trainer.limit_test_batches=2"], set(TRAINER) - {"limit_test_batches"}),
    ],
)
def test_arguments_of_the_trainer_are_open_unless_they_are_typed(tmp_path, typed, open_ones):
    config = tmp_path / "config.yaml"
    config.write_text("trainer: {precision: bf16-mixed, limit_val_batches: 0}\n")
    found = trainer_arguments(given_settings(["--config", str(config), *typed]))
    assert found.keys() == open_ones
    assert found.get("precision", "32-true") == "32-true"
