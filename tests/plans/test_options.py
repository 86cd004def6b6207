"""Settings of plans: options of a command line and of plan files become nested mappings, and commands again."""

import pytest

from medunlearn.errors import InputError
from medunlearn.plans.options import nested, overrides_from_argv, overrides_from_mapping, setting


@pytest.mark.parametrize(
    ("argv", "settings"),
    [
        (["--data.file=F.npz"], {"data": {"file": "F.npz"}}),
        (["--data.file", "F.npz"], {"data": {"file": "F.npz"}}),
        (["--data", "{size: 28}"], {"data": {"size": 28}}),
        (
            ['--data={"forget": {"rate": 0.1}}', "--data.forget.seed", "3"],
            {"data": {"forget": {"rate": 0.1, "seed": 3}}},
        ),
        (["--trainer.max_epochs", "3", "--trainer.max_epochs=4"], {"trainer": {"max_epochs": 4}}),
        (["--data.forget.seed", "-1"], {"data": {"forget": {"seed": -1}}}),
        (["--data.forget.rate=null"], {"data": {"forget": {"rate": None}}}),
        (
            ["--model", "SalUn", "--model.original", "r"],
            {"model": {"class_path": "SalUn", "init_args": {"original": "r"}}},
        ),
        (["--seed_everything", "--data={size: 28"], {"seed_everything": None, "data": "{size: 28"}),
        (["--data.forget.classes=[1, 2]"], {"data": {"forget": {"classes": [1, 2]}}}),
    ],
)
def test_options_of_a_command_line_are_settings_and_stay_as_typed(argv, settings):
    overrides = overrides_from_argv(argv)
    assert nested(overrides) == settings
    assert [argument for each in overrides for argument in each.argv] == argv


def test_options_that_append_keep_their_order():
    argv = ["--trainer.callbacks+=A", "--trainer.callbacks.x=1", "--trainer.callbacks+=B", "--trainer.callbacks.x=2"]
    assert [argument for each in overrides_from_argv(argv) for argument in each.argv] == argv


def test_options_of_a_plan_file_are_settings():
    overrides = overrides_from_mapping({"data.forget": {"rate": 0.5}, "data.file": "a b.npz", "data.as_rgb": True})
    assert nested(overrides) == {"data": {"forget": {"rate": 0.5}, "file": "a b.npz", "as_rgb": True}}
    assert [argument for each in overrides for argument in each.argv] == [
        '--data.forget={"rate": 0.5}',
        "--data.file=a b.npz",
        "--data.as_rgb=true",
    ]


def test_overrides_change_only_what_they_name_and_not_the_config():
    content = {"data": {"dataset": "bloodmnist", "forget": {"rate": 0.1}}, "model": {"class_path": "Train"}}
    settings = nested(overrides_from_argv(["--data.forget.seed=2", "--data.dataset", "x"]), content)
    assert settings["data"] == {"dataset": "x", "forget": {"rate": 0.1, "seed": 2}}
    assert content["data"] == {"dataset": "bloodmnist", "forget": {"rate": 0.1}}
    assert setting(settings, "data.forget.rate") == 0.1
    assert setting(settings, "data.dataset.no.such", 5) == 5


def test_aliases_of_aliases_are_not_written_out():
    level = "x: 1"
    for _ in range(40):
        level = f"a: &b {{{level}}}, c: *b"
    assert nested(overrides_from_argv([f"--data={{{level}}}"]))


def test_an_argument_of_no_option_is_refused():
    with pytest.raises(InputError, match="64: belongs to no option; name plans and config files before the options"):
        overrides_from_argv(["--data.size", "28", "64"])


@pytest.mark.parametrize("null", ["null", "None"])
def test_none_is_null_in_options_of_a_plan(null):
    for argv in ([f"--reference={null}"], ["--reference", null]):
        assert overrides_from_argv(argv)[0].value is None
    assert overrides_from_mapping({"reference": None if null == "null" else null})[0].value is None
