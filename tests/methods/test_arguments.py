"""Arguments of a class and of its bases."""

from pathlib import Path

from medunlearn.contracts import KeepsArguments
from medunlearn.methods.arguments import arguments, departures


class Base(KeepsArguments):
    def __init__(self, lr=0.1, milestones=(1, 2), folder=None):
        self.lr, self.milestones, self.folder = lr, milestones, folder


class Between(Base):
    """Has no arguments of its own."""


class Method(Between):
    def __init__(self, *args, strength=2.0, lr=0.3, lost=1, **kwargs):
        super().__init__(*args, lr=lr, **kwargs)
        self.strength = strength


class Closed(Method):
    def __init__(self, only=1):
        super().__init__()
        self.only = only


def test_arguments_of_the_bases_belong_to_a_class_that_hands_them_on():
    found = {name: parameter.default for name, parameter in arguments(Method).items()}
    assert found == {"strength": 2.0, "lr": 0.3, "lost": 1, "milestones": (1, 2), "folder": None}
    assert list(arguments(Closed)) == ["only"]


def test_departures_are_from_the_defaults_of_the_class_itself():
    assert departures(Method()) == {}
    assert departures(Method(lr=0.1, milestones=[1, 2], lost=1)) == {"lr": 0.1}
    assert departures(Method(milestones=(3,), folder=Path("a"), lost=2)) == {
        "milestones": [3],
        "folder": "a",
        "lost": 2,
    }


def test_a_value_that_json_cannot_hold_is_left_out():
    assert departures(Method(strength=object(), folder={1})) == {}
    assert departures(Method(strength={"by": (1, 2)})) == {"strength": {"by": [1, 2]}}
