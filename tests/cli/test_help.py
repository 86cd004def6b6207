import re

import pytest

from medunlearn import FineTune, SalUn, Train
from medunlearn.__main__ import main
from medunlearn.cli.help import method_help
from medunlearn.cli.settings import resolved_settings
from medunlearn.plugins import names


def printed(capsys, *argv):
    with pytest.raises(SystemExit, match="0"):
        main(argv)
    return capsys.readouterr().out


@pytest.mark.parametrize("command", ["fit", "validate", "test", "predict"])
def test_help_has_our_options_in_groups_then_the_trainers_and_is_short(capsys, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    shown = printed(capsys, command, "--help")
    lines = shown.splitlines()
    assert len(lines) < 150
    assert max(map(len, lines[2:])) <= 80
    assert [line for line in lines if line.endswith(":") and line[0] != " "] == [
        "run:",
        "model:",
        "data:",
        "forget set, by one of rate, classes, indices and groups:",
        "evaluation:",
        "Lightning's Trainer:",
        "examples:",
    ]
    assert lines[0].startswith(f"usage: medunlearn {command} --model NAME")
    assert lines[1] == f"       medunlearn {command} --config FILE [options]"
    for option in ("run_dir", "data.class_names", "data.forget.classes", "evaluation.seed", "trainer.precision"):
        assert re.search(rf"^  --{option} ", shown, re.MULTILINE)
    assert "limit_train_batches" in shown
    assert "ckpt_path" not in shown, "it is refused"
    assert "SUPPRESS" not in shown


def test_help_lists_the_methods_or_the_arguments_of_the_one_that_is_named(capsys):
    shown = " ".join(printed(capsys, "fit", "--help").split())
    assert f"import path. {', '.join(names('methods'))} `medunlearn list methods` says what each is" in shown
    shown = " ".join(printed(capsys, "fit", "--model=SalUn", "--help").split())
    assert "`medunlearn fit --model.help SalUn` explains" in shown
    assert "mask_ratio" in shown
    assert "num_classes," not in shown


def test_help_of_the_trainer_has_all_its_options_and_no_others(capsys):
    shown = printed(capsys, "fit", "--trainer.help")
    assert "--trainer.limit_train_batches" in shown
    assert "  --data." not in shown


def test_help_of_a_method_begins_with_its_own_arguments_and_leaves_out_what_the_data_say(capsys):
    shown = printed(capsys, "fit", "--model.help", "SalUn")
    titles = ["arguments of SalUn:", "arguments of every method that unlearns:", "arguments of every method:"]
    places = [shown.index(title) for title in titles]
    assert places == sorted(places)
    own, unlearns, every = shown[places[0] : places[1]], shown[places[1] : places[2]], shown[places[2] :]
    assert all(f"--model.init_args.{name} " in own for name in ("mask_ratio", "relabel", "schedule", "lr"))
    assert "--model.init_args.original PATH" in unlearns
    assert "Required" in unlearns
    assert "--model.init_args.backbone NAME" in every
    assert not re.search("num_classes|in_channels|image_size", shown)
    assert "--trainer.max_epochs 10" in shown


def test_help_of_a_method_states_the_defaults_that_run():
    argv = ["fit", "--model=SalUn", "--model.init_args.original=t", "--data.dataset=bloodmnist", "--run_dir=r"]
    found = resolved_settings(argv)["model"]["init_args"]
    shown = dict(re.findall(r"--model\.init_args\.(\w+) .*?Default:\s+(\S+)\.\s", method_help(SalUn), re.DOTALL))
    assert {"lr", "mask_ratio", "momentum", "weight_decay"} <= shown.keys()
    for name in ("lr", "mask_ratio", "momentum", "weight_decay", "lr_min"):
        assert float(shown[name]) == found[name]
    assert "--trainer.max_epochs 200" in method_help(Train)
    assert "that unlearns" not in method_help(Train)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Salum", "no such method; did you mean SalUn? The choice is Train, Pretrained, Retrain, SalUn"),
        ("pathlib.Path", "no such method; give a subclass of medunlearn.methods.Classifier"),
        ("nowhere.Own", "no such method: no module nowhere is found"),
    ],
)
def test_help_of_a_method_that_there_is_not_is_refused(capsys, name, problem):
    assert main(["fit", "--model.help", name]) == 2
    assert capsys.readouterr().err.startswith(f"medunlearn: error: model.help={name}: {problem}")


def test_help_of_a_method_without_its_name_lists_them_or_takes_the_models(capsys):
    assert re.search(r"^    SalUn +Saliency unlearning", printed(capsys, "fit", "--model.help"), re.MULTILINE)
    assert printed(capsys, "fit", "--model=Train", "--model.help").startswith("Train: ")


@pytest.mark.parametrize("command", ["fit", "validate", "test", "predict"])
def test_a_command_without_options_says_what_to_give(capsys, command):
    assert main([command]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith(f"medunlearn: error: {command}: nothing is given; name ")
    assert 3 <= len(shown.splitlines()) <= 4
    assert f"medunlearn {command} --config " in shown


class InNumPysForm(FineTune):
    """A method whose author writes docstrings as NumPy does.

    Parameters
    ----------
    pull : float
        Strength of the pull to the start.
    """

    def __init__(self, *args, pull: float = 1.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.pull = pull


def test_arguments_of_ones_own_method_are_explained_in_whatever_form_its_docstring_has():
    assert re.search(r"--model\.init_args\.pull X +Strength of the pull to the start\.", method_help(InNumPysForm))
