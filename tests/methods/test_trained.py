"""Networks that a method holds beside its backbone: which are trained, and which are not."""

import pytest
import torch
from helpers import bare
from helpers.runs import same, write_npz
from torch import nn

from medunlearn import InputError
from medunlearn.methods import FineTune


class Beside(FineTune):
    """Has a network of its own, made in `__init__`, through which its answers go."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.beside = nn.Linear(4, 4)

    def losses(self, batch):
        return (self.beside(self(batch.images)) - 1).square().sum(1)


class Head(Beside):
    """Trains it."""

    def trained(self):
        return [*super().trained(), *self.beside.parameters()]


class Teacher(Beside):
    """Keeps it frozen."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.beside.requires_grad_(False)


class Ungraded(Beside):
    """Asks it without gradients, as one asks a teacher."""

    def losses(self, batch):
        with torch.no_grad():
            wanted = self.beside(self(batch.images))
        return (self(batch.images) - wanted).square().sum(1)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that trains a class; it returns what its own network was before and is after."""
    original, file = bare.untrained(tmp_path / "t.ckpt"), write_npz(tmp_path / "i.npz")

    def train(kind):
        first = []
        init = kind.__init__

        def making(self, *args, **kwargs):
            init(self, *args, **kwargs)
            first.append({name: value.clone() for name, value in self.beside.state_dict().items()})

        monkeypatch.setattr(kind, "__init__", making)
        monkeypatch.setattr(bare, "find", lambda *_: kind)
        made = bare.train("own", original, file, 1)
        return first[0], dict(made.beside.state_dict())

    return train


def test_network_that_a_method_names_is_trained(run):
    assert not same(*run(Head))


@pytest.mark.parametrize("kind", [Teacher, Ungraded])
def test_network_that_takes_no_gradient_stays(run, kind):
    assert same(*run(kind))


def test_network_that_is_neither_named_nor_frozen_is_refused(run):
    """Trained in silence, a teacher would be another at each step."""
    says = "trained: Beside.beside.weight gets a gradient and is not trained; return it from `trained`"
    with pytest.raises(InputError, match=says):
        run(Beside)
