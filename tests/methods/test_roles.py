"""A method is what its role says."""

from pathlib import Path

import pytest

from medunlearn.errors import InputError
from medunlearn.methods import Classifier, Train
from medunlearn.methods.roles import check_role

FORGET = "--data.forget.rate=0.25"


@pytest.mark.parametrize("role", ["original", "retrained", "unlearned"])
def test_a_role_takes_the_images_that_make_it_one(role):
    taken = set()
    for draw in ("all", "retain", "forget", "forget_then_retain", "paired", "paired_by_forget"):
        try:
            assert check_role(draw, role, "M") == draw
            taken.add(draw)
        except InputError as error:
            assert str(error).startswith(f"images={draw}: M has the role {role}, which trains on ")  # noqa: PT017
    assert (
        taken
        == {
            "original": {"all", "forget_then_retain", "paired"},
            "retrained": {"retain"},
            "unlearned": {"all", "retain", "forget", "forget_then_retain", "paired", "paired_by_forget"},
        }[role]
    )


@pytest.mark.parametrize("draw", ["forgotten", "", None, 0, ["forget"], {"forget": 1}, {"forget"}, ("all", "all")])
@pytest.mark.parametrize("role", ["original", "retrained", "unlearned"])
def test_what_is_no_draw_is_one_line_with_the_choice_whatever_it_is(role, draw):
    with pytest.raises(InputError) as caught:
        check_role(draw, role, "M")
    choice = "all, retain, forget, forget_then_retain, paired, paired_by_forget"
    assert str(caught.value) == f"images={draw}: unknown draw; choose one of {choice}"


def test_list_of_a_draw_is_refused_before_the_run_directory_is_touched(fit, monkeypatch, capsys):
    monkeypatch.setattr(Train, "images", lambda self, epoch: ["all"])
    fit("Train", "t", status=2)
    assert "error: images=['all']: unknown draw; choose one of all, retain" in capsys.readouterr().err
    assert not Path("t").exists()


def test_a_retrained_model_that_sees_the_forget_set_is_refused(fit, capsys):
    fit("helpers.methods.SeeingRetrain", "r", FORGET, status=2)
    says = (
        "images=all: SeeingRetrain has the role retrained, which trains on retain; return one of them, or set another"
    )
    assert says in capsys.readouterr().err.splitlines()[-1]
    assert not Path("r").exists()


def test_an_original_may_be_trained_on_both_sets_side_by_side(fit):
    run = fit("helpers.methods.PairedTrain", "t", FORGET)
    assert '"trained_on": "paired"' in (run / "metrics.json").read_text()


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ({"training_part": "retain"}, r"`images\(self, epoch\)`, which has replaced `training_part`"),
        ({"default_epochs": 10}, "`trainer_arguments`, which has replaced `default_epochs`"),
        ({"images": "retain"}, r"images to be a method, as in `def images\(self, epoch\)`"),
        ({"images": lambda self: "all"}, r"images to be a method, as in `def images\(self, epoch\)`"),
    ],
)
def test_attributes_that_are_no_longer_read_are_refused_where_a_class_sets_them(names, says):
    with pytest.raises(TypeError, match=says):
        type("Old", (Classifier,), names)
