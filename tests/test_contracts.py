"""What the parts agree on: arguments are kept as they were given, and become plain values."""

import copy
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from medunlearn.contracts import NOT_PLAIN, KeepsArguments, plain, undrawn_seed


class Base(KeepsArguments):
    """Stands for a method of the package."""

    def __init__(self, classes, lr=0.1, **more):
        self.lr = lr * 2
        torch.rand(1)


class Derived(Base):
    """Stands for a user's own."""

    def __init__(self, rate=3, **more):
        super().__init__(**more)


def test_arguments_are_those_given_whatever_attributes_hold():
    assert Base(4).arguments() == {"classes": 4, "lr": 0.1}
    assert Base(4, 0.5).arguments() == {"classes": 4, "lr": 0.5}
    assert Derived(classes=2, lr=0.3).arguments() == {"rate": 3, "classes": 2, "lr": 0.3}
    assert copy.deepcopy(Derived(7, classes=2)).arguments() == {"rate": 7, "classes": 2}


def test_undrawn_seed_is_known_until_something_is_drawn():
    torch.manual_seed(5)
    first, second = Base(1), Base(1)
    assert first.built_from_seed == 5
    assert second.built_from_seed is None
    torch.manual_seed(6)
    assert undrawn_seed() == 6
    torch.rand(1)
    assert undrawn_seed() is None


@dataclass
class Spec:
    """Stands for an argument that is a group of settings."""

    rate: object
    files: tuple


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        ("a", "a"),
        ([(1, 2.5), []], [[1, 2.5], []]),
        ({1: Path("a/b")}, {"1": "a/b"}),
        (Spec(rate=0.1, files=(Path("a"),)), {"rate": 0.1, "files": ["a"]}),
    ],
)
def test_plain_keeps_what_yaml_and_json_hold(value, expected):
    assert plain(value) == expected
    assert type(plain(value)) is type(expected)


@pytest.mark.parametrize("value", [object(), {1}, Spec, torch.ones(1), [1, [object()]], {"a": {"b": torch.ones(2)}}])
def test_plain_marks_what_they_do_not_hold(value):
    assert plain(value) is NOT_PLAIN
    assert plain(Spec(rate=value, files=())) is NOT_PLAIN
