"""What the parts agree on: arguments are kept as they were given."""

import copy

import torch

from medunlearn.contracts import KeepsArguments, undrawn_seed


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
